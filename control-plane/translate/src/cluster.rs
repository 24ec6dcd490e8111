//! Clusters: where calls go.
//!
//! One per port and subset of every service the view knows. Which endpoints belong to a subset is decided here, by labels, and
//! not left to Envoy's subset load balancer: a cluster per subset keeps names and statistics that people know.

mod balance;
pub(crate) mod fixed;
pub(crate) mod inbound;
mod policy;
mod protocol;

use std::time::Duration;

use ferro_model::istio::Subset;
use ferro_model::mesh::{EffectiveDestinationRule, Resolution, Service, ServicePort, TargetPort, TrafficBlocks};
use ferro_model::mesh_config::MeshConfig;
use ferro_xds_protos::{Kind, wkt};

use crate::endpoint;
use crate::filter::UnknownHosts;
use crate::finding::Code;
use crate::limit;
use crate::names;
use crate::outbound::{Outbound, Role};
use crate::output::Output;
use crate::parts::{ads, istio_metadata};
use crate::pb::cluster::{Cluster, cluster};
use crate::pb::endpoint::ClusterLoadAssignment;
use crate::view::IpFamilies;

/// One cluster of a service: what follows from the mesh, before it is written down.
pub(crate) struct Planned<'a> {
    pub(crate) name: String,
    pub(crate) port: &'a ServicePort,
    /// The subset; `None` for the whole service.
    pub(crate) subset: Option<&'a Subset>,
    pub(crate) policy: TrafficBlocks<'a>,
    pub(crate) discovery: Discovery,
}

/// How a cluster comes by its endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Discovery {
    /// Over the stream.
    Eds,
    /// Names that Envoy resolves, all answers.
    StrictDns,
    /// One name that Envoy resolves, one answer.
    LogicalDns,
    /// Where the connection was going.
    OriginalDst,
    /// The name in each request.
    ForwardProxy,
    /// It must have none: what was asked for is not built, and less would be unsafe.
    Refused,
}

/// The clusters that a service has in a view.
pub(crate) fn plan<'a>(
    view: &Outbound<'a>,
    service: &'a Service,
    rule: Option<&'a EffectiveDestinationRule>,
) -> Vec<Planned<'a>> {
    let subsets = match rule {
        Some(rule) if too_many(service, rule).is_none() => &rule.subsets[..],
        _ => &[],
    };
    let subsets: Vec<Option<&Subset>> = std::iter::once(None).chain(subsets.iter().map(Some)).collect();
    let ports = service.ports.iter().filter(|port| port.protocol.is_served());
    let planned = ports.flat_map(|port| subsets.iter().map(move |subset| (port, *subset)));
    planned
        .map(|(port, subset)| {
            let policy = rule.map(|rule| rule.policy_of(subset, port.number)).unwrap_or_default();
            let policy = filled(policy, view.config());
            Planned {
                name: names::outbound_cluster(port.number, subset_name(subset), &service.host),
                port,
                subset,
                policy,
                discovery: discovery(view, service, &policy),
            }
        })
        .collect()
}

fn subset_name(subset: Option<&Subset>) -> &str {
    subset.map_or("", |subset| &subset.name)
}

fn too_many(service: &Service, rule: &EffectiveDestinationRule) -> Option<String> {
    limit::exceeded((rule.subsets.len(), "subsets"), (service.ports.len(), "ports"), "clusters")
}

// Blocks that no rule sets are the mesh's.
fn filled<'a>(policy: TrafficBlocks<'a>, config: &'a MeshConfig) -> TrafficBlocks<'a> {
    let default = &config.default_traffic_policy;
    TrafficBlocks {
        connection_pool: policy.connection_pool.or(default.connection_pool.as_ref()),
        outlier_detection: policy.outlier_detection.or(default.outlier_detection.as_ref()),
        ..policy
    }
}

fn discovery(view: &Outbound<'_>, service: &Service, policy: &TrafficBlocks<'_>) -> Discovery {
    if refusal(policy).is_some() {
        return Discovery::Refused;
    }
    let addressed = view.role == Role::Captured;
    match service.resolution {
        Resolution::Static => balance::original_destination(policy, addressed).unwrap_or(Discovery::Eds),
        Resolution::Headless if addressed => Discovery::OriginalDst,
        Resolution::Headless => Discovery::Eds,
        Resolution::Dns => Discovery::StrictDns,
        Resolution::DnsRoundRobin => Discovery::LogicalDns,
        Resolution::None if addressed => Discovery::OriginalDst,
        Resolution::None | Resolution::DynamicDns if view.unknown_hosts() == UnknownHosts::Resolved => {
            Discovery::ForwardProxy
        }
        Resolution::None | Resolution::DynamicDns => Discovery::Refused,
    }
}

