//! A service as the mesh sees it, whether a Kubernetes Service or a host of a ServiceEntry declares it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::address::AddressTable;
use super::precedence::Precedence;
use super::protocol::Protocol;
use super::visibility::Visibility;
use crate::mesh_config::MeshConfig;
use crate::object::{Object, ObjectKey, ObjectKind, Spec};

mod entry;
mod kubernetes;

/// Labels of a workload, or a selector over them.
pub type Labels = BTreeMap<String, String>;

/// Whether every pair of `selector` stands in `labels`. An empty selector matches everything.
pub fn selects(selector: &Labels, labels: &Labels) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// One host with its ports: what a client can name and reach.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Fully qualified name, or `*.x` for a wildcard ServiceEntry.
    pub host: Arc<str>,
    /// Name of the declaring object.
    pub name: Arc<str>,
    /// Namespace of the declaring object.
    pub namespace: Arc<str>,
    /// What kind of object declares the service.
    pub registry: Registry,
    /// Age and name of the declaring object: who wins a clash.
    pub precedence: Precedence,
    /// Own addresses, in declared order; an address allocated by the mesh stands here too, see `address_origin`.
    pub addresses: Vec<ServiceAddress>,
    /// Where `addresses` come from.
    pub address_origin: AddressOrigin,
    /// Ports in declared order. UDP ports are kept, so that they can be named; nothing serves them.
    pub ports: Vec<ServicePort>,
    /// How endpoints are found.
    pub resolution: Resolution,
    /// Inside or outside of the mesh.
    pub location: Location,
    /// Who may see the service.
    pub export_to: Visibility,
    /// The workloads behind the service, or `None` if it selects none.
    pub selector: Option<Labels>,
    /// Labels of the declaring object.
    pub labels: Labels,
    /// The name that an ExternalName Service stands for.
    pub external_name: Option<Arc<str>>,
    /// Names that the server's certificate may carry, if the DestinationRule says nothing (ServiceEntry).
    pub subject_alt_names: Vec<String>,
    /// Service accounts declared for the service by annotation, as written.
    pub service_accounts: Vec<String>,
    /// Which endpoints a client may use.
    pub reach: EndpointReach,
    /// Which endpoints a client prefers.
    pub preference: EndpointPreference,
    /// Whether endpoints that are not ready count too.
    pub readiness: Readiness,
}

/// Names one service: a ServiceEntry declares one for each of its hosts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId {
    /// The declaring object.
    pub object: ObjectKey,
    /// The host, see [`Service::host`].
    pub host: Arc<str>,
}

/// Which kind of object declares a service. The order is the order of precedence when hosts clash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Registry {
    /// A Kubernetes Service.
    Kubernetes,
    /// An Istio ServiceEntry.
    ServiceEntry,
}

/// An address at which clients call a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceAddress {
    /// A virtual IP address.
    Ip(IpAddr),
    /// A range (ServiceEntry): first address and prefix length.
    Range(IpAddr, u8),
}

/// Where the addresses of a service come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressOrigin {
    /// The object names them.
    Declared,
    /// The mesh allocated one, see [`super::AddressTable`].
    Allocated,
    /// It has none and wants one.
    Missing,
    /// It has none and gets none: headless, external name, wildcard host or no resolution.
    NotApplicable,
}

/// One port of a service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServicePort {
    /// Name, empty if the only port has none.
    pub name: Arc<str>,
    /// The number that clients use.
    pub number: u16,
    /// Where the workload listens.
    pub target: TargetPort,
    /// What is spoken there.
    pub protocol: Protocol,
}

/// Where a workload listens for a service port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TargetPort {
    /// At this number.
    Number(u16),
    /// At the port that the workload declares under this name.
    Name(Arc<str>),
}

/// How the endpoints of a service are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// From objects: slices, pods, workload entries, endpoints of the entry itself.
    Static,
    /// From objects, but clients call the endpoints' own addresses: a Service with `clusterIP: None`.
    Headless,
    /// By asking DNS for every endpoint's name; all answers are used.
    Dns,
    /// By asking DNS for one name; one answer at a time is used.
    DnsRoundRobin,
    /// Not at all: the connection goes where the client sent it.
    None,
    /// By asking DNS for the name in each request.
    DynamicDns,
}

/// Whether a service is part of the mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// Its workloads are in the mesh.
    Internal,
    /// It is reached over the network as anybody would: no mutual TLS of the mesh.
    External,
}

/// Which endpoints a client may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndpointReach {
    /// All.
    Cluster,
    /// Those on the client's node (`internalTrafficPolicy: Local`).
    Node,
}

