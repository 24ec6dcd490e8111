//! The agent's own subscription.

use ferro_xds_protos::{
    Kind, Resource, envoy::envoy::service::discovery::v3::Resource as WireResource,
    ferromesh::v1::NameTable as WireName,
};
use prost::Message;

use super::{PATIENCE, Relay, versions, wire};
use crate::relay::names::NameTable;

fn name(host: &str, version: &str, ip: &str) -> WireResource {
    let table = WireName { name: host.into(), ips: vec![ip.into()], ..Default::default() };
    wire(Kind::NameTable, host, version, &table.encode_to_vec())
}

fn ip(table: &NameTable, host: &str) -> Option<String> {
    table.get(host).map(|entry| entry.ips[0].to_string())
}

#[test]
fn names_are_accepted_by_the_agent_itself() {
    let mut relay = Relay::alone();
    relay.connect();
    relay.ferrod_sends(Kind::NameTable, "n1", vec![name("a.b", "v1", "240.240.0.1")], &[]);
    assert_eq!(relay.answers(), [("n1".into(), None)]);
    let table = relay.core.changed_names().expect("a table");
    assert_eq!(ip(&table, "a.b").as_deref(), Some("240.240.0.1"));
    relay.ferrod_sends(Kind::NameTable, "n2", vec![], &["a.b"]);
    assert_eq!(relay.answers(), [("n2".into(), None)]);
    assert!(relay.core.changed_names().expect("a table").is_empty());
    assert!(relay.core.changed_names().is_none());
}

#[test]
fn a_bad_name_is_refused_and_its_neighbours_are_taken() {
    let mut relay = Relay::alone();
    relay.connect();
    let both = vec![name("a.b", "v1", "nonsense"), name("c.d", "v1", "240.240.0.2")];
    relay.ferrod_sends(Kind::NameTable, "n1", both, &[]);
    let answers = relay.answers();
    assert!(matches!(&answers[..], [(_, Some(text))] if text.contains("nonsense")), "{answers:?}");
    assert_eq!(ip(&relay.core.changed_names().expect("a table"), "c.d").as_deref(), Some("240.240.0.2"));
}

#[test]
fn envoy_neither_gets_names_nor_ends_the_subscription_to_them() {
    let mut relay = Relay::new();
    relay.ferrod_sends(Kind::NameTable, "n1", vec![name("a.b", "v1", "240.240.0.1")], &[]);
    relay.envoy_asks(Kind::NameTable, &[], &["*"]);
    relay.restart_envoy();
    assert_eq!(relay.served(Kind::NameTable, "a.b"), None);
    assert!(relay.session.interest(Kind::NameTable).wildcard);
    relay.session.connected();
    let claims = relay.asked_for(Kind::NameTable).expect("a request").initial_resource_versions;
    assert_eq!(claims, versions(&[("a.b", "v1")]));
}

#[test]
fn names_come_from_the_file_while_ferrod_is_away_and_are_cleared_up_when_it_is_back() {
    let mut relay = Relay::alone();
    let saved = Resource::encode(
        Kind::NameTable,
        "a.b",
        &WireName { name: "a.b".into(), ips: vec!["240.240.0.1".into()], ..Default::default() },
    );
    relay.core.load(&mut relay.session, 0, vec![(Kind::NameTable, saved)]);
    assert!(relay.core.changed_names().is_none());
    relay.pass(PATIENCE);
    assert!(relay.fill_if_due());
    assert!(relay.core.changed_names().expect("a table").get("a.b").is_some());
    relay.connect();
    relay.ferrod_sends(Kind::NameTable, "n1", vec![], &["a.b"]);
    assert!(relay.core.changed_names().expect("a table").is_empty());
}
