//! Envoy goes and comes back, with and without ferrod.

use std::time::Duration;

use ferro_xds_protos::Kind;

use super::{PATIENCE, Relay, versions};
use crate::relay::core::last_known_good::QUIET;

#[test]
fn losing_ferrod_takes_nothing_from_envoy() {
    let mut relay = Relay::settled();
    relay.core.changed_snapshot();
    relay.disconnect();
    relay.pass(Duration::from_secs(3600));
    relay.fill_if_due();
    assert_eq!(relay.served(Kind::Cluster, "a"), Some(Some("v1".into())));
    assert!(relay.core.changed_snapshot().is_none(), "the snapshot is the same");
    assert!(!relay.core.take_reset());
}

#[test]
fn an_envoy_restarted_while_ferrod_is_away_is_served_at_once_what_the_last_one_accepted() {
    let mut relay = Relay::settled();
    relay.ferrod(Kind::Cluster, "n2", &[("a", "v2"), ("b", "v1")], &[]);
    relay.envoy_refuses(Kind::Cluster, &[("a", Some("v2"))], &["a"], "no");
    relay.disconnect();
    relay.restart_envoy();
    assert!(relay.fill_if_due());
    assert_eq!(relay.served(Kind::Cluster, "a"), Some(Some("v1".into())), "the refused content is not the last good");
    assert_eq!(relay.served(Kind::Cluster, "b"), None, "nobody has judged it");
    assert!(relay.core.snapshot().answered(Kind::Listener));
    assert!(relay.core.served_from_cache().is_some());
}

#[test]
fn an_envoy_restarted_beside_a_living_ferrod_waits_for_it() {
    let mut relay = Relay::settled();
    relay.restart_envoy();
    relay.reopen();
    relay.envoy_asks_first(Kind::Cluster, &["*"], &[]);
    assert_eq!(relay.served(Kind::Cluster, "a"), None);
    let claims = relay.asked_for(Kind::Cluster).expect("a request").initial_resource_versions;
    assert_eq!(claims, versions(&[("a", "")]), "the new Envoy has acknowledged nothing");
    relay.ferrod(Kind::Cluster, "n1", &[("a", "v1")], &[]);
    relay.pass(PATIENCE);
    assert!(!relay.fill_if_due());
    assert_eq!(relay.served(Kind::Cluster, "a"), Some(Some("v1".into())));
    assert_eq!(relay.answers(), []);
    relay.envoy_accepts(Kind::Cluster, &[("a", Some("v1"))]);
    assert_eq!(relay.answers(), [("n1".into(), None)]);
}

#[test]
fn a_ferrod_that_is_connected_and_silent_is_waited_for_one_second() {
    let mut relay = Relay::settled();
    relay.restart_envoy();
    relay.reopen();
    relay.envoy_asks_first(Kind::Cluster, &["*"], &[]);
    relay.pass(PATIENCE - Duration::from_millis(1));
    assert!(!relay.fill_if_due());
    relay.pass(Duration::from_millis(1));
    assert!(relay.fill_if_due());
    assert_eq!(relay.served(Kind::Cluster, "a"), Some(Some("v1".into())));
}

#[test]
fn ferrod_lost_in_mid_response_leaves_the_rest_to_the_last_known_good() {
    let mut relay = Relay::settled();
    relay.restart_envoy();
    relay.reopen();
    relay.envoy_asks_first(Kind::Cluster, &["*"], &[]);
    relay.requests();
    relay.ferrod(Kind::Cluster, "n1", &[("b", "v1")], &[]);
    relay.disconnect();
    assert!(relay.fill_if_due());
    assert_eq!(relay.served(Kind::Cluster, "a"), Some(Some("v1".into())));
    assert_eq!(relay.served(Kind::Cluster, "b"), Some(Some("v1".into())));
}

#[test]
fn what_ferrod_said_is_gone_does_not_come_back_from_the_last_known_good() {
    let mut relay = Relay::settled();
    relay.restart_envoy();
    relay.reopen();
    relay.envoy_asks_first(Kind::Cluster, &["*"], &[]);
    relay.requests();
    relay.ferrod(Kind::Cluster, "n1", &[("b", "v1")], &["a"]);
    relay.disconnect();
    relay.fill_if_due();
    assert_eq!(relay.served(Kind::Cluster, "a"), Some(None));
}

#[test]
fn deletions_made_while_ferrod_was_away_reach_an_envoy_served_from_memory() {
    let mut relay = Relay::settled();
    relay.disconnect();
    relay.restart_envoy();
    relay.fill_if_due();
    relay.envoy_asks_first(Kind::Cluster, &["*"], &[]);
    relay.envoy_accepts(Kind::Cluster, &[("a", Some("v1"))]);
    relay.session.connected();
    relay.core.connected(relay.now, 0);
    let claims = relay.asked_for(Kind::Cluster).expect("a request").initial_resource_versions;
    assert_eq!(claims, versions(&[("a", "v1")]));
    relay.ferrod(Kind::Cluster, "n1", &[], &["a"]);
    assert_eq!(relay.served(Kind::Cluster, "a"), Some(None));
    relay.envoy_accepts(Kind::Cluster, &[("a", None)]);
    assert_eq!(relay.answers(), [("n1".into(), None)]);
}

