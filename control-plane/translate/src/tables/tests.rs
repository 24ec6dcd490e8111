use std::sync::Arc;

use ferro_model::mesh::Precedence;
use ferro_model::object::{ObjectKey, ObjectKind, Timestamp};
use ferro_xds_protos::envoy::envoy::service::discovery::v3::DeltaDiscoveryResponse;
use ferro_xds_protos::{Kind, Resource};
use prost::Message;

use super::{HostPart, Layout, Rank, Shell, Tables};
use crate::output::Owner;
use crate::pb::route::{RouteConfiguration, VirtualHost};

fn owner(name: &str, created: u64) -> Owner {
    let key = ObjectKey::new(ObjectKind::ServiceEntry, "ns", name);
    let created = Timestamp::from_unix_millis(created);
    Owner { precedence: Precedence { created, name: name.into(), namespace: "ns".into() }, object: key }
}

fn host(name: &str, created: u64, domains: &[(&str, Rank)]) -> HostPart {
    let body = VirtualHost { include_request_attempt_count: true, ..VirtualHost::default() };
    HostPart {
        table: "80".into(),
        name: name.into(),
        domains: domains.iter().map(|(domain, rank)| ((*domain).to_owned(), *rank)).collect(),
        owner: Some(owner(name, created)),
        body: body.encode_to_vec().into(),
    }
}

fn shell() -> Arc<[u8]> {
    Shell::new(&RouteConfiguration { name: "80".to_owned(), ..RouteConfiguration::default() }).body
}

fn decode<M: Message + Default>(resource: &Resource) -> M {
    let response = DeltaDiscoveryResponse::decode(resource.delta_frame()).expect("a frame");
    let any = response.resources.into_iter().next().and_then(|entry| entry.resource).expect("a body");
    M::decode(&*any.value).expect("a message")
}

fn domains(tables: &Tables, name: &str) -> Vec<String> {
    let full = format!("80/{name}");
    let found = tables.resources().find(|(kind, resource)| *kind == Kind::VirtualHost && **resource.name() == *full);
    found.map(|(_, resource)| decode::<VirtualHost>(resource).domains).unwrap_or_default()
}

#[test]
fn a_domain_goes_to_the_best_claim_and_on_when_its_holder_goes() {
    let mut tables = Tables::new(Layout::Apart);
    tables.set_shell(&"80".into(), Some(shell()));
    tables.insert_host(host("young", 2, &[("young", Rank::Name), ("10.0.0.1", Rank::Address)]));
    tables.flush();
    assert_eq!(domains(&tables, "young"), ["young", "10.0.0.1"]);

    tables.insert_host(host("old", 1, &[("old", Rank::Name), ("10.0.0.1", Rank::Address)]));
    let updates = tables.flush();
    assert_eq!(updates.len(), 2, "the loser is sent as well: {updates:?}");
    assert_eq!(domains(&tables, "young"), ["young"]);
    assert_eq!(domains(&tables, "old"), ["old", "10.0.0.1"]);
    assert_eq!(tables.findings().count(), 1);

    tables.remove_host(&"80".into(), &"old".into());
    tables.flush();
    assert_eq!(domains(&tables, "young"), ["young", "10.0.0.1"]);
    assert_eq!(tables.findings().count(), 0);
}

#[test]
fn a_name_beats_an_older_alias_without_a_conflict() {
    let mut tables = Tables::new(Layout::Apart);
    tables.set_shell(&"80".into(), Some(shell()));
    tables.insert_host(host("old", 1, &[("old", Rank::Name), ("short", Rank::Alias)]));
    tables.insert_host(host("short", 2, &[("short", Rank::Name)]));
    tables.flush();
    assert_eq!(domains(&tables, "old"), ["old"]);
    assert_eq!(domains(&tables, "short"), ["short"]);
    assert_eq!(tables.findings().count(), 0);
}

#[test]
fn a_host_that_gets_no_domain_is_not_sent() {
    let mut tables = Tables::new(Layout::Apart);
    tables.set_shell(&"80".into(), Some(shell()));
    tables.insert_host(host("old", 1, &[("same", Rank::Name)]));
    tables.insert_host(host("young", 2, &[("same", Rank::Name)]));
    let updates = tables.flush();
    assert_eq!(updates.len(), 2, "the table and one host: {updates:?}");
    assert!(domains(&tables, "young").is_empty());
}

#[test]
fn hosts_wait_for_their_table_and_go_with_it() {
    let mut tables = Tables::new(Layout::Apart);
    tables.insert_host(host("a", 1, &[("a", Rank::Name)]));
    assert!(tables.flush().is_empty());
    tables.set_shell(&"80".into(), Some(shell()));
    assert_eq!(tables.flush().len(), 2);
    tables.set_shell(&"80".into(), None);
    let updates = tables.flush();
    assert_eq!(updates.len(), 2);
    assert!(updates.iter().all(|(.., resource)| resource.is_none()));
}

#[test]
fn inline_hosts_stand_in_their_table() {
    let mut tables = Tables::new(Layout::Inline);
    tables.set_shell(&"80".into(), Some(shell()));
    tables.insert_host(host("a", 1, &[("a", Rank::Name)]));
    tables.insert_host(host("b", 1, &[("b", Rank::Name)]));
    let updates = tables.flush();
    let [(Kind::Route, _, Some(resource))] = &updates[..] else { panic!("one table, got {updates:?}") };
    let table: RouteConfiguration = decode(resource);
    let names: Vec<_> = table.virtual_hosts.iter().map(|host| (&*host.name, host.domains.join(","))).collect();
    assert_eq!(names, [("a", "a".to_owned()), ("b", "b".to_owned())]);
    assert_eq!(table.name, "80");
}

#[test]
fn putting_the_same_host_back_sends_nothing() {
    let mut tables = Tables::new(Layout::Apart);
    tables.set_shell(&"80".into(), Some(shell()));
    tables.insert_host(host("a", 1, &[("a", Rank::Name)]));
    tables.flush();
    tables.remove_host(&"80".into(), &"a".into());
    tables.insert_host(host("a", 1, &[("a", Rank::Name)]));
    assert!(tables.flush().is_empty());
}
