//! Who asks: a proxy as its xDS node describes it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ferro_model::mesh::{Labels, Locality};
use ferro_xds_protos::{node as keys, wkt};

use crate::pb::core::Node;
use crate::pb::wkt::{Struct, value};

/// A data plane proxy.
#[derive(Clone, Debug, PartialEq)]
pub struct Proxy {
    /// The node id, `<kind>~<ip>~<workload>.<namespace>~<domain>`.
    pub id: Arc<str>,
    /// Sidecar or gateway.
    pub kind: ProxyKind,
    /// Namespace of the workload.
    pub namespace: Arc<str>,
    /// Labels of the workload.
    pub labels: Labels,
    /// Addresses of the workload, the one in the node id first.
    pub addresses: Vec<IpAddr>,
    /// Service account of the workload, empty if not told.
    pub service_account: Arc<str>,
    /// Name of the workload (the Deployment, not the pod).
    pub workload: Arc<str>,
    /// Cluster the workload belongs to, empty if not told.
    pub cluster_id: Arc<str>,
    /// Where it runs.
    pub locality: Locality,
    /// How the workload's traffic reaches the proxy.
    pub capture: Capture,
    /// Without capture: from a service's target port to the port the application listens on at 127.0.0.1.
    pub app_ports: BTreeMap<u16, u16>,
    /// What the client speaks.
    pub variant: Variant,
}

/// What a proxy stands in front of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyKind {
    /// One workload.
    Sidecar,
    /// A mesh's edge: it serves `Gateway` objects.
    Router,
}

/// How a workload's traffic reaches its proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Capture {
    /// iptables send it to 15001 and 15006.
    Redirect,
    /// Nothing does: the application calls through 15007, callers call the proxy's own address.
    None,
}

/// The flavour of xDS a client speaks, as far as it changes resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// Incremental: virtual hosts travel alone, by VHDS.
    Delta,
    /// State of the world: virtual hosts stand in their route configuration.
    Sotw,
    /// A gRPC client without a proxy; as state of the world.
    Grpc,
}

/// Why a node is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNode {
    /// The id has not four parts.
    #[error("node id {0:?} is not of the form <sidecar|router>~<ip>~<workload>.<namespace>~<domain>")]
    Id(String),
    /// The first part of the id names no kind of proxy.
    #[error("node id {id:?} starts with {kind:?}; known are sidecar and router")]
    Kind {
        /// The whole id.
        id: String,
        /// Its first part.
        kind: String,
    },
    /// The second part of the id is no IP address.
    #[error("node id {id:?} holds {address:?} where an IP address is expected")]
    Address {
        /// The whole id.
        id: String,
        /// Its second part.
        address: String,
    },
    /// A metadata key holds something it cannot hold.
    #[error("node metadata {key} is {found:?}; allowed is {allowed}")]
    Metadata {
        /// The key.
        key: &'static str,
        /// What was found.
        found: String,
        /// What is allowed.
        allowed: &'static str,
    },
}

// === impl Proxy ===

impl Proxy {
    /// Reads the node that a client's first request carries. `variant` is known from the stream, not from the node.
    pub fn from_node(node: &Node, variant: Variant) -> Result<Self, InvalidNode> {
        let metadata = node.metadata.clone().unwrap_or_default();
        let id = ParsedId::parse(&node.id)?;
        let namespace = wkt::text(&metadata, keys::NAMESPACE).filter(|text| !text.is_empty());
        let locality = node.locality.as_ref();
        Ok(Self {
            id: node.id.as_str().into(),
            kind: id.kind,
            namespace: namespace.unwrap_or(id.namespace).into(),
            labels: strings(&metadata, keys::LABELS),
            addresses: addresses(id.address, &metadata)?,
            service_account: text(&metadata, keys::SERVICE_ACCOUNT),
            workload: wkt::text(&metadata, keys::WORKLOAD_NAME).unwrap_or(id.workload).into(),
            cluster_id: text(&metadata, keys::CLUSTER_ID),
            locality: locality.map_or_else(Locality::default, |locality| Locality {
                region: locality.region.as_str().into(),
                zone: locality.zone.as_str().into(),
                subzone: locality.sub_zone.as_str().into(),
            }),
            capture: capture(&metadata)?,
            app_ports: app_ports(&metadata)?,
            variant,
        })
    }

