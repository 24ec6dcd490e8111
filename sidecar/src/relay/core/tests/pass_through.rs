//! Both sides with the same content: versions, verdicts, subscriptions.

use ferro_xds::{StreamId, What};
use ferro_xds_protos::Kind;

use super::{ENVOY, Relay, items, versions};

#[test]
fn nonces_stay_on_their_side_and_versions_pass_through_unchanged() {
    let mut relay = Relay::new();
    relay.envoy_asks_first(Kind::Cluster, &["*"], &[]);
    relay.requests();
    relay.ferrod(Kind::Cluster, "ferrod-7", &[("a", "opaque version")], &[]);
    assert_eq!(relay.served(Kind::Cluster, "a"), Some(Some("opaque version".into())));
    relay.envoy_accepts(Kind::Cluster, &[("a", Some("opaque version"))]);
    assert_eq!(relay.answers(), [("ferrod-7".into(), None)]);
}

#[test]
fn a_response_is_acknowledged_upstream_only_when_envoy_has_accepted_all_of_it() {
    let mut relay = Relay::new();
    relay.envoy_asks_first(Kind::Cluster, &["*"], &[]);
    relay.requests();
    relay.ferrod(Kind::Cluster, "n1", &[("a", "v1"), ("b", "v1")], &["c"]);
    assert_eq!(relay.answers(), []);
    relay.envoy_accepts(Kind::Cluster, &[("a", Some("v1"))]);
    assert_eq!(relay.answers(), []);
    relay.envoy_accepts(Kind::Cluster, &[("b", Some("v1"))]);
    assert_eq!(relay.answers(), [("n1".into(), None)]);
}

#[test]
fn a_removal_is_acknowledged_only_when_envoy_has_removed() {
    let mut relay = Relay::settled();
    relay.ferrod(Kind::Cluster, "n2", &[], &["a"]);
    assert_eq!(relay.served(Kind::Cluster, "a"), Some(None));
    assert_eq!(relay.answers(), []);
    relay.envoy_accepts(Kind::Cluster, &[("a", None)]);
    assert_eq!(relay.answers(), [("n2".into(), None)]);
    assert_eq!(relay.served(Kind::Cluster, "a"), None, "no tombstone is kept for a name nobody asks for");
}

#[test]
fn an_empty_response_is_acknowledged_at_once() {
    let mut relay = Relay::new();
    relay.envoy_asks_first(Kind::Listener, &["*"], &[]);
    relay.requests();
    assert!(!relay.core.snapshot().answered(Kind::Listener));
    relay.ferrod(Kind::Listener, "n1", &[], &[]);
    assert_eq!(relay.answers(), [("n1".into(), None)]);
    assert!(relay.core.snapshot().answered(Kind::Listener));
}

#[test]
fn what_envoy_already_holds_needs_no_new_verdict() {
    let mut relay = Relay::settled();
    relay.ferrod(Kind::Cluster, "n2", &[("a", "v1")], &[]);
    assert_eq!(relay.answers(), [("n2".into(), None)]);
}

#[test]
fn a_verdict_under_way_is_waited_for_even_if_ferrod_goes_back_to_the_old_content() {
    let mut relay = Relay::settled();
    relay.ferrod(Kind::Cluster, "n2", &[("a", "v2")], &[]);
    relay.sent(Kind::Cluster, &[("a", Some("v2"))]);
    relay.ferrod(Kind::Cluster, "n3", &[("a", "v1")], &[]);
    assert_eq!(relay.answers(), []);
    relay.envoy_accepts(Kind::Cluster, &[("a", Some("v2"))]);
    assert_eq!(relay.answers(), [("n2".into(), None)]);
    relay.envoy_accepts(Kind::Cluster, &[("a", Some("v1"))]);
    assert_eq!(relay.answers(), [("n3".into(), None)]);
}

#[test]
fn content_that_newer_content_replaced_before_envoy_saw_it_is_acknowledged_with_the_newer() {
    let mut relay = Relay::settled();
    relay.ferrod(Kind::Cluster, "n2", &[("a", "v2")], &[]);
    relay.ferrod(Kind::Cluster, "n3", &[("a", "v3")], &[]);
    relay.envoy_accepts(Kind::Cluster, &[("a", Some("v3"))]);
    assert_eq!(relay.answers(), [("n2".into(), None), ("n3".into(), None)]);
}

