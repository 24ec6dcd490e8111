//! Names that people, dashboards and EnvoyFilters know (architecture.md §4, istio-coverage.md §0).

use std::net::IpAddr;

use ferro_model::mesh::{Registry, Service, ServicePort};

pub(crate) const PASSTHROUGH: &str = "PassthroughCluster";
pub(crate) const INBOUND_PASSTHROUGH: &str = "InboundPassthroughCluster";
pub(crate) const BLACK_HOLE: &str = "BlackHoleCluster";
pub(crate) const ANY_DNS: &str = "AllowAnyDynamicDNSCluster";

pub(crate) const VIRTUAL_OUTBOUND: &str = "virtualOutbound";
pub(crate) const VIRTUAL_INBOUND: &str = "virtualInbound";
pub(crate) const PASSTHROUGH_CHAIN: &str = "PassthroughFilterChain";

pub(crate) const ALLOW_ANY: &str = "allow_any";
pub(crate) const BLOCK_ALL: &str = "block_all";

/// Route configuration of the HTTP proxy listener.
pub(crate) const HTTP_PROXY: &str = "http_proxy";
/// Internal listener, and the cluster that leads to it, in which CONNECT to an HTTP service ends.
pub(crate) const HTTP_PROXY_CONNECT: &str = "http_proxy_connect";

pub(crate) const OUTBOUND_PORT: u16 = 15001;
pub(crate) const INBOUND_PORT: u16 = 15006;
pub(crate) const HTTP_PROXY_PORT: u16 = 15007;

/// Ports of Envoy and the agent: admin, outbound, inbound, HTTP proxy, merged metrics, readiness, DNS, Envoy's metrics.
const RESERVED: [u16; 8] = [15000, OUTBOUND_PORT, INBOUND_PORT, HTTP_PROXY_PORT, 15020, 15021, 15053, 15090];

/// Whether a port is the proxy's own: a second listener at its address would be refused.
pub(crate) fn is_reserved(port: u16) -> bool {
    RESERVED.contains(&port)
}

/// What to say of something that wants such a port.
pub(crate) fn reserved(port: u16) -> String {
    format!("port {port} is the proxy's own, so nothing is made for it; use another one")
}

/// ECDS resource, and HTTP filter, that holds our Wasm filter where requests arrive.
pub(crate) const FILTERS_INBOUND: &str = "ferro-filters-inbound";
/// ECDS resource, and HTTP filter, that holds our Wasm filter where requests leave.
pub(crate) const FILTERS_OUTBOUND: &str = "ferro-filters-outbound";

/// `outbound|9080|v1|reviews.default.svc.cluster.local`; `subset` is empty for the whole service.
pub(crate) fn outbound_cluster(port: u16, subset: &str, host: &str) -> String {
    format!("outbound|{port}|{subset}|{host}")
}

/// `inbound|8080||`, by the port of the workload.
pub(crate) fn inbound_cluster(target: u16) -> String {
    format!("inbound|{target}||")
}

/// `<address>_<port>`.
pub(crate) fn listener(address: &str, port: u16) -> String {
    format!("{address}_{port}")
}

/// The `;` ends the tag that the bootstrap's stats_tags cut out of a statistic's name.
pub(crate) fn stat(name: &str) -> String {
    format!("{name};")
}

/// A statistic's name by the mesh's own pattern. Names of ServiceEntries say nothing about their hosts, so these stand instead.
pub(crate) fn by_pattern(pattern: &str, service: &Service, port: &ServicePort, target: &str, subset: &str) -> String {
    let (name, short) = match service.registry {
        Registry::Kubernetes => (service.name.to_string(), format!("{}.{}", service.name, service.namespace)),
        Registry::ServiceEntry => (service.host.to_string(), service.host.to_string()),
    };
    // The longer names first: they start like the shorter ones.
    let parts = [
        ("%SERVICE_FQDN%", service.host.to_string()),
        ("%SERVICE_PORT_NAME%", port.name.to_string()),
        ("%SERVICE_PORT%", port.number.to_string()),
        ("%SERVICE_NAME%", name),
        ("%SERVICE%", short),
        ("%TARGET_PORT%", target.to_owned()),
        ("%SUBSET_NAME%", subset.to_owned()),
    ];
    parts.iter().fold(pattern.to_owned(), |name, (part, value)| name.replace(part, value))
}

/// `host:port`, with brackets round an IPv6 address.
pub(crate) fn host_port(host: &str, port: u16) -> String {
    match host.parse() {
        Ok(IpAddr::V6(_)) => format!("[{host}]:{port}"),
        _ => format!("{host}:{port}"),
    }
}

/// The path that names an object in metadata, as Istio writes it.
pub(crate) fn config_path(group: &str, kind: &str, namespace: &str, name: &str) -> String {
    format!("/apis/{group}/namespaces/{namespace}/{kind}/{name}")
}
