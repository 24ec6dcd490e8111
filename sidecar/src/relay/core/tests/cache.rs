//! The last-known-good file: when it is read from and what goes into it.

use std::time::Duration;

use ferro_xds_protos::{Kind, Resource};

use super::{PATIENCE, Relay, versions};
use crate::relay::core::last_known_good::{QUIET, SAVE_INTERVAL};

fn resource(kind: Kind, name: &str, version: &str) -> (Kind, Resource) {
    (kind, Resource::from_parts(kind.type_url(), name.into(), version.into(), name.as_bytes()))
}

/// A relay that found a file and reaches nobody.
fn with_file() -> Relay {
    let mut relay = Relay::alone();
    let file = vec![resource(Kind::Cluster, "a", "v1"), resource(Kind::Endpoint, "a", "v1")];
    relay.core.load(&mut relay.session, 1_000, file);
    relay
}

#[test]
fn the_file_is_served_once_ferrod_was_unreachable_for_one_second() {
    let mut relay = with_file();
    relay.open_envoy();
    relay.envoy_asks_first(Kind::Cluster, &["*"], &[]);
    relay.pass(PATIENCE - Duration::from_millis(1));
    assert!(!relay.fill_if_due());
    assert_eq!(relay.served(Kind::Cluster, "a"), None);
    relay.pass(Duration::from_millis(1));
    assert!(relay.fill_if_due());
    assert_eq!(relay.served(Kind::Cluster, "a"), Some(Some("v1".into())));
    assert_eq!(relay.core.served_from_cache(), Some(1_000));
}

#[test]
fn failing_attempts_do_not_put_the_second_off() {
    let mut relay = with_file();
    relay.pass(PATIENCE / 2);
    relay.disconnect();
    relay.pass(PATIENCE / 2);
    assert!(relay.fill_if_due());
}

#[test]
fn a_ferrod_that_accepts_and_says_nothing_does_not_put_the_second_off() {
    let mut relay = with_file();
    relay.pass(PATIENCE / 2);
    relay.connect();
    relay.pass(PATIENCE / 2);
    relay.disconnect();
    assert!(relay.fill_if_due());
}

#[test]
fn the_age_of_what_is_served_counts_from_when_ferrod_was_last_there() {
    let mut relay = Relay::settled();
    relay.core.disconnected("gone".into(), relay.now, 5_000);
    relay.restart_envoy();
    relay.fill_if_due();
    assert_eq!(relay.core.served_from_cache(), Some(5_000));
    relay.restart_envoy();
    relay.fill_if_due();
    assert_eq!(relay.core.served_from_cache(), Some(5_000));
}

#[test]
fn the_file_is_not_served_when_ferrod_answers() {
    let mut relay = with_file();
    relay.connect();
    relay.open_envoy();
    relay.envoy_asks_first(Kind::Cluster, &["*"], &[]);
    let claims = relay.asked_for(Kind::Cluster).expect("a request").initial_resource_versions;
    assert_eq!(claims, versions(&[("a", "")]), "never merely what the cache holds");
    relay.ferrod(Kind::Cluster, "n1", &[("b", "v1")], &["a"]);
    relay.pass(PATIENCE * 2);
    assert!(!relay.fill_if_due());
    assert_eq!(relay.served(Kind::Cluster, "a"), Some(None));
}

#[test]
fn what_was_served_from_the_file_and_accepted_is_claimed_upstream() {
    let mut relay = with_file();
    relay.open_envoy();
    relay.envoy_asks_first(Kind::Cluster, &["*"], &[]);
    relay.envoy_asks_first(Kind::Endpoint, &["a"], &[]);
    relay.pass(PATIENCE);
    relay.fill_if_due();
    relay.envoy_accepts(Kind::Cluster, &[("a", Some("v1"))]);
    relay.session.connected();
    let requests = relay.requests();
    let claims = |kind: Kind| {
        requests.iter().find(|request| request.type_url == kind.type_url()).map(|r| r.initial_resource_versions.clone())
    };
    assert_eq!(claims(Kind::Cluster), Some(versions(&[("a", "v1")])));
    assert_eq!(claims(Kind::Endpoint), Some(versions(&[("a", "")])));
}

#[test]
fn nothing_is_written_before_envoy_had_everything_it_asked_for() {
    let mut relay = Relay::settled();
    relay.envoy_asks_first(Kind::Route, &["r"], &[]);
    relay.requests();
    relay.pass(QUIET);
    assert_eq!(relay.save_if_due(), None, "a route is missing");
    relay.ferrod(Kind::Route, "n1", &[("r", "v1")], &[]);
    assert_eq!(relay.save_if_due(), None, "Envoy has not judged it");
    relay.envoy_accepts(Kind::Route, &[("r", Some("v1"))]);
    let of = |kind, name: &str| (kind, name.to_owned(), "v1".to_owned());
    assert_eq!(relay.save_if_due(), Some(vec![of(Kind::Cluster, "a"), of(Kind::Listener, "a"), of(Kind::Route, "r")]));
}

