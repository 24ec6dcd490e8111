//! Sessions as `proxy-status` shows them.

use std::collections::BTreeMap;
use std::time::Instant;

use ferro_api::{ProxyStatus, TypeStatus};
use ferro_xds::{KindStatus, SessionStatus, Snapshot, Variant};
use ferro_xds_protos::envoy::envoy::config::core::v3::Node;
use ferro_xds_protos::node as keys;

use crate::node;

/// One connected proxy.
pub(crate) fn proxy(status: &SessionStatus, node: &Node, snapshot: &Snapshot, now: Instant) -> ProxyStatus {
    let mut parts = status.node.split('~');
    let (kind, address, name) = (parts.next(), parts.next(), parts.next());
    let instance_ips = node::text(node, "INSTANCE_IPS").or(address).unwrap_or_default();
    let types: BTreeMap<String, TypeStatus> =
        status.kinds.iter().map(|kind| (kind.kind.short().to_owned(), of_type(kind, snapshot))).collect();
    let connected_s = now.saturating_duration_since(status.since).as_secs();
    ProxyStatus {
        id: status.node.to_string(),
        name: name.unwrap_or(&status.node).to_owned(),
        proxy_type: kind.unwrap_or_default().to_owned(),
        version: node::text(node, "ISTIO_VERSION").unwrap_or_default().to_owned(),
        protocol: match status.variant {
            Variant::Delta => "delta",
            Variant::Sotw => "sotw",
        }
        .to_owned(),
        // A node whose metadata say something else than a number was not let in.
        agent_protocol: node::number(node, keys::FERRO_PROTOCOL).ok().flatten().unwrap_or_default(),
        addresses: instance_ips.split(',').filter(|ip| !ip.is_empty()).map(str::to_owned).collect(),
        connected_s,
        cache_age_seconds: cache_age(status, node).map(|age| u64::from(age) + connected_s),
        types,
    }
}

/// The age, at the time it connected, of the cache that a proxy still runs with. It does until it has answered for every
/// kind in which its cache differs from what it should have.
fn cache_age(status: &SessionStatus, node: &Node) -> Option<u32> {
    let age = node::number(node, keys::FERRO_CACHE_AGE).ok().flatten()?;
    let outstanding = |kind: &KindStatus| kind.acked.is_none() && (kind.sent.is_some() || kind.stale_count > 0);
    (status.kinds.is_empty() || status.kinds.iter().any(outstanding)).then_some(age)
}

fn of_type(status: &KindStatus, snapshot: &Snapshot) -> TypeStatus {
    let nonce = |sent: &Option<ferro_xds::Sent>| sent.as_ref().map(|sent| sent.nonce.to_string()).unwrap_or_default();
    let (sent, acked) = (nonce(&status.sent), nonce(&status.acked));
    let resources = if status.wildcard { snapshot.len(status.kind) } else { status.subscribed };
    let state = match (&status.nack, &status.sent) {
        (Some(_), _) => "NACKED",
        (None, None) if status.stale_count == 0 && resources == 0 => "NOT SENT",
        // A proxy that came back with everything it should have is in sync although nothing was sent to it.
        (None, None) if status.stale_count == 0 => "SYNCED",
        (None, Some(_)) if sent == acked && status.stale_count == 0 => "SYNCED",
        _ => "STALE",
    };
    TypeStatus {
        state: state.to_owned(),
        resources,
        sent,
        acked,
        nack: status.nack.as_ref().map(|nack| nack.message.clone()),
    }
}

#[cfg(test)]
mod tests;
