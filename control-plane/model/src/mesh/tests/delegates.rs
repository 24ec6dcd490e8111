//! How a root and its delegates become one VirtualService.

use std::sync::Arc;
use std::time::Duration;

use super::fixture::{Doc, changes, deleted, key, mesh, virtual_service};
use crate::istio::{Delegate, HttpRoute, StringMatch, VirtualService};
use crate::mesh::Mesh;
use crate::object::{Change, Object, Spec};

fn root(http: &str) -> Doc {
    virtual_service("shop/root", &format!("{{hosts: [a.com], http: {http}}}"))
}

fn leaf(http: &str) -> Doc {
    virtual_service("team/leaf", &format!("{{http: {http}}}"))
}

const TO_LEAF: &str = "delegate: {name: leaf, namespace: team}";

fn merged(documents: &[Doc]) -> Mesh {
    mesh(documents)
}

fn http(mesh: &Mesh) -> &[HttpRoute] {
    &mesh.virtual_service(&key("VirtualService", "shop/root")).unwrap().spec.http
}

fn complaints(mesh: &Mesh) -> Vec<String> {
    mesh.diagnostics().iter().map(ToString::to_string).collect()
}

fn prefix(text: &str) -> Option<StringMatch> {
    Some(StringMatch::Prefix(text.into()))
}

#[test]
fn a_delegation_becomes_the_routes_of_the_delegate_in_its_place() {
    let mesh = merged(&[
        root(&format!(
            "[{{name: first, route: [{{destination: {{host: x}}}}]}}, {{match: [{{uri: {{prefix: /a}}}}], {TO_LEAF}}}]"
        )),
        leaf(
            "[{name: one, match: [{uri: {prefix: /a/1}}], route: [{destination: {host: w}}]}, {route: [{destination: {host: z}}]}]",
        ),
    ]);
    let routes = http(&mesh);
    assert_eq!(routes.len(), 3);
    assert_eq!(routes[1].match_[0].uri, prefix("/a/1"));
    assert_eq!(routes[2].match_[0].uri, prefix("/a"));
    assert_eq!(routes[1].route[0].destination.host, "w.team.svc.cluster.local");
    assert!(routes.iter().all(|route| route.delegate.is_none()));
    assert!(complaints(&mesh).is_empty());
}

#[test]
fn a_delegate_is_no_virtual_service_of_its_own() {
    let mesh = merged(&[leaf("[{route: [{destination: {host: w}}]}]")]);
    assert!(mesh.virtual_service(&key("VirtualService", "team/leaf")).is_none());
}

#[test]
fn the_namespace_of_a_delegate_defaults_to_that_of_the_root() {
    let mesh = merged(&[
        root("[{delegate: {name: near}}]"),
        virtual_service("shop/near", "{http: [{route: [{destination: {host: w}}]}]}"),
    ]);
    assert_eq!(http(&mesh)[0].route[0].destination.host, "w.shop.svc.cluster.local");
}

#[test]
fn names_of_root_and_delegate_are_joined() {
    let mesh = merged(&[
        root(&format!("[{{name: root, match: [{{name: m, uri: {{prefix: /}}}}], {TO_LEAF}}}]")),
        leaf(
            "[{name: leaf, match: [{name: o, uri: {prefix: /a}}], route: [{destination: {host: w}}]}, {route: [{destination: {host: z}}]}]",
        ),
    ]);
    let [first, second] = http(&mesh) else { panic!("two routes") };
    assert_eq!(first.name.as_deref(), Some("root-leaf"));
    assert_eq!(first.match_[0].name.as_deref(), Some("m-o"));
    assert_eq!(second.name.as_deref(), Some("root"));
}

#[test]
fn settings_of_the_delegate_win_and_the_root_fills_the_rest() {
    let mesh = merged(&[
        root(&format!("[{{timeout: 5s, retries: {{attempts: 3}}, rewrite: {{uri: /r}}, {TO_LEAF}}}]")),
        leaf("[{timeout: 1s, route: [{destination: {host: w}}]}]"),
    ]);
    let [route] = http(&mesh) else { panic!("one route") };
    assert_eq!(route.timeout, Some(Duration::from_secs(1)));
    assert!(route.retries.is_some() && route.rewrite.is_some());
}

