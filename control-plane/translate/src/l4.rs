//! Connections that are carried as bytes: the TCP and TLS rules of VirtualServices, and what follows without any.

use std::net::IpAddr;

use ferro_model::istio::{RouteDestination, TcpRoute, TlsRoute};
use ferro_model::mesh::{GatewayRef, MeshVirtualService, Service, ServiceAddress, ServicePort, TrafficBlocks};
use ferro_xds_protos::wkt;

use crate::destination::Resolved;
use crate::listener::server_names;
use crate::listener::tcp::{Limits, Target};
use crate::names;
use crate::outbound::Outbound;
use crate::output::Output;
use crate::parts::{range, single};
use crate::pb::core::CidrRange;
use crate::pb::listener::{FilterChain, FilterChainMatch};
use crate::pb::route::weighted_cluster::ClusterWeight;
use crate::pb::route::{WeightedCluster, route_action};
use crate::route::rule::{Place, is_caller};

/// The filter chains for connections to one port of a service, the one that takes the rest last. `ranges` narrows all of them
/// to a service's address ranges. TLS without address or range is told apart by the service's own name.
pub(crate) fn chains(
    view: &Outbound<'_>,
    service: &Service,
    port: &ServicePort,
    ranges: &[(IpAddr, u8)],
    out: &mut Output,
) -> Vec<FilterChain> {
    let rules = rules_for(view, service, port);
    let mut chains = Vec::new();
    if let Some(rules) = rules {
        for rule in rules.spec.tls.iter().filter(|_| port.protocol.is_tls()) {
            chains.extend(by_server_name(view, service, port, rules, rule, out));
        }
        for rule in &rules.spec.tcp {
            for found in by_subnet(view, port, rules, rule) {
                let target = destinations(view, service, port, rules, &rule.route, out);
                chains.push(chain(view, found, &target));
            }
            if takes_rest(view, port, rules, rule) {
                break;
            }
        }
    }
    let rest = target(view, service, port, out);
    chains.push(chain(view, whole_service(service, port, ranges), &rest));
    chains
}

/// Where connections to a port go that no rule with a condition takes.
pub(crate) fn target(view: &Outbound<'_>, service: &Service, port: &ServicePort, out: &mut Output) -> Target {
    if let Some(rules) = rules_for(view, service, port) {
        let open = rules.spec.tcp.iter().find(|rule| takes_rest(view, port, rules, rule));
        if let Some(rule) = open {
            return destinations(view, service, port, rules, &rule.route, out);
        }
    }
    let name = names::outbound_cluster(port.number, "", &service.host);
    out.destinations.insert(service.host.clone());
    let policy = view.rule(service).map(|rule| rule.policy(None, port.number)).unwrap_or_default();
    Target { limits: Limits::of(&policy), ..Target::cluster(name) }
}

/// Clusters with weights as a route's destination.
pub(crate) fn weighted(clusters: &[(String, u32)]) -> route_action::ClusterSpecifier {
    match clusters {
        [(only, _)] => route_action::ClusterSpecifier::Cluster(only.clone()),
        several => {
            let weights = several.iter().map(|(name, weight)| ClusterWeight {
                name: name.clone(),
                weight: Some(wkt::uint32(*weight)),
                ..ClusterWeight::default()
            });
            route_action::ClusterSpecifier::WeightedClusters(WeightedCluster {
                clusters: weights.collect(),
                ..WeightedCluster::default()
            })
        }
    }
}

fn rules_for<'a>(view: &'a Outbound<'_>, service: &Service, port: &ServicePort) -> Option<&'a MeshVirtualService> {
    let listener = view.scope.listener_for_port(port.number)?;
    view.mesh.virtual_service_for(&view.scope, listener, &service.host).map(|rules| &**rules)
}

fn place<'a>(view: &'a Outbound<'_>, port: &ServicePort) -> Place<'a> {
    Place { gateway: &GatewayRef::Mesh, port: port.number, namespace: &view.key.namespace, labels: &view.key.labels }
}

// The parts that TLS and TCP conditions share; here gateways are asked besides the caller, not instead of it.
macro_rules! applies {
    ($view:expr, $port:expr, $rules:expr, $matching:expr) => {{
        let (place, matching) = (place($view, $port), $matching);
        let gateway = |text: &String| GatewayRef::parse(text, &$rules.key.namespace) == *place.gateway;
        matching.port.is_none_or(|port| port == 0 || port == u32::from(place.port))
            && (matching.gateways.is_empty() || matching.gateways.iter().any(gateway))
            && is_caller(&matching.source_labels, matching.source_namespace.as_deref(), place)
    }};
}

