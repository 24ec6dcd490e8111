//! Connections that are carried as bytes: the TCP and TLS rules of VirtualServices, and what follows without any.

use std::net::IpAddr;

use ferro_model::istio::{RouteDestination, TcpRoute, TlsRoute};
use ferro_model::mesh::{
    GatewayRef, MeshVirtualService, Resolution, Service, ServiceAddress, ServicePort, TrafficBlocks,
};
use ferro_model::object::ObjectKey;
use ferro_xds_protos::wkt;

use crate::destination::Resolved;
use crate::finding::Code;
use crate::listener::chains::Candidate;
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
/// to a service's address ranges. TLS without an address of its own is told apart by the service's own name.
pub(crate) fn chains(
    view: &Outbound<'_>,
    service: &Service,
    port: &ServicePort,
    ranges: &[(IpAddr, u8)],
    out: &mut Output,
) -> Vec<Candidate> {
    let mut chains = Vec::new();
    if let Some(rules) = rules_for(view, service, port) {
        if port.protocol.is_tls() {
            for (index, rule) in rules.spec.tls.iter().enumerate() {
                chains.extend(by_server_name(view, service, port, ranges, (rules, index, rule), out));
            }
        }
        for (index, rule) in rules.spec.tcp.iter().enumerate() {
            chains.extend(by_subnet(view, service, port, (rules, index, rule), out));
            if takes_rest(view, port, rules, rule) {
                break;
            }
        }
    }
    let rest = target(view, service, port, out);
    let whole = whole_service(service, port, ranges, out);
    let behind = rules_for(view, service, port).map(|rules| rules.key.clone());
    let whole = whole.map(|found| chain(view, found, &rest));
    chains.extend(whole.map(|chain| Candidate { chain, object: service.object(), field: String::new(), behind }));
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

/// A rule, its VirtualService and its place there.
type Placed<'a, R> = (&'a MeshVirtualService, usize, &'a R);

fn by_subnet(
    view: &Outbound<'_>,
    service: &Service,
    port: &ServicePort,
    (rules, index, rule): Placed<'_, TcpRoute>,
    out: &mut Output,
) -> Vec<Candidate> {
    let mut chains = Vec::new();
    for (at, found) in rule.match_.iter().enumerate().filter(|(_, found)| applies!(view, port, rules, found)) {
        let subnets = subnets(&found.destination_subnets);
        if !subnets.is_empty() {
            let found = FilterChainMatch { prefix_ranges: subnets, ..FilterChainMatch::default() };
            let target = destinations(view, service, port, rules, &rule.route, out);
            chains.push(Candidate {
                chain: chain(view, found, &target),
                object: rules.key.clone(),
                field: format!("spec.tcp[{index}].match[{at}]"),
                behind: None,
            });
        }
    }
    chains
}

fn by_server_name(
    view: &Outbound<'_>,
    service: &Service,
    port: &ServicePort,
    ranges: &[(IpAddr, u8)],
    (rules, index, rule): Placed<'_, TlsRoute>,
    out: &mut Output,
) -> Vec<Candidate> {
    let mut chains = Vec::new();
    for (at, found) in rule.match_.iter().enumerate().filter(|(_, found)| applies!(view, port, rules, found)) {
        let field = format!("spec.tls[{index}].match[{at}]");
        let Some(names) = asked_for(&found.sni_hosts, &rules.key, &format!("{field}.sniHosts"), out) else { continue };
        let own = subnets(&found.destination_subnets);
        let subnets = if own.is_empty() { prefixes(ranges) } else { own };
        let target = destinations(view, service, port, rules, &rule.route, out);
        chains.push(Candidate {
            chain: chain(view, FilterChainMatch { prefix_ranges: subnets, ..names }, &target),
            object: rules.key.clone(),
            field,
            behind: None,
        });
    }
    chains
}

// TLS by server name, as far as Envoy can tell names apart: whole ones, and `*.` with an ending. A lone star is any name.
fn asked_for(names: &[String], object: &ObjectKey, field: &str, out: &mut Output) -> Option<FilterChainMatch> {
    if names.iter().any(|name| name == "*") {
        return Some(server_names(Vec::new()));
    }
    let (known, partial): (Vec<&String>, Vec<&String>) =
        names.iter().partition(|name| !name.strip_prefix("*.").unwrap_or(name).contains('*'));
    for name in partial {
        let message = format!(
            "{name} cuts through a label, and TLS connections are told apart by whole labels; none is taken for it. \
             Write `*.` and a name"
        );
        out.find(Code::Unservable, object, field, message);
    }
    let known: Vec<String> = known.into_iter().map(|name| name.to_ascii_lowercase()).collect();
    (!known.is_empty()).then(|| server_names(known))
}

fn subnets(declared: &[String]) -> Vec<CidrRange> {
    let parsed = declared.iter().filter_map(|subnet| ServiceAddress::parse(subnet));
    parsed
        .map(|subnet| match subnet {
            ServiceAddress::Ip(ip) => single(ip),
            ServiceAddress::Range(first, prefix) => range(first, prefix),
        })
        .collect()
}

fn prefixes(ranges: &[(IpAddr, u8)]) -> Vec<CidrRange> {
    ranges.iter().map(|(first, prefix)| range(*first, *prefix)).collect()
}

// A range may be shared by services whose names tell them apart; at an address of its own there is no other.
fn whole_service(
    service: &Service,
    port: &ServicePort,
    ranges: &[(IpAddr, u8)],
    out: &mut Output,
) -> Option<FilterChainMatch> {
    let addressed = service.ips().next().is_some() || service.resolution == Resolution::Headless;
    let found = if port.protocol.is_tls() && !(addressed && ranges.is_empty()) {
        asked_for(&[service.host.to_string()], &service.object(), "spec.hosts", out)?
    } else {
        FilterChainMatch::default()
    };
    Some(FilterChainMatch { prefix_ranges: prefixes(ranges), ..found })
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