    /// The address that listeners of a proxy without capture bind.
    pub fn address(&self) -> Option<IpAddr> {
        self.addresses.first().copied()
    }
}

struct ParsedId<'a> {
    kind: ProxyKind,
    address: IpAddr,
    workload: &'a str,
    namespace: &'a str,
}

impl<'a> ParsedId<'a> {
    fn parse(id: &'a str) -> Result<Self, InvalidNode> {
        let malformed = || InvalidNode::Id(id.to_owned());
        let parts: Vec<&str> = id.split('~').collect();
        let [kind, address, name, _domain] = parts[..] else { return Err(malformed()) };
        let kind = match kind {
            "sidecar" => ProxyKind::Sidecar,
            "router" => ProxyKind::Router,
            other => return Err(InvalidNode::Kind { id: id.to_owned(), kind: other.to_owned() }),
        };
        let address =
            address.parse().map_err(|_| InvalidNode::Address { id: id.to_owned(), address: address.to_owned() })?;
        // A workload's name may hold dots, a namespace may not.
        let (workload, namespace) = name.rsplit_once('.').ok_or_else(malformed)?;
        Ok(Self { kind, address, workload, namespace })
    }
}

fn text(metadata: &Struct, key: &str) -> Arc<str> {
    wkt::text(metadata, key).unwrap_or_default().into()
}

fn strings(metadata: &Struct, key: &str) -> Labels {
    let fields = wkt::nested(metadata, key).map(|nested| &nested.fields);
    fields
        .into_iter()
        .flatten()
        .filter_map(|(name, _)| {
            let text = wkt::text(wkt::nested(metadata, key)?, name)?;
            Some((name.clone(), text.to_owned()))
        })
        .collect()
}

fn addresses(first: IpAddr, metadata: &Struct) -> Result<Vec<IpAddr>, InvalidNode> {
    let mut addresses = vec![first];
    let listed = wkt::text(metadata, keys::INSTANCE_IPS).unwrap_or_default();
    for part in listed.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let address = part.parse().map_err(|_| InvalidNode::Metadata {
            key: keys::INSTANCE_IPS,
            found: part.to_owned(),
            allowed: "IP addresses separated by commas",
        })?;
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

fn capture(metadata: &Struct) -> Result<Capture, InvalidNode> {
    match wkt::text(metadata, keys::INTERCEPTION_MODE) {
        None | Some("" | keys::REDIRECT) => Ok(Capture::Redirect),
        Some(keys::NONE) => Ok(Capture::None),
        Some(other) => Err(InvalidNode::Metadata {
            key: keys::INTERCEPTION_MODE,
            found: other.to_owned(),
            allowed: "REDIRECT or NONE",
        }),
    }
}

fn app_ports(metadata: &Struct) -> Result<BTreeMap<u16, u16>, InvalidNode> {
    let fields = wkt::nested(metadata, keys::FERRO_APP_PORTS).map(|nested| &nested.fields);
    let pairs = fields.into_iter().flatten().map(|(target, local)| {
        let pair = target.parse().ok().zip(port(local.kind.as_ref()));
        pair.ok_or_else(|| InvalidNode::Metadata {
            key: keys::FERRO_APP_PORTS,
            found: format!("{target}: {:?}", local.kind),
            allowed: "port numbers, both as key and as value",
        })
    });
    pairs.collect()
}

fn port(value: Option<&value::Kind>) -> Option<u16> {
    match value? {
        value::Kind::NumberValue(number) => (1..=u16::MAX).find(|port| f64::from(*port) == *number),
        value::Kind::StringValue(text) => text.parse().ok().filter(|port| *port != 0),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