fn takes_rest(view: &Outbound<'_>, port: &ServicePort, rules: &MeshVirtualService, rule: &TcpRoute) -> bool {
    rule.match_.is_empty()
        || rule.match_.iter().any(|found| found.destination_subnets.is_empty() && applies!(view, port, rules, found))
}

fn by_subnet(
    view: &Outbound<'_>,
    port: &ServicePort,
    rules: &MeshVirtualService,
    rule: &TcpRoute,
) -> Vec<FilterChainMatch> {
    let matching = rule.match_.iter().filter(|found| applies!(view, port, rules, found));
    let narrowed = matching.filter(|found| !found.destination_subnets.is_empty());
    narrowed
        .map(|found| FilterChainMatch {
            prefix_ranges: found.destination_subnets.iter().filter_map(|subnet| subnet_range(subnet)).collect(),
            ..FilterChainMatch::default()
        })
        .collect()
}

fn by_server_name(
    view: &Outbound<'_>,
    service: &Service,
    port: &ServicePort,
    rules: &MeshVirtualService,
    rule: &TlsRoute,
    out: &mut Output,
) -> Vec<FilterChain> {
    let matching: Vec<_> = rule.match_.iter().filter(|found| applies!(view, port, rules, found)).collect();
    matching
        .into_iter()
        .map(|found| {
            let target = destinations(view, service, port, rules, &rule.route, out);
            let ranges = found.destination_subnets.iter().filter_map(|subnet| subnet_range(subnet)).collect();
            let names = server_names(found.sni_hosts.clone());
            chain(view, FilterChainMatch { prefix_ranges: ranges, ..names }, &target)
        })
        .collect()
}

fn subnet_range(text: &str) -> Option<CidrRange> {
    match ServiceAddress::parse(text)? {
        ServiceAddress::Ip(ip) => Some(single(ip)),
        ServiceAddress::Range(first, prefix) => Some(range(first, prefix)),
    }
}

fn whole_service(service: &Service, port: &ServicePort, ranges: &[(IpAddr, u8)]) -> FilterChainMatch {
    let ranges: Vec<_> = ranges.iter().map(|(first, prefix)| range(*first, *prefix)).collect();
    let by_address = !ranges.is_empty() || service.ips().next().is_some();
    let found = if port.protocol.is_tls() && !by_address {
        server_names(vec![service.host.to_string()])
    } else {
        FilterChainMatch::default()
    };
    FilterChainMatch { prefix_ranges: ranges, ..found }
}

fn chain(view: &Outbound<'_>, found: FilterChainMatch, target: &Target) -> FilterChain {
    FilterChain {
        filter_chain_match: (found != FilterChainMatch::default()).then_some(found),
        filters: vec![target.filter(view.config())],
        ..FilterChain::default()
    }
}

fn destinations(
    view: &Outbound<'_>,
    service: &Service,
    port: &ServicePort,
    rules: &MeshVirtualService,
    routes: &[RouteDestination],
    out: &mut Output,
) -> Target {
    let weight = |share: &RouteDestination| share.weight.and_then(|weight| u32::try_from(weight).ok()).unwrap_or(0);
    let alone = routes.len() == 1;
    let chosen = routes.iter().filter(|share| alone || weight(share) > 0);
    let chosen: Vec<_> =
        chosen.map(|share| (Resolved::of(view, &share.destination, port.number), weight(share).max(1))).collect();
    // One proxy has one set of limits, whatever it chooses.
    let limits = chosen.first().map(|(found, _)| Limits::of(&found.policy(view))).unwrap_or_default();
    let clusters: Vec<(String, u32)> =
        chosen.iter().map(|(found, weight)| (found.claim(view, &rules.key, "spec", out), *weight)).collect();
    match &clusters[..] {
        [] => Target::cluster(names::outbound_cluster(port.number, "", &service.host)),
        [(only, _)] => Target { limits, ..Target::cluster(only.clone()) },
        _ => Target { stat: format!("{}.{}", rules.key.name, rules.key.namespace), clusters, limits },
    }
}

impl Limits {
    fn of(policy: &TrafficBlocks<'_>) -> Self {
        let tcp = policy.connection_pool.and_then(|pool| pool.tcp.as_ref());
        let hash = policy.load_balancer.and_then(|balancer| balancer.consistent_hash.as_ref());
        Self {
            idle: tcp.and_then(|tcp| tcp.idle_timeout),
            lifetime: tcp.and_then(|tcp| tcp.max_connection_duration),
            by_source: hash.is_some_and(|hash| hash.use_source_ip == Some(true)),
        }
    }
}
