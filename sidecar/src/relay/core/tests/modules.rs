//! Wasm modules: architecture.md, section 3, point 9.

use std::{collections::HashSet, path::Path};

use ferro_xds_protos::{Kind, envoy::envoy::service::discovery::v3::Resource as WireResource};
use prost::Message;

use super::{Relay, wire};
use crate::{
    modules::ModuleDigest,
    relay::{
        value_of,
        wasm::fixture::{filter, filter_asking_for},
    },
};

fn digest(content: &[u8]) -> ModuleDigest {
    ModuleDigest::of(content)
}

fn asking_for(version: &str, module: &[u8]) -> WireResource {
    wire(Kind::ExtensionConfig, "f", version, &filter_asking_for(digest(module)).encode_to_vec())
}

fn relay() -> Relay {
    let mut relay = Relay::settled();
    relay.envoy_asks_first(Kind::ExtensionConfig, &["f", "g"], &[]);
    relay.requests();
    relay
}

fn provide(relay: &mut Relay, module: &[u8]) {
    relay.core.module(&mut relay.session, digest(module), Ok(Path::new("/state/m.wasm")));
}

#[test]
fn a_filter_waits_for_its_module_and_nothing_waits_for_the_filter() {
    let mut relay = relay();
    let plain = wire(Kind::ExtensionConfig, "g", "v1", b"");
    relay.ferrod_sends(Kind::ExtensionConfig, "n1", vec![asking_for("v1", b"m"), plain], &[]);
    assert_eq!(relay.core.awaited_modules(), HashSet::from([digest(b"m")]));
    assert_eq!(relay.served(Kind::ExtensionConfig, "f"), None);
    assert_eq!(relay.served(Kind::ExtensionConfig, "g"), Some(Some("v1".into())));
    relay.ferrod(Kind::Listener, "l2", &[("a", "v2")], &[]);
    relay.envoy_accepts(Kind::Listener, &[("a", Some("v2"))]);
    relay.envoy_accepts(Kind::ExtensionConfig, &[("g", Some("v1"))]);
    assert_eq!(relay.answers(), [("l2".into(), None)]);
    provide(&mut relay, b"m");
    assert_eq!(relay.served(Kind::ExtensionConfig, "f"), Some(Some("v1".into())));
    relay.envoy_accepts(Kind::ExtensionConfig, &[("f", Some("v1"))]);
    assert_eq!(relay.answers(), [("n1".into(), None)]);
    assert!(relay.core.awaited_modules().is_empty());
}

#[test]
fn envoy_is_given_the_file_in_place_of_the_hash() {
    let mut relay = relay();
    relay.ferrod_sends(Kind::ExtensionConfig, "n1", vec![asking_for("v1", b"m")], &[]);
    provide(&mut relay, b"m");
    let snapshot = relay.core.snapshot();
    let frame = snapshot.get(Kind::ExtensionConfig, "f").expect("served").delta_frame();
    assert_eq!(value_of(&frame), filter("/state/m.wasm").encode_to_vec());
}

#[test]
fn a_module_that_cannot_be_had_is_a_refusal_with_the_reason_and_envoy_keeps_the_old_filter() {
    let mut relay = relay();
    relay.ferrod_sends(Kind::ExtensionConfig, "n1", vec![asking_for("v1", b"m")], &[]);
    provide(&mut relay, b"m");
    relay.envoy_accepts(Kind::ExtensionConfig, &[("f", Some("v1"))]);
    relay.answers();
    relay.ferrod_sends(Kind::ExtensionConfig, "n2", vec![asking_for("v2", b"other")], &[]);
    relay.core.module(&mut relay.session, digest(b"other"), Err(&"not found".into()));
    assert_eq!(relay.answers(), [("n2".into(), Some("not found".into()))]);
    assert_eq!(relay.served(Kind::ExtensionConfig, "f"), Some(Some("v1".into())));
}

#[test]
fn without_an_old_filter_envoy_is_told_at_once_that_there_is_none() {
    let mut relay = relay();
    relay.ferrod_sends(Kind::ExtensionConfig, "n1", vec![asking_for("v1", b"m")], &[]);
    relay.core.module(&mut relay.session, digest(b"m"), Err(&"not found".into()));
    assert_eq!(relay.served(Kind::ExtensionConfig, "f"), Some(None));
    assert_eq!(relay.answers(), [("n1".into(), Some("not found".into()))]);
}

