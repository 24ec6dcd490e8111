//! Looking up a host as a client inside the mesh may write it.

use std::{net::IpAddr, time::Duration};

use super::answer::Zone;
use crate::relay::NameTable;

#[cfg(test)]
pub(super) mod tests;

/// The hosts of the mesh.
pub trait Names {
    /// What is known of this full name, in lower case without a trailing dot; a wildcard may be what knows it.
    fn find(&self, host: &str) -> Option<Found<'_>>;
}

/// A host of the mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// Its addresses; a host may have none.
    pub addresses: &'a [IpAddr],
    /// How long an answer may be kept.
    pub ttl: Duration,
}

/// Finds what `host` means: itself, itself with a search domain behind it, or a full name behind which the client's
/// resolver put a search domain.
///
/// Clients in a pod try `product.shop.svc.cluster.local` for `product` themselves, because of their search domains;
/// those outside one send `product`. Both find the service. And for `api.example.com` a pod's resolver asks for
/// `api.example.com.shop.svc.cluster.local` first, which is answered at once instead of costing three more questions.
pub(super) fn look_up<'a, N: Names>(names: &'a N, host: &str, zone: &Zone) -> Option<Found<'a>> {
    names.find(host).or_else(|| zone.search.iter().find_map(|domain| names.find(&format!("{host}.{domain}")))).or_else(
        || {
            let stripped = zone.search.iter().find_map(|domain| host.strip_suffix(domain.as_str())?.strip_suffix('.'));
            names.find(stripped?)
        },
    )
}

impl Names for NameTable {
    fn find(&self, host: &str) -> Option<Found<'_>> {
        self.get(host).map(|entry| Found { addresses: &entry.ips, ttl: entry.ttl })
    }
}
