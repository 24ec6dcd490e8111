//! The names of the mesh, as the agent's DNS proxy asks for them.

use std::{net::IpAddr, sync::Arc, time::Duration};

use ferro_xds_protos::{
    Resource,
    ferromesh::v1::{NameTable as Wire, Registry},
};
use imbl::OrdMap;
use prost::Message;

#[cfg(test)]
mod tests;

/// How long a client may keep an answer when ferrod does not say.
const DEFAULT_TTL: Duration = Duration::from_secs(30);

/// Every host this proxy may see, and its addresses. Clones share their content.
#[derive(Clone, Debug, Default)]
pub struct NameTable {
    hosts: OrdMap<Arc<str>, Arc<NameEntry>>,
}

/// One host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameEntry {
    /// Its addresses, in the order answers list them. Empty: the host exists and has none.
    pub ips: Vec<IpAddr>,
    /// How long a client may keep an answer.
    pub ttl: Duration,
    /// What kind of object declares it.
    pub registry: Registry,
    /// The name of the Kubernetes service behind it, else empty.
    pub short_name: String,
    /// The namespace of the Kubernetes service behind it, else empty.
    pub namespace: String,
}

/// Why an entry is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidName {
    #[error("name `{name}` is not a ferromesh.v1.NameTable")]
    Encoding {
        name: Arc<str>,
        #[source]
        reason: prost::DecodeError,
    },
    #[error("name `{name}` has `{ip}` for an address")]
    Address { name: Arc<str>, ip: String },
}

// === impl NameTable ===

impl NameTable {
    /// The entry that answers for `host` (lower case, no trailing dot): its own, else the one of the closest wildcard
    /// (`*.example.com` answers for every name below `example.com`).
    pub fn get(&self, host: &str) -> Option<&NameEntry> {
        self.hosts.get(host).or_else(|| self.wildcard(host)).map(|entry| &**entry)
    }

    /// Every host with its entry, in order; wildcards as `*.<domain>`.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &NameEntry)> {
        self.hosts.iter().map(|(host, entry)| (host, &**entry))
    }

    /// How many hosts there are.
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    pub(super) fn put(&mut self, name: &Arc<str>, entry: NameEntry) {
        self.hosts.insert(Arc::clone(name), Arc::new(entry));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.hosts.remove(name);
    }

    fn wildcard(&self, host: &str) -> Option<&Arc<NameEntry>> {
        host.match_indices('.').find_map(|(dot, _)| self.hosts.get(format!("*{}", host.get(dot..)?).as_str()))
    }
}

// === impl NameEntry ===

impl NameEntry {
    pub(super) fn read(resource: &Resource) -> Result<Self, InvalidName> {
        let name = resource.name();
        let frame = resource.delta_frame();
        let wire = Wire::decode(super::value_of(&frame))
            .map_err(|reason| InvalidName::Encoding { name: Arc::clone(name), reason })?;
        let ips = wire
            .ips
            .iter()
            .map(|ip| ip.parse().map_err(|_| InvalidName::Address { name: Arc::clone(name), ip: ip.clone() }))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            ips,
            ttl: if wire.ttl_seconds == 0 { DEFAULT_TTL } else { Duration::from_secs(wire.ttl_seconds.into()) },
            registry: wire.registry(),
            short_name: wire.short_name,
            namespace: wire.namespace,
        })
    }
}