#[test]
fn envoys_words_go_upstream_with_the_response_they_are_about() {
    let mut relay = Relay::settled();
    relay.ferrod(Kind::Cluster, "n2", &[("a", "v2")], &[]);
    relay.envoy_refuses(Kind::Cluster, &[("a", Some("v2"))], &["a"], "ring too small");
    assert_eq!(relay.answers(), [("n2".into(), Some("ring too small".into()))]);
}

#[test]
fn a_refused_resource_is_named_and_its_neighbours_are_judged_on_their_own() {
    let mut relay = Relay::settled();
    relay.ferrod(Kind::Cluster, "n2", &[("b", "v1"), ("c", "v1")], &[]);
    relay.envoy_refuses(Kind::Cluster, &[("b", Some("v1")), ("c", Some("v1"))], &["c"], "ring too small");
    assert_eq!(relay.answers(), []);
    relay.envoy_accepts(Kind::Cluster, &[("b", Some("v1"))]);
    assert_eq!(relay.answers(), [("n2".into(), Some("c: ring too small".into()))]);
    relay.session.connected();
    let claims = relay.asked_for(Kind::Cluster).expect("a request").initial_resource_versions;
    assert_eq!(claims.get("b").map(String::as_str), Some("v1"));
}

#[test]
fn refused_content_that_ferrod_sends_again_is_refused_without_asking_envoy() {
    let mut relay = Relay::settled();
    relay.ferrod(Kind::Cluster, "n2", &[("a", "v2")], &[]);
    relay.envoy_refuses(Kind::Cluster, &[("a", Some("v2"))], &["a"], "no");
    relay.ferrod(Kind::Cluster, "n3", &[("a", "v2")], &[]);
    let refused = Some("no".to_owned());
    assert_eq!(relay.answers(), [("n2".into(), refused.clone()), ("n3".into(), refused)]);
}

#[test]
fn refused_content_is_followed_by_better_content() {
    let mut relay = Relay::settled();
    relay.ferrod(Kind::Cluster, "n2", &[("a", "v2")], &[]);
    relay.envoy_refuses(Kind::Cluster, &[("a", Some("v2"))], &["a"], "no");
    relay.ferrod(Kind::Cluster, "n3", &[("a", "v3")], &[]);
    relay.envoy_accepts(Kind::Cluster, &[("a", Some("v3"))]);
    assert_eq!(relay.answers(), [("n2".into(), Some("no".into())), ("n3".into(), None)]);
}

#[test]
fn one_kind_waiting_for_envoy_does_not_hold_up_another() {
    let mut relay = Relay::settled();
    relay.ferrod(Kind::Cluster, "c2", &[("a", "v2")], &[]);
    relay.ferrod(Kind::Listener, "l2", &[("a", "v2")], &[]);
    relay.envoy_accepts(Kind::Listener, &[("a", Some("v2"))]);
    assert_eq!(relay.answers(), [("l2".into(), None)]);
}

#[test]
fn upstream_subscriptions_equal_envoys() {
    let mut relay = Relay::new();
    relay.envoy_asks_first(Kind::Endpoint, &["x", "y"], &[]);
    let first = relay.asked_for(Kind::Endpoint).expect("a request");
    assert_eq!(first.resource_names_subscribe, ["x", "y"]);
    relay.envoy_asks(Kind::Endpoint, &["z"], &["x"]);
    let next = relay.asked_for(Kind::Endpoint).expect("a request");
    assert_eq!(next.resource_names_subscribe, ["z"]);
    assert_eq!(next.resource_names_unsubscribe, ["x"]);
    relay.restart_envoy();
    relay.reopen();
    assert_eq!(relay.asked_for(Kind::Endpoint), None, "an Envoy that asks for nothing subscribes to nothing");
}

#[test]
fn a_reconnect_asks_for_what_envoy_wants_and_nothing_else() {
    let mut relay = Relay::settled();
    relay.envoy_asks_first(Kind::Endpoint, &["x", "y"], &[]);
    relay.envoy_asks(Kind::Endpoint, &[], &["x"]);
    relay.disconnect();
    relay.session.connected();
    let asked: Vec<_> = relay.requests().into_iter().map(|request| request.type_url).collect();
    let kinds = [Kind::Cluster, Kind::Endpoint, Kind::Listener, Kind::NameTable];
    assert_eq!(asked, kinds.map(|kind| kind.type_url().to_owned()));
    assert_eq!(relay.session.interest(Kind::Endpoint).names.len(), 1);
}