#[test]
fn a_hash_that_is_none_is_refused() {
    let mut relay = relay();
    let bad = wire(Kind::ExtensionConfig, "f", "v1", &filter("ferromesh:sha256:xyz").encode_to_vec());
    relay.ferrod_sends(Kind::ExtensionConfig, "n1", vec![bad], &[]);
    let answers = relay.answers();
    assert!(matches!(&answers[..], [(_, Some(reason))] if reason.contains("xyz")), "{answers:?}");
    assert!(relay.core.awaited_modules().is_empty());
}

#[test]
fn a_module_that_was_missing_is_looked_for_again_when_ferrod_sends_the_filter_again() {
    let mut relay = relay();
    relay.ferrod_sends(Kind::ExtensionConfig, "n1", vec![asking_for("v1", b"m")], &[]);
    relay.core.module(&mut relay.session, digest(b"m"), Err(&"ferrod is away".into()));
    relay.envoy_accepts(Kind::ExtensionConfig, &[("f", None)]);
    relay.reconnect();
    relay.session.connected();
    relay.requests();
    relay.ferrod_sends(Kind::ExtensionConfig, "n2", vec![asking_for("v1", b"m")], &[]);
    provide(&mut relay, b"m");
    relay.envoy_accepts(Kind::ExtensionConfig, &[("f", Some("v1"))]);
    assert_eq!(relay.answers(), [("n2".into(), None)]);
}

#[test]
fn a_module_that_can_be_had_after_all_is_served_and_ferrod_is_asked_to_send_the_filter_again() {
    let mut relay = relay();
    relay.ferrod_sends(Kind::ExtensionConfig, "n1", vec![asking_for("v1", b"m")], &[]);
    relay.core.module(&mut relay.session, digest(b"m"), Err(&"no space left".into()));
    assert!(matches!(&relay.answers()[..], [(_, Some(_))]));
    assert_eq!(relay.core.failed_modules(), HashSet::from([digest(b"m")]));
    provide(&mut relay, b"m");
    assert_eq!(relay.served(Kind::ExtensionConfig, "f"), Some(Some("v1".into())));
    let asked = relay.asked_for(Kind::ExtensionConfig).expect("a request");
    assert_eq!(asked.resource_names_subscribe, ["f"]);
    assert!(relay.core.failed_modules().is_empty());
}

#[test]
fn a_last_known_good_filter_is_served_with_its_own_module_while_the_newest_lacks_another() {
    let mut relay = relay();
    relay.ferrod_sends(Kind::ExtensionConfig, "n1", vec![asking_for("v1", b"old")], &[]);
    provide(&mut relay, b"old");
    relay.envoy_accepts(Kind::ExtensionConfig, &[("f", Some("v1"))]);
    relay.restart_envoy();
    relay.reopen();
    relay.envoy_asks_first(Kind::ExtensionConfig, &["f"], &[]);
    relay.requests();
    relay.ferrod_sends(Kind::ExtensionConfig, "n2", vec![asking_for("v2", b"new")], &[]);
    relay.core.module(&mut relay.session, digest(b"new"), Err(&"not found".into()));
    assert_eq!(relay.core.awaited_modules(), HashSet::from([digest(b"old")]));
    provide(&mut relay, b"old");
    assert_eq!(relay.served(Kind::ExtensionConfig, "f"), Some(Some("v1".into())), "not the newest with the wrong code");
    assert_eq!(relay.core.failed_modules(), HashSet::from([digest(b"new")]));
    provide(&mut relay, b"new");
    assert_eq!(relay.served(Kind::ExtensionConfig, "f"), Some(Some("v2".into())));
}

#[test]
fn the_last_known_good_filter_finds_its_module_again() {
    let mut relay = relay();
    relay.ferrod_sends(Kind::ExtensionConfig, "n1", vec![asking_for("v1", b"m")], &[]);
    provide(&mut relay, b"m");
    relay.envoy_accepts(Kind::ExtensionConfig, &[("f", Some("v1"))]);
    assert_eq!(relay.core.used_modules(), HashSet::from([digest(b"m")]));
    relay.disconnect();
    relay.restart_envoy();
    relay.fill_if_due();
    assert_eq!(relay.served(Kind::ExtensionConfig, "f"), None);
    assert_eq!(relay.core.awaited_modules(), HashSet::from([digest(b"m")]));
    provide(&mut relay, b"m");
    assert_eq!(relay.served(Kind::ExtensionConfig, "f"), Some(Some("v1".into())));
}