/// What the policy asks for that is not built yet and must not be left out silently: the field, and why.
fn refusal(policy: &TrafficBlocks<'_>) -> Option<(&'static str, &'static str)> {
    use ferro_model::istio::ClientTlsMode;
    let tls = policy.tls.filter(|tls| tls.mode.is_some_and(|mode| mode != ClientTlsMode::Disable));
    if tls.is_some() {
        return Some(("trafficPolicy.tls", "TLS to the destination"));
    }
    if policy.tunnel.is_some() {
        return Some(("trafficPolicy.tunnel", "tunnelling through the destination"));
    }
    policy.proxy_protocol.map(|_| ("trafficPolicy.proxyProtocol", "PROXY protocol to the destination"))
}

/// The clusters of one service.
pub(crate) fn outbound(view: &Outbound<'_>, service: &Service, out: &mut Output) {
    let rule = view.rule(service).map(|rule| &**rule);
    if let Some(rule) = rule {
        policy::unsupported(rule, out);
    }
    if let Some((rule, excess)) = rule.and_then(|rule| Some((rule.sources.first()?, too_many(service, rule)?))) {
        let message = format!("{excess}; {} gets none of its subsets. Declare fewer", service.host);
        out.find(Code::Unservable, rule, "spec.subsets", message);
    }
    for planned in plan(view, service, rule) {
        if let Some(cluster) = build(view, service, &planned, rule, out) {
            out.put(Kind::Cluster, &cluster.name, &cluster);
        }
    }
}

fn build(
    view: &Outbound<'_>,
    service: &Service,
    planned: &Planned<'_>,
    rule: Option<&EffectiveDestinationRule>,
    out: &mut Output,
) -> Option<Cluster> {
    let mut cluster = Cluster {
        name: planned.name.clone(),
        alt_stat_name: stat_name(view.config(), service, planned),
        connect_timeout: Some(wkt::duration(view.config().connect_timeout)),
        metadata: Some(istio_metadata(metadata(service, planned, rule))),
        ..Cluster::default()
    };
    discover(view, service, planned, &mut cluster, out)?;
    policy::apply(view.config(), &planned.policy, &mut cluster);
    if planned.discovery != Discovery::Refused {
        let found = endpoint::locality::Preference::of(view, service, &planned.policy);
        balance::apply(&planned.policy, found.as_ref(), planned.discovery, &mut cluster);
        if let Some(rule) = rule.and_then(|rule| rule.sources.first()) {
            balance::without_address(rule, planned, out);
        }
    }
    protocol::apply(view.config(), planned.port.protocol, &planned.policy, &mut cluster);
    Some(cluster)
}

fn stat_name(config: &MeshConfig, service: &Service, planned: &Planned<'_>) -> String {
    let Some(pattern) = &config.outbound_cluster_stat_name else { return names::stat(&planned.name) };
    let target = match &planned.port.target {
        TargetPort::Number(number) => number.to_string(),
        TargetPort::Name(name) => name.to_string(),
    };
    names::stat(&names::by_pattern(pattern, service, planned.port, &target, subset_name(planned.subset)))
}

// Returns `None` if there is no cluster to be had.
fn discover(
    view: &Outbound<'_>,
    service: &Service,
    planned: &Planned<'_>,
    cluster: &mut Cluster,
    out: &mut Output,
) -> Option<()> {
    use cluster::DiscoveryType;
    match planned.discovery {
        Discovery::Eds => {
            set_type(cluster, DiscoveryType::Eds);
            cluster.eds_cluster_config =
                Some(cluster::EdsClusterConfig { eds_config: Some(ads(view.settings)), service_name: String::new() });
        }
        Discovery::StrictDns | Discovery::LogicalDns => {
            let assignment = endpoint::assignment(view, service, planned, out);
            if assignment.endpoints.is_empty() {
                out.find(
                    Code::Unservable,
                    &service.object(),
                    "spec.endpoints",
                    format!("{} has no endpoint to resolve; calls to it get 503", planned.name),
                );
                return None;
            }
            set_type(cluster, by_name(service, planned, &assignment, out));
            cluster.load_assignment = Some(assignment);
            resolve(view, cluster);
        }
        Discovery::OriginalDst => {
            set_type(cluster, DiscoveryType::OriginalDst);
            cluster.lb_policy = cluster::LbPolicy::ClusterProvided.into();
            original_port(service, planned.port, cluster);
        }
        Discovery::ForwardProxy => fixed::resolve_per_request(cluster),
        Discovery::Refused => {
            refuse(service, planned, cluster, view, out);
        }
    }
    Some(())
}