#[test]
fn matches_are_combined_when_the_delegate_lies_inside_the_root() {
    let mesh = merged(&[
        root(&format!("[{{match: [{{uri: {{prefix: /a}}, headers: {{x: {{exact: '1'}}}}}}], {TO_LEAF}}}]")),
        leaf(
            "[{match: [{uri: {exact: /a/b}, headers: {y: {exact: '2'}}, method: {exact: GET}}], route: [{destination: {host: w}}]}]",
        ),
    ]);
    let matched = &http(&mesh)[0].match_[0];
    assert_eq!(matched.uri, Some(StringMatch::Exact("/a/b".into())));
    assert_eq!(matched.headers.len(), 2);
    assert!(matched.method.is_some());
}

#[test]
fn a_delegate_match_that_fits_several_root_matches_is_combined_with_each() {
    let mesh = merged(&[
        root(&format!("[{{match: [{{port: 80}}, {{port: 81}}], {TO_LEAF}}}]")),
        leaf("[{match: [{uri: {prefix: /a}}], route: [{destination: {host: w}}]}]"),
    ]);
    let ports: Vec<_> = http(&mesh)[0].match_.iter().map(|matched| matched.port).collect();
    assert_eq!(ports, [Some(80), Some(81)]);
}

/// Whether a delegate match is taken within a root match.
fn fits(root_match: &str, leaf_match: &str) -> bool {
    let mesh = merged(&[
        root(&format!("[{{match: [{root_match}], {TO_LEAF}}}]")),
        leaf(&format!("[{{match: [{leaf_match}], route: [{{destination: {{host: w}}}}]}}]")),
    ]);
    let taken = http(&mesh).len() == 1;
    assert_eq!(complaints(&mesh).len(), usize::from(!taken), "a route that does not fit is reported");
    taken
}

#[test]
fn a_delegate_match_outside_of_the_root_match_is_left_out_and_reported() {
    assert!(fits("{uri: {prefix: /a}}", "{uri: {prefix: /a/b}}"));
    assert!(!fits("{uri: {prefix: /a/b}}", "{uri: {prefix: /a}}"));
    assert!(!fits("{uri: {exact: /a}}", "{uri: {prefix: /a}}"));
    assert!(!fits("{uri: {exact: /a}}", "{uri: {exact: /b}}"));
    assert!(!fits("{port: 80}", "{port: 81}"));
    assert!(!fits("{headers: {x: {exact: '1'}}}", "{headers: {x: {exact: '2'}}}"));
}

#[test]
fn a_regular_expression_on_either_side_conflicts_with_anything_on_the_other() {
    assert!(fits("{uri: {regex: '/a.*'}}", "{method: {exact: GET}}"));
    assert!(!fits("{uri: {regex: '/a.*'}}", "{uri: {prefix: /a}}"));
    assert!(!fits("{uri: {prefix: /a}}", "{uri: {regex: '/a.*'}}"));
}

#[test]
fn ignore_uri_case_and_the_source_namespace_must_be_equal() {
    assert!(!fits("{uri: {prefix: /a}, ignoreUriCase: true}", "{uri: {prefix: /a}}"));
    assert!(fits("{uri: {prefix: /a}, ignoreUriCase: true}", "{uri: {prefix: /a}, ignoreUriCase: true}"));
    assert!(!fits("{sourceNamespace: x}", "{sourceNamespace: z}"));
    assert!(!fits("{sourceNamespace: x}", "{uri: {prefix: /a}}"));
    assert!(fits("{sourceNamespace: x}", "{sourceNamespace: x}"));
}

#[test]
fn one_route_that_does_not_fit_takes_no_other_with_it() {
    let mesh = merged(&[
        root(&format!("[{{match: [{{uri: {{prefix: /a}}}}], {TO_LEAF}}}, {{route: [{{destination: {{host: x}}}}]}}]")),
        leaf(
            "[{match: [{uri: {prefix: /b}}], route: [{destination: {host: w}}]}, {match: [{uri: {prefix: /a/1}}], route: [{destination: {host: z}}]}]",
        ),
    ]);
    assert_eq!(http(&mesh).len(), 2);
    assert_eq!(complaints(&mesh).len(), 1);
}

/// The changes that put a delegate into force after an edit that validation would not let pass.
fn edited(document: Doc, edit: impl Fn(&mut VirtualService)) -> Vec<Change> {
    let edit = |change| match change {
        Change::Applied(object) => {
            let mut object = Object::clone(&object);
            if let Spec::VirtualService(spec) = &mut object.spec {
                edit(spec);
            }
            Change::Applied(Arc::new(object))
        }
        deleted @ Change::Deleted(_) => deleted,
    };
    changes(&[document]).into_iter().map(edit).collect()
}