/// Which endpoints a client prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndpointPreference {
    /// None in particular.
    Any,
    /// Those of its zone (`trafficDistribution: PreferClose` or `PreferSameZone`).
    SameZone,
    /// Those of its node, then of its zone (`trafficDistribution: PreferSameNode`).
    SameNode,
}

/// Which endpoints of a service are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Readiness {
    /// Those that are ready.
    Required,
    /// All (`publishNotReadyAddresses`).
    Ignored,
}

/// The services that an object declares.
pub(crate) fn from_object(object: &Object, table: &AddressTable, config: &MeshConfig) -> Vec<Service> {
    match &object.spec {
        Spec::Service(declared) => vec![kubernetes::service(object, declared, table, config)],
        Spec::ServiceEntry(declared) => entry::services(object, declared, table, config),
        _ => Vec::new(),
    }
}

// The addresses in force: the declared ones, else (if the service wants one) the one that was allocated.
fn addresses(
    declared: Vec<ServiceAddress>,
    wants: bool,
    allocated: impl FnOnce() -> Option<Ipv4Addr>,
) -> (Vec<ServiceAddress>, AddressOrigin) {
    if !declared.is_empty() {
        return (declared, AddressOrigin::Declared);
    }
    match (wants, wants.then(allocated).flatten()) {
        (false, _) => (declared, AddressOrigin::NotApplicable),
        (true, None) => (declared, AddressOrigin::Missing),
        (true, Some(ip)) => (vec![ServiceAddress::Ip(ip.into())], AddressOrigin::Allocated),
    }
}

// === impl Service ===

impl Service {
    /// The service's identity.
    pub fn id(&self) -> ServiceId {
        ServiceId { object: self.object(), host: Arc::clone(&self.host) }
    }

    /// The key of the declaring object.
    pub fn object(&self) -> ObjectKey {
        let kind = match self.registry {
            Registry::Kubernetes => ObjectKind::Service,
            Registry::ServiceEntry => ObjectKind::ServiceEntry,
        };
        ObjectKey { kind, namespace: Arc::clone(&self.namespace), name: Arc::clone(&self.name) }
    }

    /// The port that clients call by this number.
    pub fn port(&self, number: u16) -> Option<&ServicePort> {
        self.ports.iter().find(|port| port.number == number)
    }

    /// Whether the host is a wildcard.
    pub fn is_wildcard(&self) -> bool {
        super::host::is_wildcard(&self.host)
    }

    /// Whether the service selects a workload with these labels. An empty selector selects nothing here, as in Kubernetes.
    pub fn selects(&self, labels: &Labels) -> bool {
        self.selector.as_ref().is_some_and(|selector| !selector.is_empty() && selects(selector, labels))
    }

    /// The IP addresses among `addresses`, without ranges.
    pub fn ips(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.addresses.iter().filter_map(|address| match address {
            ServiceAddress::Ip(ip) => Some(*ip),
            ServiceAddress::Range(..) => None,
        })
    }

    /// Sort key among services of the same host, the winner first: Kubernetes, then the oldest.
    pub(crate) fn clash_order(&self) -> (Registry, &Precedence) {
        (self.registry, &self.precedence)
    }

    /// The same service with only the ports that `keep` accepts; `None` if none is left, the same `Arc` if all are.
    pub(crate) fn narrowed(self: &Arc<Self>, keep: impl Fn(&ServicePort) -> bool) -> Option<Arc<Self>> {
        let kept = self.ports.iter().filter(|port| keep(port)).count();
        if kept == self.ports.len() {
            return Some(Arc::clone(self));
        }
        if kept == 0 {
            return None;
        }
        let ports = self.ports.iter().filter(|port| keep(port)).cloned().collect();
        Some(Arc::new(Self { ports, ..Self::clone(self) }))
    }
}

impl ServiceAddress {
    /// Reads `1.2.3.4` or `1.2.3.0/24`; `None` if the text is neither. A full-length prefix is a single address.
    pub fn parse(text: &str) -> Option<Self> {
        let Some((ip, length)) = text.split_once('/') else {
            return text.parse().ok().map(Self::Ip);
        };
        let ip: IpAddr = ip.parse().ok()?;
        let length: u8 = length.parse().ok()?;
        let full = if ip.is_ipv4() { 32 } else { 128 };
        match length {
            length if length > full => None,
            length if length == full => Some(Self::Ip(ip)),
            length => Some(Self::Range(ip, length)),
        }
    }
}