// Envoy resolves one name in turns, or several of which it uses all answers.
fn by_name(
    service: &Service,
    planned: &Planned<'_>,
    assignment: &ClusterLoadAssignment,
    out: &mut Output,
) -> cluster::DiscoveryType {
    let names: usize = assignment.endpoints.iter().map(|group| group.lb_endpoints.len()).sum();
    match (planned.discovery, names) {
        (Discovery::StrictDns, _) => cluster::DiscoveryType::StrictDns,
        (_, 0 | 1) => cluster::DiscoveryType::LogicalDns,
        (_, several) => {
            let message = format!(
                "DNS_ROUND_ROBIN takes one endpoint and {} has {several}; all of them are used, as with DNS",
                planned.name
            );
            out.find(Code::Unservable, &service.object(), "spec.resolution", message);
            cluster::DiscoveryType::StrictDns
        }
    }
}

fn set_type(cluster: &mut Cluster, kind: cluster::DiscoveryType) {
    cluster.cluster_discovery_type = Some(cluster::ClusterDiscoveryType::Type(kind.into()));
}

// Fail closed: an empty cluster answers 503; one without the TLS that was asked for would send in the clear.
fn refuse(service: &Service, planned: &Planned<'_>, cluster: &mut Cluster, view: &Outbound<'_>, out: &mut Output) {
    set_type(cluster, cluster::DiscoveryType::Static);
    cluster.load_assignment =
        Some(ClusterLoadAssignment { cluster_name: planned.name.clone(), ..ClusterLoadAssignment::default() });
    let (object, field, what) = match refusal(&planned.policy) {
        Some((field, what)) => {
            let rule = view.rule(service).and_then(|rule| rule.sources.first().cloned());
            (rule.unwrap_or_else(|| service.object()), field, what)
        }
        None => (service.object(), "spec.resolution", "resolving a host for each request, on this kind of proxy,"),
    };
    let message = format!("{what} is not supported yet; {} has no endpoints and calls to it get 503", planned.name);
    out.find(Code::Unsupported, &object, field, message);
}

/// Envoy's settings for names that it resolves (istio-coverage.md §0).
#[expect(deprecated, reason = "tools know the type STRICT_DNS; its successor, a custom cluster type, they do not")]
fn resolve(view: &Outbound<'_>, cluster: &mut Cluster) {
    use crate::pb::core::TypedExtensionConfig;
    use crate::pb::ext::network::dns_resolver::cares::v3::CaresDnsResolverConfig;
    const JITTER: Duration = Duration::from_millis(100);
    const QUERIES_PER_SOCKET: u32 = 100;
    let resolver =
        CaresDnsResolverConfig { udp_max_queries: Some(wkt::uint32(QUERIES_PER_SOCKET)), ..Default::default() };
    cluster.dns_refresh_rate = Some(wkt::duration(view.config().dns_refresh_rate));
    cluster.dns_jitter = Some(wkt::duration(JITTER));
    cluster.respect_dns_ttl = true;
    cluster.dns_lookup_family = match view.key.families {
        IpFamilies::V4 => cluster::DnsLookupFamily::V4Only,
        IpFamilies::V6 => cluster::DnsLookupFamily::V6Only,
        IpFamilies::Dual => cluster::DnsLookupFamily::All,
    }
    .into();
    cluster.typed_dns_resolver_config = Some(TypedExtensionConfig {
        name: "envoy.network.dns_resolver.cares".to_owned(),
        typed_config: Some(wkt::any(&resolver)),
    });
}

// The service may map the port even though it knows no endpoints.
fn original_port(service: &Service, port: &ServicePort, cluster: &mut Cluster) {
    let TargetPort::Number(target) = port.target else { return };
    if service.resolution == Resolution::None && target != port.number {
        let config = cluster::OriginalDstLbConfig {
            upstream_port_override: Some(wkt::uint32(target.into())),
            ..Default::default()
        };
        cluster.lb_config = Some(cluster::LbConfig::OriginalDstLbConfig(config));
    }
}

// What dashboards and filters read of a cluster, under the names Istio gave it.
fn metadata(
    service: &Service,
    planned: &Planned<'_>,
    rule: Option<&EffectiveDestinationRule>,
) -> crate::pb::wkt::Struct {
    let id = wkt::struct_of([
        ("host", wkt::string_value(&*service.host)),
        ("name", wkt::string_value(&*service.name)),
        ("namespace", wkt::string_value(&*service.namespace)),
    ]);
    let mut fields = vec![("services", wkt::list_value([wkt::struct_value(id)]))];
    if let Some(source) = rule.and_then(|rule| rule.sources.first()) {
        let path = names::config_path("networking.istio.io/v1", "destination-rule", &source.namespace, &source.name);
        fields.push(("config", wkt::string_value(path)));
    }
    if let Some(subset) = planned.subset {
        fields.push(("subset", wkt::string_value(&*subset.name)));
    }
    if service.location == ferro_model::mesh::Location::External {
        fields.push(("external", wkt::bool_value(true)));
    }
    wkt::struct_of(fields)
}