#[test]
fn the_file_is_written_at_most_once_a_second_and_only_for_news() {
    let mut relay = Relay::settled();
    relay.pass(QUIET);
    assert!(relay.save_if_due().is_some());
    relay.pass(SAVE_INTERVAL * 2);
    assert_eq!(relay.save_if_due(), None, "nothing changed");
    relay.ferrod(Kind::Cluster, "n2", &[("a", "v2")], &[]);
    relay.envoy_accepts(Kind::Cluster, &[("a", Some("v2"))]);
    assert!(relay.save_if_due().is_some());
    relay.ferrod(Kind::Cluster, "n3", &[("a", "v3")], &[]);
    relay.envoy_accepts(Kind::Cluster, &[("a", Some("v3"))]);
    relay.pass(SAVE_INTERVAL - Duration::from_millis(1));
    assert_eq!(relay.save_if_due(), None, "too early");
    relay.pass(Duration::from_millis(1));
    let saved = relay.save_if_due().expect("it is time");
    assert!(saved.contains(&(Kind::Cluster, "a".into(), "v3".into())), "{saved:?}");
}

#[test]
fn refused_content_never_enters_the_cache() {
    let mut relay = Relay::settled();
    relay.ferrod(Kind::Cluster, "n2", &[("a", "bad"), ("b", "bad")], &[]);
    relay.envoy_refuses(Kind::Cluster, &[("a", Some("bad")), ("b", Some("bad"))], &["a", "b"], "no");
    relay.pass(QUIET);
    let saved = relay.save_if_due().expect("it is time");
    assert_eq!(saved[0], (Kind::Cluster, "a".into(), "v1".into()));
    assert!(!saved.iter().any(|(_, name, version)| name == "b" || version == "bad"), "{saved:?}");
}

#[test]
fn deleted_and_unwanted_resources_leave_the_cache() {
    let mut relay = Relay::settled();
    relay.envoy_asks_first(Kind::Endpoint, &["x", "y"], &[]);
    relay.requests();
    relay.ferrod(Kind::Endpoint, "n1", &[("x", "v1"), ("y", "v1")], &[]);
    relay.envoy_accepts(Kind::Endpoint, &[("x", Some("v1")), ("y", Some("v1"))]);
    relay.envoy_asks(Kind::Endpoint, &[], &["x"]);
    relay.ferrod(Kind::Endpoint, "n2", &[], &["y"]);
    relay.envoy_accepts(Kind::Endpoint, &[("y", None)]);
    relay.pass(QUIET);
    let saved = relay.save_if_due().expect("it is time");
    assert!(!saved.iter().any(|(kind, ..)| *kind == Kind::Endpoint), "{saved:?}");
}

#[test]
fn what_the_file_holds_and_this_envoy_never_asks_for_is_forgotten() {
    let mut relay = with_file();
    relay.connect();
    relay.open_envoy();
    for kind in [Kind::Cluster, Kind::Listener] {
        relay.envoy_asks_first(kind, &["*"], &[]);
        relay.requests();
        relay.ferrod(kind, "n", &[("a", "v1")], &[]);
        relay.envoy_accepts(kind, &[("a", Some("v1"))]);
    }
    relay.pass(QUIET);
    let saved = relay.save_if_due().expect("it is time");
    assert!(!saved.iter().any(|(kind, ..)| *kind == Kind::Endpoint), "{saved:?}");
}

#[test]
fn a_file_that_could_not_be_written_is_written_again_later() {
    let mut relay = Relay::settled();
    relay.pass(QUIET);
    assert!(relay.save_if_due().is_some());
    relay.core.save_failed();
    assert_eq!(relay.save_if_due(), None);
    relay.pass(SAVE_INTERVAL);
    assert!(relay.save_if_due().is_some());
}

#[test]
fn an_envoy_that_is_starting_does_not_empty_the_cache() {
    let mut relay = Relay::settled();
    relay.pass(QUIET);
    assert!(relay.save_if_due().is_some());
    relay.restart_envoy();
    relay.reopen();
    relay.envoy_asks_first(Kind::Cluster, &["*"], &[]);
    relay.requests();
    relay.ferrod(Kind::Cluster, "n1", &[("a", "v9")], &[]);
    relay.envoy_accepts(Kind::Cluster, &[("a", Some("v9"))]);
    relay.pass(QUIET * 2);
    assert_eq!(relay.save_if_due(), None, "it has not asked for listeners yet");
}
