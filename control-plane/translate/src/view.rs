//! Views: proxies that get the same bytes share them (architecture.md §3.3).
//!
//! A key holds everything that may change a byte of the part it names, and nothing else: a thousand identical pods have one
//! outbound and one inbound key. What a proxy may see (its `Sidecar`, the rules that select it) follows from its namespace and
//! from the labels that policies name, so these stand in the key and the answers do not.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ferro_model::mesh::{Labels, Locality, Mesh};

use crate::proxy::{Capture, Proxy, ProxyKind, Variant};

mod inbound;
mod labels;

pub use inbound::{Application, InboundPort};
pub(crate) use labels::compared_by;

/// One part of what proxies are sent; equal views are equal bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum View {
    /// What a proxy needs to call others.
    Outbound(Arc<OutboundKey>),
    /// What a proxy needs to be called, and what belongs to its workload alone.
    Local(Arc<LocalKey>),
}

/// The two parts of one proxy. No name stands in both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Views {
    /// Shared by all proxies of equal scope.
    pub outbound: View,
    /// Shared by all proxies that are called at the same ports; without capture the proxy's own, for it binds its address.
    pub local: View,
}

/// Everything the outbound part depends on, besides mesh and settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OutboundKey {
    /// Sidecar or gateway.
    pub kind: ProxyKind,
    /// Namespace: short names, visibility, scope.
    pub namespace: Arc<str>,
    /// Those of the workloads' labels that policies select by.
    pub labels: Labels,
    /// Where the proxies run: orders and weighs endpoints.
    pub locality: Locality,
    /// How calls reach the proxy.
    pub capture: Capture,
    /// What the clients speak.
    pub variant: Variant,
    /// Which addresses the proxies have.
    pub families: IpFamilies,
}

/// Everything the local part depends on, besides mesh and settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LocalKey {
    /// Sidecar or gateway.
    pub kind: ProxyKind,
    /// Namespace of the workload.
    pub namespace: Arc<str>,
    /// Those of the workload's labels that policies select by.
    pub labels: Labels,
    /// The ports at which services send calls to the workload.
    pub inbound: Vec<InboundPort>,
    /// What the client speaks.
    pub variant: Variant,
    /// Which addresses the proxies have.
    pub families: IpFamilies,
    /// Without capture: where to listen and where the application does.
    pub binding: Option<Binding>,
}

/// What a proxy without capture binds, and where it passes calls on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Binding {
    /// The proxy's own address.
    pub address: IpAddr,
    /// From a service's target port to the application's port at 127.0.0.1.
    pub app_ports: BTreeMap<u16, u16>,
}

/// The IP families of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IpFamilies {
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
    /// Both.
    Dual,
}

/// The views that a proxy is in.
pub fn views(mesh: &Mesh, proxy: &Proxy) -> Views {
    let keys = labels::in_use(mesh);
    let known = proxy.labels.iter().filter(|(key, _)| keys.contains(key.as_str()));
    let labels: Labels = known.map(|(key, value)| (key.clone(), value.clone())).collect();
    let outbound = OutboundKey {
        kind: proxy.kind,
        namespace: Arc::clone(&proxy.namespace),
        labels: labels.clone(),
        locality: proxy.locality.clone(),
        capture: proxy.capture,
        variant: proxy.variant,
        families: IpFamilies::of(&proxy.addresses),
    };
    let local = LocalKey {
        kind: proxy.kind,
        namespace: Arc::clone(&proxy.namespace),
        labels,
        inbound: inbound::ports(mesh, proxy),
        variant: proxy.variant,
        families: IpFamilies::of(&proxy.addresses),
        binding: Binding::of(proxy),
    };
    Views { outbound: View::Outbound(Arc::new(outbound)), local: View::Local(Arc::new(local)) }
}

impl View {
    /// What the clients of the view speak.
    pub fn variant(&self) -> Variant {
        match self {
            Self::Outbound(key) => key.variant,
            Self::Local(key) => key.variant,
        }
    }

    /// The namespace of the proxies in the view.
    pub fn namespace(&self) -> &Arc<str> {
        match self {
            Self::Outbound(key) => &key.namespace,
            Self::Local(key) => &key.namespace,
        }
    }

    /// Sidecars or gateways.
    pub fn kind(&self) -> ProxyKind {
        match self {
            Self::Outbound(key) => key.kind,
            Self::Local(key) => key.kind,
        }
    }
}

impl Binding {
    fn of(proxy: &Proxy) -> Option<Self> {
        match proxy.capture {
            Capture::Redirect => None,
            Capture::None => Some(Self { address: proxy.address()?, app_ports: proxy.app_ports.clone() }),
        }
    }

    /// Where the application listens for calls to a target port.
    pub(crate) fn app_port(&self, target: u16) -> u16 {
        self.app_ports.get(&target).copied().unwrap_or(target)
    }
}

impl IpFamilies {
    fn of(addresses: &[IpAddr]) -> Self {
        let v4 = addresses.iter().any(IpAddr::is_ipv4);
        let v6 = addresses.iter().any(IpAddr::is_ipv6);
        match (v4, v6) {
            (true, true) => Self::Dual,
            (false, true) => Self::V6,
            _ => Self::V4,
        }
    }

    /// The addresses that stand for all of the proxy's own, the first of which names listeners.
    pub(crate) fn wildcards(self) -> &'static [&'static str] {
        match self {
            Self::V4 => &["0.0.0.0"],
            Self::V6 => &["::"],
            Self::Dual => &["0.0.0.0", "::"],
        }
    }

    /// The loopback addresses, in the same order.
    pub(crate) fn loopbacks(self) -> &'static [&'static str] {
        match self {
            Self::V4 => &["127.0.0.1"],
            Self::V6 => &["::1"],
            Self::Dual => &["127.0.0.1", "::1"],
        }
    }

    /// The first of the wildcards.
    pub(crate) fn wildcard(self) -> &'static str {
        match self {
            Self::V4 | Self::Dual => "0.0.0.0",
            Self::V6 => "::",
        }
    }
}