#[test]
fn deletions_reach_an_envoy_that_has_not_acknowledged_what_it_was_served() {
    let mut relay = Relay::settled();
    relay.disconnect();
    relay.restart_envoy();
    relay.fill_if_due();
    relay.envoy_asks_first(Kind::Cluster, &["*"], &[]);
    relay.sent(Kind::Cluster, &[("a", Some("v1"))]);
    relay.session.connected();
    relay.core.connected(relay.now, 0);
    let claims = relay.asked_for(Kind::Cluster).expect("a request").initial_resource_versions;
    assert_eq!(claims, versions(&[("a", "")]));
    relay.ferrod(Kind::Cluster, "n1", &[], &["a"]);
    relay.envoy_accepts(Kind::Cluster, &[("a", Some("v1"))]);
    assert_eq!(relay.answers(), []);
    relay.envoy_accepts(Kind::Cluster, &[("a", None)]);
    assert_eq!(relay.answers(), [("n1".into(), None)]);
}

#[test]
fn content_from_memory_that_the_new_envoy_refuses_is_refused_upstream_when_ferrod_sends_it() {
    let mut relay = Relay::settled();
    relay.disconnect();
    relay.restart_envoy();
    relay.fill_if_due();
    relay.envoy_asks_first(Kind::Cluster, &["*"], &[]);
    relay.envoy_refuses(Kind::Cluster, &[("a", Some("v1"))], &["a"], "no");
    relay.session.connected();
    relay.core.connected(relay.now, 0);
    relay.requests();
    relay.ferrod(Kind::Cluster, "n1", &[("a", "v1")], &[]);
    assert_eq!(relay.answers(), [("n1".into(), Some("no".into()))]);
}

#[test]
fn an_envoy_that_lost_only_its_stream_goes_on_with_what_it_holds() {
    let mut relay = Relay::settled();
    relay.restart_envoy();
    relay.reopen();
    for kind in [Kind::Cluster, Kind::Listener] {
        relay.envoy_asks_first(kind, &["*"], &[("a", "v1")]);
        let claims = relay.asked_for(kind).expect("a request").initial_resource_versions;
        assert_eq!(claims, versions(&[("a", "v1")]));
        // ferrod has nothing to say: Envoy is in step.
        assert_eq!(relay.served(kind, "a"), Some(Some("v1".into())));
    }
    relay.pass(QUIET);
    relay.fill_if_due();
    assert_eq!(relay.core.served_from_cache(), None);
    assert!(relay.save_if_due().is_some());
}

#[test]
fn an_envoy_that_refuses_the_newest_and_has_nothing_gets_the_last_known_good() {
    let mut relay = Relay::settled();
    relay.ferrod(Kind::Cluster, "n2", &[("a", "bad")], &[]);
    relay.envoy_refuses(Kind::Cluster, &[("a", Some("bad"))], &["a"], "no");
    relay.restart_envoy();
    relay.reopen();
    relay.envoy_asks_first(Kind::Cluster, &["*"], &[]);
    relay.requests();
    relay.ferrod(Kind::Cluster, "n1", &[("a", "bad")], &[]);
    assert_eq!(relay.served(Kind::Cluster, "a"), Some(Some("bad".into())), "another Envoy may like it");
    relay.envoy_refuses(Kind::Cluster, &[("a", Some("bad"))], &["a"], "no");
    assert_eq!(relay.served(Kind::Cluster, "a"), Some(Some("v1".into())));
    assert_eq!(relay.answers(), [("n1".into(), Some("no".into()))]);
    relay.envoy_accepts(Kind::Cluster, &[("a", Some("v1"))]);
    relay.session.connected();
    let claims = relay.asked_for(Kind::Cluster).expect("a request").initial_resource_versions;
    assert_eq!(claims, versions(&[("a", "v1")]));
}

#[test]
fn an_envoy_that_refuses_the_last_known_good_too_is_not_sent_it_again() {
    let mut relay = Relay::settled();
    relay.restart_envoy();
    relay.reopen();
    relay.envoy_asks_first(Kind::Cluster, &["*"], &[]);
    relay.requests();
    relay.ferrod(Kind::Cluster, "n1", &[("a", "bad")], &[]);
    relay.envoy_refuses(Kind::Cluster, &[("a", Some("bad"))], &["a"], "no");
    relay.core.changed_snapshot();
    relay.envoy_refuses(Kind::Cluster, &[("a", Some("v1"))], &["a"], "no");
    assert!(relay.core.changed_snapshot().is_none());
    assert_eq!(relay.answers(), [("n1".into(), Some("no".into()))]);
}

#[test]
fn an_envoy_that_lost_only_its_stream_is_not_sent_what_it_refused() {
    let mut relay = Relay::settled();
    relay.ferrod(Kind::Cluster, "n2", &[("a", "bad")], &[]);
    relay.envoy_refuses(Kind::Cluster, &[("a", Some("bad"))], &["a"], "no");
    relay.restart_envoy();
    relay.reopen();
    relay.envoy_asks_first(Kind::Cluster, &["*"], &[("a", "v1")]);
    relay.requests();
    relay.ferrod(Kind::Cluster, "n1", &[("a", "bad")], &[]);
    assert_eq!(relay.answers(), [("n1".into(), Some("no".into()))]);
    assert_eq!(relay.served(Kind::Cluster, "a"), Some(Some("v1".into())));
}