#[test]
fn a_name_envoy_gave_up_is_dropped_and_holds_up_no_answer() {
    let mut relay = Relay::new();
    relay.envoy_asks_first(Kind::Endpoint, &["x"], &[]);
    relay.requests();
    relay.ferrod(Kind::Endpoint, "n1", &[("x", "v1")], &[]);
    relay.envoy_asks(Kind::Endpoint, &[], &["x"]);
    assert_eq!(relay.answers(), [("n1".into(), None)]);
    assert_eq!(relay.served(Kind::Endpoint, "x"), None);
}

#[test]
fn what_was_under_way_for_a_name_that_envoy_gave_up_is_ignored() {
    let mut relay = Relay::new();
    relay.envoy_asks_first(Kind::Endpoint, &["x", "y"], &[]);
    relay.requests();
    relay.envoy_asks(Kind::Endpoint, &[], &["x"]);
    relay.ferrod(Kind::Endpoint, "n1", &[("x", "v1")], &[]);
    assert_eq!(relay.served(Kind::Endpoint, "x"), None);
    assert_eq!(relay.answers(), [("n1".into(), None)]);
}

#[test]
fn a_name_nobody_has_spoken_of_is_unknown_and_not_absent() {
    let mut relay = Relay::new();
    relay.envoy_asks_first(Kind::Endpoint, &["x", "y"], &[]);
    relay.requests();
    relay.ferrod(Kind::Endpoint, "n1", &[], &["x"]);
    assert_eq!(relay.served(Kind::Endpoint, "x"), Some(None));
    assert_eq!(relay.served(Kind::Endpoint, "y"), None);
}

#[test]
fn initial_resource_versions_are_what_envoy_last_acknowledged() {
    let mut relay = Relay::settled();
    relay.ferrod(Kind::Cluster, "n2", &[("a", "v2"), ("b", "v1")], &[]);
    relay.envoy_refuses(Kind::Cluster, &[("a", Some("v2"))], &["a"], "no");
    relay.reconnect();
    relay.session.connected();
    let claims = relay.asked_for(Kind::Cluster).expect("a request").initial_resource_versions;
    // Of `b` Envoy has acknowledged nothing: the empty version makes ferrod send it again, or say that it is gone.
    assert_eq!(claims, versions(&[("a", "v1"), ("b", "")]));
}

#[test]
fn what_only_envoy_holds_is_asked_for_again_and_not_sent_to_it_twice() {
    let mut relay = Relay::new();
    relay.envoy_asks_first(Kind::Cluster, &["*"], &[("a", "v7"), ("b", "v7")]);
    let first = relay.asked_for(Kind::Cluster).expect("a request");
    assert_eq!(first.initial_resource_versions, versions(&[("a", ""), ("b", "")]));
    assert_eq!(relay.served(Kind::Cluster, "a"), None, "until ferrod has spoken, Envoy keeps what it has");
    relay.ferrod(Kind::Cluster, "n1", &[("a", "v7")], &[]);
    assert_eq!(relay.answers(), [("n1".into(), None)]);
    relay.ferrod(Kind::Cluster, "n2", &[], &["b"]);
    relay.envoy_accepts(Kind::Cluster, &[("b", None)]);
    assert_eq!(relay.answers(), [("n2".into(), None)]);
}

#[test]
fn responses_of_a_ferrod_that_is_gone_are_answered_to_nobody() {
    let mut relay = Relay::settled();
    relay.ferrod(Kind::Cluster, "n2", &[("a", "v2")], &[]);
    relay.reconnect();
    relay.requests();
    relay.envoy_accepts(Kind::Cluster, &[("a", Some("v2"))]);
    assert_eq!(relay.answers(), []);
}

#[test]
fn a_suspected_reject_is_a_refusal_upstream() {
    let mut relay = Relay::settled();
    relay.ferrod(Kind::Cluster, "n2", &[("b", "v1")], &[]);
    relay.sent(Kind::Cluster, &[("b", Some("v1"))]);
    relay.event(What::Suspected { kind: Kind::Cluster, items: items(&[("b", Some("v1"))]).to_vec() });
    let answers = relay.answers();
    assert!(matches!(&answers[..], [(nonce, Some(_))] if nonce == "n2"), "{answers:?}");
}

#[test]
fn events_of_a_stream_that_another_has_replaced_are_ignored() {
    let mut relay = Relay::settled();
    relay.stream = StreamId(2);
    relay.open_envoy();
    relay.stream = ENVOY;
    relay.envoy_asks(Kind::Endpoint, &["x"], &[]);
    relay.close_envoy();
    assert!(relay.session.interest(Kind::Endpoint).names.is_empty());
    assert!(relay.core.envoy_connected());
}
