//! What is lost to others is reported, with both names.

use super::fixture::{Doc, destination_rule, mesh, service, service_entry, virtual_service};

fn complaints(documents: &[Doc]) -> Vec<String> {
    mesh(documents).diagnostics().iter().map(ToString::to_string).collect()
}

fn only(documents: &[Doc]) -> String {
    let mut found = complaints(documents);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn route(name: &str, rest: &str) -> Doc {
    virtual_service(name, &format!("{{hosts: [a.com], http: [{{route: [{{destination: {{host: b.com}}}}]}}], {rest}}}"))
}

#[test]
fn a_virtual_service_that_loses_its_host_is_told_to_whom() {
    let complaint = only(&[route("shop/first", ""), route("bar/second", "")]);
    assert!(complaint.contains("bar/second: spec.hosts[0]") && complaint.contains("shop/first"), "{complaint}");
    let hidden =
        only(&[route("bar/public", ""), route("bar/one", "exportTo: ['.']"), route("bar/two", "exportTo: ['.']")]);
    assert!(hidden.contains("bar/two: spec.hosts[0]") && hidden.contains("bar/one"), "{hidden}");
}

#[test]
fn virtual_services_that_do_not_meet_are_left_alone() {
    assert!(complaints(&[route("shop/a", "exportTo: ['.']"), route("bar/b", "exportTo: ['.']")]).is_empty());
    assert!(complaints(&[route("shop/a", ""), route("shop/b", "exportTo: ['.']")]).is_empty());
    assert!(complaints(&[route("shop/a", ""), route("shop/b", "gateways: [edge]")]).is_empty());
}

#[test]
fn a_subset_that_an_earlier_rule_has_is_reported() {
    let complaint = only(&[
        destination_rule("shop/a", "{host: a.com, subsets: [{name: v1}]}"),
        destination_rule("shop/b", "{host: a.com, subsets: [{name: v1}, {name: v2}]}"),
    ]);
    assert!(complaint.contains("shop/b") && complaint.contains("shop/a") && complaint.contains("v1"), "{complaint}");
}

#[test]
fn a_service_entry_whose_host_is_taken_is_told_by_whom() {
    let entry = |name: &str| {
        service_entry(name, "{hosts: [a.shop.svc.cluster.local], ports: [{number: 80, name: http, protocol: HTTP}]}")
    };
    let complaint = only(&[entry("bar/squatter"), service("shop/a", "{ports: [{port: 80}]}")]);
    assert!(complaint.contains("bar/squatter") && complaint.contains("Service shop/a"), "{complaint}");
}
