//! What a change costs: counted in things that are no longer the same `Arc`, not in time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fixture::{Doc, changes, deleted, destination_rule, mesh, service, sidecar, virtual_service};
use crate::mesh::{AddressTable, Mesh, address};
use crate::object::Change;

const SERVICES: usize = 1_000;

fn slice(index: usize, last: u8) -> Doc {
    Doc::new("EndpointSlice", &format!("shop/s{index}-x"))
        .labels(&format!("{{kubernetes.io/service-name: s{index}}}"))
        .rest(&format!(
            "{{addressType: IPv4, ports: [{{name: http, port: 80}}], endpoints: [{{addresses: [10.{}.{}.{last}]}}]}}",
            index / 250,
            index % 250
        ))
}

fn route(index: usize, timeout: &str) -> Doc {
    virtual_service(
        &format!("shop/s{index}"),
        &format!("{{hosts: [s{index}], http: [{{timeout: {timeout}, route: [{{destination: {{host: s{index}}}}}]}}]}}"),
    )
}

fn large() -> Mesh {
    let documents: Vec<Doc> = (0..SERVICES)
        .flat_map(|index| {
            let selector = format!("{{selector: {{app: s{index}}}, ports: [{{name: http, port: 80}}]}}");
            [
                service(&format!("shop/s{index}"), &selector),
                slice(index, 1),
                route(index, "1s"),
                destination_rule(&format!("shop/s{index}"), &format!("{{host: s{index}, subsets: [{{name: v1}}]}}")),
            ]
        })
        .collect();
    let mesh = mesh(&documents);
    let table = address::allocate(&AddressTable::default(), mesh.unaddressed().cloned()).table;
    mesh.with_addresses(table)
}

/// Everything derived, by name, as the address of its `Arc`.
fn parts(mesh: &Mesh) -> BTreeMap<String, usize> {
    let mut parts = BTreeMap::new();
    for service in mesh.services() {
        parts.insert(format!("service {}", service.host), Arc::as_ptr(service).addr());
        parts.insert(format!("endpoints {}", service.host), mesh.endpoints(service).as_ptr().addr());
        if let Some(rule) = mesh.destination_rule_for("shop", &BTreeMap::new(), service) {
            parts.insert(format!("rule {}", service.host), Arc::as_ptr(rule).addr());
        }
        let scope = mesh.router_scope("shop");
        if let Some(route) = mesh.virtual_service_for(&scope, &scope.listeners[0], &service.host) {
            parts.insert(format!("route {}", service.host), Arc::as_ptr(route).addr());
        }
    }
    parts
}

/// The names of the parts that are not the same before and after.
fn rebuilt(before: &Mesh, after: &Mesh) -> Vec<String> {
    let (before, after) = (parts(before), parts(after));
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

#[test]
fn one_change_in_a_thousand_services_rebuilds_what_it_is_about_and_nothing_else() {
    let before = large();
    assert_eq!(parts(&before).len(), 4 * SERVICES);
    let host = "s500.shop.svc.cluster.local";
    let applied = |document: Doc| changes(&[document]);
    let cases: [(Vec<Change>, &[&str]); 6] = [
        (applied(slice(500, 2)), &["endpoints"]),
        (applied(route(500, "2s")), &["route"]),
        (applied(destination_rule("shop/s500", "{host: s500, subsets: [{name: v2}]}")), &["rule"]),
        (
            applied(service("shop/s500", "{selector: {app: s500}, ports: [{name: tcp, port: 80}]}")),
            &["endpoints", "service"],
        ),
        (vec![deleted("VirtualService", "shop/s500")], &["route"]),
        (vec![deleted("Service", "shop/s500")], &["endpoints", "route", "rule", "service"]),
    ];
    for (changes, expected) in cases {
        let after = before.apply(&changes);
        let expected: Vec<String> = expected.iter().map(|part| format!("{part} {host}")).collect();
        assert_eq!(rebuilt(&before, &after), expected, "{changes:?}");
    }
}

#[test]
fn applying_the_same_again_rebuilds_nothing() {
    let before = large();
    let again: Vec<Change> = before.objects().cloned().map(Change::Applied).collect();
    assert_eq!(rebuilt(&before, &before.apply(&again)), [""; 0]);
}

#[test]
fn one_new_address_rebuilds_one_service() {
    let before = large();
    let with = before.apply(&changes(&[service("shop/new", "{ports: [{name: http, port: 80}]}")]));
    let allocation = address::allocate(&with.addresses, with.unaddressed().cloned());
    let after = with.with_addresses(allocation.table);
    assert_eq!(rebuilt(&with, &after), ["service new.shop.svc.cluster.local"]);
}

/// No less than a hundred times what it takes when the cost does not grow with the square of the size.
const LINEAR: Duration = Duration::from_secs(10);

#[test]
fn what_a_restricted_scope_sees_costs_as_much_as_the_destinations_of_a_route() {
    const DESTINATIONS: usize = 10_000;
    let route: Vec<String> =
        (0..DESTINATIONS).map(|n| format!("{{destination: {{host: h{n}.example.com}}, weight: 1}}")).collect();
    let mesh = mesh(&[
        virtual_service("shop/all", &format!("{{hosts: [all.example.com], http: [{{route: [{}]}}]}}", route.join(","))),
        sidecar("shop/few", "{egress: [{hosts: ['./*']}]}"),
    ]);
    let start = Instant::now();
    assert!(mesh.scope_services(&mesh.scope_for("shop", &BTreeMap::new())).is_empty(), "no such services are there");
    assert!(start.elapsed() < LINEAR, "{:?}", start.elapsed());
}

#[test]
fn a_batch_of_rules_for_one_host_is_merged_once() {
    const RULES: usize = 2_000;
    let rule =
        |n: usize| destination_rule(&format!("shop/r{n}"), &format!("{{host: a.example.com, exportTo: [n{n}]}}"));
    let documents: Vec<Doc> = (0..RULES).map(rule).collect();
    let start = Instant::now();
    let mesh = mesh(&documents);
    let one = mesh.apply(&[deleted("DestinationRule", "shop/r7")]);
    assert!(start.elapsed() < LINEAR, "{:?}", start.elapsed());
    let rules = |mesh: &Mesh| mesh.destinations.of_host("shop", "a.example.com").to_vec();
    assert_eq!((rules(&mesh).len(), rules(&one).len()), (RULES, RULES - 1));
    let kept = rules(&one).iter().filter(|rule| rules(&mesh).iter().any(|before| Arc::ptr_eq(rule, before))).count();
    assert_eq!(kept, RULES - 1, "what the change is not about is what it was");
}
