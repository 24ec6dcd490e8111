use std::sync::Arc;
use std::time::{Duration, Instant};

use ferro_xds::{KindStatus, Sent, SessionStatus, Snapshot, StreamId, StreamScope, Variant};
use ferro_xds_protos::envoy::envoy::config::core::v3::Node;
use ferro_xds_protos::{Kind, node as keys, wkt};

use super::proxy;

const CONNECTED: Duration = Duration::from_secs(2);

fn kind(stale_count: usize, sent: bool, acked: bool) -> KindStatus {
    let response = Sent { nonce: Arc::from("n"), version: Arc::from("v"), at: Instant::now() };
    KindStatus {
        kind: Kind::Cluster,
        wildcard: true,
        subscribed: 0,
        sent: sent.then(|| response.clone()),
        acked: acked.then_some(response),
        nack: None,
        stale: Vec::new(),
        stale_count,
    }
}

/// The cache's age that is shown of a proxy that came with one of a minute.
fn age(kinds: Vec<KindStatus>) -> Option<u64> {
    let now = Instant::now();
    let age = wkt::struct_of([(keys::FERRO_CACHE_AGE, wkt::number_value(60.0))]);
    let node = Node { metadata: Some(age), ..Node::default() };
    let status = SessionStatus {
        stream: StreamId(1),
        node: Arc::from("sidecar~127.77.0.2~product.shop~shop.svc.cluster.local"),
        variant: Variant::Delta,
        scope: StreamScope::Aggregated,
        since: now,
        kinds,
    };
    proxy(&status, &node, &Snapshot::default(), now + CONNECTED).cache_age_seconds
}

#[test]
fn a_proxy_runs_with_its_cache_until_it_has_answered_for_what_differs() {
    assert_eq!(age(vec![]), Some(62), "it has asked for nothing yet");
    assert_eq!(age(vec![kind(1, false, false)]), Some(62), "nothing was sent yet");
    assert_eq!(age(vec![kind(0, true, true), kind(1, true, false)]), Some(62), "one kind is on its way");
    assert_eq!(age(vec![kind(0, true, true), kind(0, false, false)]), None, "the second kind was right already");
    assert_eq!(age(vec![kind(3, true, true)]), None, "what comes later is news, and no cache");
}
