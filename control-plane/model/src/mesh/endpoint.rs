//! Where the workloads of a service listen.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::service::Labels;

mod resolve;
mod slices;

pub(crate) use resolve::resolve;
pub(crate) use slices::{slice_owner, slice_pods};

/// One workload behind a service, or one name to resolve to workloads. Only healthy ones are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Where it is.
    pub address: EndpointAddress,
    /// Pairs of service port and the port it listens on, in the service's order. A service port that this workload does not
    /// serve is missing.
    pub ports: Vec<(u16, u16)>,
    /// Labels of the workload; subsets and policies select by them.
    pub labels: Arc<Labels>,
    /// Where it runs.
    pub locality: Locality,
    /// Relative share of traffic, if given.
    pub weight: Option<u32>,
    /// The network it is on, empty for the mesh's own.
    pub network: Arc<str>,
    /// Name of the workload (the Deployment behind a pod, say), empty if not known.
    pub workload: Arc<str>,
    /// Namespace of the workload.
    pub namespace: Arc<str>,
    /// Service account of the workload, empty if not known.
    pub service_account: Arc<str>,
    /// The node it runs on, empty if not known.
    pub node: Arc<str>,
    /// Whether it speaks the mesh's mutual TLS.
    pub tls: TlsMode,
}

/// The address of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndpointAddress {
    /// An IP address.
    Ip(IpAddr),
    /// A name for DNS.
    Name(Arc<str>),
    /// The path of a Unix socket; has no port.
    Unix(Arc<str>),
}

/// Where a workload runs. Parts that are not known are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Locality {
    /// Such as `eu-west`.
    pub region: Arc<str>,
    /// Such as `eu-west-1a`.
    pub zone: Arc<str>,
    /// Part of a zone.
    pub subzone: Arc<str>,
}

/// Whether a workload speaks the mesh's mutual TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsMode {
    /// It has a sidecar.
    Istio,
    /// Plain text only.
    Disabled,
}

// === impl Endpoint ===

impl Endpoint {
    /// The port at which the workload serves a port of the service.
    pub fn port(&self, service_port: u16) -> Option<u16> {
        self.ports.iter().find(|(service, _)| *service == service_port).map(|(_, workload)| *workload)
    }
}

// === impl EndpointAddress ===

impl EndpointAddress {
    /// Reads an address as policies write it: an IP address, `unix:///path`, or a name.
    pub fn parse(text: &str) -> Self {
        if let Some(path) = text.strip_prefix("unix://") {
            return Self::Unix(path.into());
        }
        text.parse().map_or_else(|_| Self::Name(text.into()), Self::Ip)
    }
}

impl fmt::Display for EndpointAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Name(name) => f.write_str(name),
            Self::Unix(path) => write!(f, "unix://{path}"),
        }
    }
}

// === impl Locality ===

impl Locality {
    /// Reads `region/zone/subzone`, each part after the first optional.
    pub fn parse(text: &str) -> Self {
        let mut parts = text.splitn(3, '/').map(Arc::from);
        let mut next = || parts.next().unwrap_or_default();
        Self { region: next(), zone: next(), subzone: next() }
    }
}

impl fmt::Display for Locality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.region, &self.zone, &self.subzone];
        let known = parts.iter().rposition(|part| !part.is_empty()).map_or(0, |last| last + 1);
        let text: Vec<&str> = parts.iter().take(known).map(|part| &***part).collect();
        f.write_str(&text.join("/"))
    }
}

#[cfg(test)]
mod tests;
