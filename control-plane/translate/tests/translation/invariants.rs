//! What must hold for everything that is sent, whatever the policies: Envoy refuses the whole response otherwise.

use std::collections::BTreeSet;
use std::sync::Arc;

use ferro_model::mesh::Mesh;
use ferro_model::{Change, MeshConfig};
use ferro_translate::Settings;
use ferro_xds_protos::envoy::envoy::config::core::v3::Address;
use ferro_xds_protos::envoy::envoy::config::listener::v3::{FilterChainMatch, Listener};
use ferro_xds_protos::{Kind, Resource};
use proptest::prelude::{prop, prop_assert_eq};
use proptest::test_runner::{Config, TestRunner};

use crate::case::{Case, addressed, changes, send};
use crate::envoy::{all, tables};
use crate::incremental::proxies;
use crate::walk::{masked, socket};
use crate::world::slots;

/// What is wrong, if anything.
fn violations(resources: &[(Kind, Resource)]) -> Vec<String> {
    let mut found = Vec::new();
    for table in tables(resources) {
        let domains =
            table.virtual_hosts.iter().flat_map(|host| &host.domains).map(|domain| domain.to_ascii_lowercase());
        found.extend(twice(domains).map(|domain| format!("table {}: domain {domain} twice", table.name)));
    }
    let listeners: Vec<Listener> = all(resources, Kind::Listener);
    let addresses = listeners.iter().flat_map(addresses).filter_map(|address| socket(Some(address)));
    found.extend(twice(addresses).map(|address| format!("two listeners at {address:?}")));
    for listener in &listeners {
        let elements = listener
            .filter_chains
            .iter()
            .flat_map(|chain| chain.filter_chain_match.as_ref().map_or_else(|| vec!["any".to_owned()], elements));
        found.extend(twice(elements).map(|element| format!("listener {}: {element} in two chains", listener.name)));
        let names = listener.filter_chains.iter().filter_map(|chain| chain.filter_chain_match.as_ref());
        let partial = names
            .flat_map(|found| &found.server_names)
            .filter(|name| name.strip_prefix("*.").unwrap_or(name).contains('*'));
        found.extend(partial.map(|name| format!("listener {}: server name {name}", listener.name)));
    }
    found
}

fn addresses(listener: &Listener) -> Vec<&Address> {
    let more = listener.additional_addresses.iter().filter_map(|more| more.address.as_ref());
    listener.address.iter().chain(more).collect()
}

// The combinations that Envoy takes a match apart into.
fn elements(found: &FilterChainMatch) -> Vec<String> {
    let or_any = |texts: Vec<String>| if texts.is_empty() { vec![String::new()] } else { texts };
    let ranges = or_any(found.prefix_ranges.iter().map(masked).collect());
    let protocols = or_any(found.application_protocols.clone());
    let port = found.destination_port.as_ref().map(|port| port.value);
    let mut elements = Vec::new();
    for range in &ranges {
        for name in &or_any(found.server_names.clone()) {
            for protocol in &protocols {
                elements.push(format!("{port:?} {range} {name} {} {protocol}", found.transport_protocol));
            }
        }
    }
    elements
}

fn twice<T: Ord + Clone>(all: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    let mut seen = BTreeSet::new();
    all.filter(move |one| !seen.insert(one.clone()))
}

#[test]
fn no_domain_address_or_match_stands_twice_in_any_case() {
    for case in Case::all() {
        for sent in case.translate() {
            assert_eq!(violations(&sent.resources), Vec::<String>::new(), "{}, proxy {}", case.name(), sent.proxy);
        }
    }
}

#[test]
fn no_domain_address_or_match_stands_twice_in_any_world() {
    let slots = slots();
    let worlds = prop::collection::vec(prop::option::weighted(0.7, 0..4usize), slots.len());
    let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&worlds, |world| {
        let forms = world.iter().zip(&slots).filter_map(|(form, forms)| Some(forms[form.as_ref()? % forms.len()]));
        let changes: Vec<Change> = forms.flat_map(changes).collect();
        let mesh = addressed(&Mesh::new(Arc::new(MeshConfig::default())).apply(&changes));
        for proxy in proxies() {
            let sent = send(&mesh, &(proxy.id.to_string(), proxy.clone()), &Settings::default());
            prop_assert_eq!(violations(&sent.resources), Vec::<String>::new(), "{:?}", proxy);
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