fn delegates_to(name: &str) -> Option<Delegate> {
    Some(Delegate { name: Some(name.to_owned()), namespace: Some("team".to_owned()) })
}

#[test]
fn a_delegation_that_cannot_be_merged_is_reported_with_both_names() {
    let mesh = merged(&[root(&format!("[{{{TO_LEAF}}}]"))]);
    let to = "route: [{destination: {host: w}}]";
    let leaf = || leaf(&format!("[{{{to}}}]"));
    let refused = [
        ("missing", vec![]),
        ("hidden", changes(&[virtual_service("team/leaf", &format!("{{exportTo: ['.'], http: [{{{to}}}]}}"))])),
        ("hosts", changes(&[virtual_service("team/leaf", &format!("{{hosts: [b.com], http: [{{{to}}}]}}"))])),
        ("gateways", edited(leaf(), |spec| spec.gateways = vec!["edge".to_owned()])),
        ("again", edited(leaf(), |spec| spec.http[0].delegate = delegates_to("other"))),
        ("itself", edited(leaf(), |spec| spec.http[0].delegate = delegates_to("leaf"))),
    ];
    for (case, changes) in refused {
        let mesh = mesh.apply(&changes);
        assert!(http(&mesh).is_empty(), "{case}");
        let complaints = complaints(&mesh);
        let [complaint] = &complaints[..] else { panic!("{case}: {complaints:?}") };
        assert!(complaint.contains("shop/root") && complaint.contains("team/leaf"), "{case}: {complaint}");
    }
}

#[test]
fn a_root_follows_its_delegate_as_it_comes_changes_and_goes() {
    let asks = root(&format!("[{{{TO_LEAF}}}]"));
    let alone = merged(&[asks]);
    let with = alone.apply(&changes(&[leaf("[{route: [{destination: {host: w}}]}]")]));
    assert_eq!(http(&with)[0].route[0].destination.host, "w.team.svc.cluster.local");
    let changed = with.apply(&changes(&[leaf("[{route: [{destination: {host: z}}]}]")]));
    assert_eq!(http(&changed)[0].route[0].destination.host, "z.team.svc.cluster.local");
    let gone = changed.apply(&[deleted("VirtualService", "team/leaf")]);
    assert!(http(&gone).is_empty());
    assert_eq!(complaints(&gone).len(), 1);
}

#[test]
fn delegates_in_a_circle_are_told_and_do_not_hang() {
    let asks = |name: &str, other: &str| {
        let spec = format!("{{hosts: [{name}.com], http: [{{delegate: {{name: {other}}}}}]}}");
        virtual_service(&format!("shop/{name}"), &spec)
    };
    for circle in [vec![asks("a", "a")], vec![asks("a", "b"), asks("b", "a")]] {
        let mesh =
            circle.iter().fold(merged(&[]), |mesh, document| mesh.apply(&changes(std::slice::from_ref(document))));
        assert_eq!(complaints(&mesh), complaints(&merged(&circle)), "one by one or together");
        assert_eq!(complaints(&mesh).len(), circle.len(), "each delegation is told: {:?}", complaints(&mesh));
        for document in &circle {
            let root = mesh.virtual_service(&document.key()).unwrap();
            assert!(root.spec.http.is_empty() && root.diagnostics.len() == 1);
        }
        let alone = mesh.apply(&[deleted("VirtualService", "shop/a")]);
        assert!(complaints(&alone).iter().all(|complaint| complaint.contains("no such VirtualService")));
    }
    // As delegates, which have no hosts, they are refused before they come here.
    let without_hosts = |name: &str, other: &str| {
        virtual_service(&format!("shop/{name}"), &format!("{{http: [{{delegate: {{name: {other}}}}}]}}")).to_string()
    };
    for circle in [without_hosts("a", "a"), [without_hosts("a", "b"), without_hosts("b", "a")].join("\n---\n")] {
        let parsed = crate::document::parse("x.yaml", &circle, &crate::Limits::default());
        assert!(parsed.objects.is_empty());
        assert!(parsed.diagnostics.iter().all(|found| found.message.contains("cannot delegate again")));
    }
}
