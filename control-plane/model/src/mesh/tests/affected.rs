//! What a change is said to touch.

use super::fixture::{Doc, changes, deleted, destination_rule, mesh, service, service_entry, sidecar, virtual_service};
use crate::mesh::{Affected, Mesh, ScopesAffected, affected};
use crate::object::Change;

fn world() -> Mesh {
    mesh(&[
        service("shop/a", "{selector: {app: a}, ports: [{name: http, port: 80}]}"),
        service("shop/all", "{selector: {tier: web}, ports: [{name: http, port: 80}]}"),
        service("shop/b", "{selector: {app: b}, ports: [{name: http, port: 80}]}"),
        pod("10.0.0.1"),
        virtual_service("shop/root", "{hosts: [a, x.com], http: [{delegate: {name: leaf}}]}"),
        leaf("one"),
        destination_rule("shop/a", "{host: a, subsets: [{name: v1}]}"),
    ])
}

fn pod(ip: &str) -> Doc {
    let rest = format!("{{spec: {{}}, status: {{podIP: {ip}}}}}");
    Doc::new("Pod", "shop/p").labels("{app: a, tier: web}").rest(&rest)
}

fn leaf(destination: &str) -> Doc {
    virtual_service("shop/leaf", &format!("{{http: [{{route: [{{destination: {{host: {destination}}}}}]}}]}}"))
}

fn effect(change: &Change) -> Affected {
    let before = world();
    affected(change, &before, &before.apply(std::slice::from_ref(change)))
}

fn applied(document: Doc) -> Affected {
    effect(&changes(&[document]).remove(0))
}

fn full(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("{name}.shop.svc.cluster.local")).collect()
}

fn texts<T: ToString>(set: &std::collections::BTreeSet<T>) -> Vec<String> {
    set.iter().map(T::to_string).collect()
}

#[test]
fn a_pod_touches_nothing_but_the_endpoints_of_the_services_that_select_it() {
    let moved = applied(pod("10.0.0.2"));
    assert_eq!(texts(&moved.endpoints), full(&["a", "all"]));
    assert_eq!(Affected { endpoints: moved.endpoints.clone(), ..Affected::default() }, moved);
}

#[test]
fn a_workload_that_moves_from_one_service_to_another_touches_both() {
    let rest = "{spec: {}, status: {podIP: 10.0.0.1}}";
    let relabelled = applied(Doc::new("Pod", "shop/p").labels("{app: b, tier: web}").rest(rest));
    assert_eq!(texts(&relabelled.endpoints), full(&["a", "all", "b"]));
}

#[test]
fn what_changes_nothing_touches_nothing() {
    let same: [Change; 5] = [
        changes(&[pod("10.0.0.1")]).remove(0),
        deleted("Pod", "shop/unknown"),
        changes(&[Doc::new("Deployment", "shop/d").rest("{spec: {}}")]).remove(0),
        changes(&[Doc::new("Pod", "shop/q").labels("{app: c}").rest("{spec: {}, status: {podIP: 10.0.0.9}}")])
            .remove(0),
        changes(&[Doc::new("EndpointSlice", "shop/s")
            .labels("{kubernetes.io/service-name: none}")
            .rest("{addressType: IPv4}")])
        .remove(0),
    ];
    for change in same {
        assert!(effect(&change).is_empty(), "{change:?}");
    }
}

#[test]
fn a_service_is_named_with_its_endpoints_only_if_they_differ() {
    let exported = Doc::new("Service", "shop/a")
        .annotations("{networking.istio.io/exportTo: '.'}")
        .spec("{selector: {app: a}, ports: [{name: http, port: 80}]}");
    let exported = applied(exported);
    assert_eq!(texts(&exported.services), full(&["a"]));
    assert!(exported.endpoints.is_empty());
    let gone = effect(&deleted("Service", "shop/a"));
    assert_eq!((texts(&gone.services), texts(&gone.endpoints)), (full(&["a"]), full(&["a"])));
}

#[test]
fn a_service_entry_names_the_hosts_that_changed_and_not_the_others() {
    let entry = |hosts: &str| {
        service_entry("shop/e", &format!("{{hosts: {hosts}, ports: [{{number: 80, name: http, protocol: HTTP}}]}}"))
    };
    let before = mesh(&[entry("[one.com, two.com]")]);
    let change = changes(&[entry("[two.com, three.com]")]).remove(0);
    let touched = affected(&change, &before, &before.apply(std::slice::from_ref(&change)));
    assert_eq!(texts(&touched.services), ["one.com", "three.com"]);
}

#[test]
fn a_delegate_touches_the_hosts_of_its_root() {
    let touched = applied(leaf("two"));
    assert_eq!(texts(&touched.routes), ["a.shop.svc.cluster.local", "x.com"]);
    assert_eq!(texts(&touched.imports), full(&["one", "two"]));
    assert!(touched.services.is_empty() && touched.gateways.is_empty());
}

#[test]
fn a_virtual_service_of_a_gateway_touches_the_gateway_and_not_the_mesh() {
    let spec = "{hosts: [x.com], gateways: [edge], http: [{route: [{destination: {host: a}}]}]}";
    let touched = applied(virtual_service("shop/v", spec));
    assert_eq!(texts(&touched.gateways), ["shop/edge"]);
    assert!(touched.routes.is_empty() && touched.imports.is_empty());
}

#[test]
fn a_destination_rule_names_its_old_and_its_new_host() {
    let touched = applied(destination_rule("shop/a", "{host: '*.com', subsets: [{name: v1}]}"));
    assert_eq!(texts(&touched.destination_rules), ["*.com", "a.shop.svc.cluster.local"]);
}

#[test]
fn a_sidecar_touches_the_scopes_of_its_namespace_and_in_the_root_those_of_all() {
    let own = applied(sidecar("shop/default", "{egress: [{hosts: ['./*']}]}"));
    assert!(own.scopes.contains("shop") && !own.scopes.contains("bar"));
    let root = applied(sidecar("istio-system/default", "{egress: [{hosts: ['./*']}]}"));
    assert_eq!(root.scopes, ScopesAffected::All);
}

#[test]
fn labels_that_come_into_use_to_tell_clients_apart_are_named_and_so_are_those_that_go() {
    let picky = |name: &str, label: &str| {
        destination_rule(name, &format!("{{host: z.com, workloadSelector: {{matchLabels: {{{label}: one}}}}}}"))
    };
    let first = world().apply(&changes(&[picky("shop/one", "app")]));
    assert_eq!(first.client_labels().collect::<Vec<_>>(), ["app"]);
    let second = first.apply(&changes(&[picky("shop/two", "app")]));
    let step = |change: Change, before: &Mesh| {
        let after = before.apply(std::slice::from_ref(&change));
        (texts(&affected(&change, before, &after).client_labels), after)
    };
    let (named, third) = step(deleted("DestinationRule", "shop/one"), &second);
    assert!(named.is_empty(), "shop/two still uses it");
    let (named, fourth) = step(changes(&[picky("shop/two", "tier")]).remove(0), &third);
    assert_eq!(named, ["app", "tier"]);
    let by_source =
        "{hosts: [q.com], http: [{match: [{sourceLabels: {version: v1}}], route: [{destination: {host: a}}]}]}";
    let (named, last) = step(changes(&[virtual_service("shop/v", by_source)]).remove(0), &fourth);
    assert_eq!(named, ["version"]);
    assert_eq!(last.client_labels().collect::<Vec<_>>(), ["tier", "version"]);
}
