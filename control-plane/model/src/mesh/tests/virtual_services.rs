//! Which VirtualService is in force where.

use super::fixture::{Doc, mesh, service, virtual_service};
use crate::mesh::{GatewayRef, Mesh};

const REVIEWS: &str = "reviews.shop.svc.cluster.local";

fn route(name: &str, host: &str) -> Doc {
    virtual_service(name, &format!("{{hosts: ['{host}'], http: [{{route: [{{destination: {{host: reviews}}}}]}}]}}"))
}

fn exported(name: &str, export_to: &str) -> Doc {
    virtual_service(
        name,
        &format!(
            "{{hosts: [{REVIEWS}], exportTo: {export_to}, http: [{{route: [{{destination: {{host: reviews}}}}]}}]}}"
        ),
    )
}

/// The VirtualService that a proxy of `namespace` follows for `host`, as `namespace/name`.
fn in_force(mesh: &Mesh, namespace: &str, host: &str) -> String {
    let scope = mesh.router_scope(namespace);
    let found = mesh.virtual_service_for(&scope, &scope.listeners[0], host);
    found.map_or_else(|| "none".to_owned(), |found| format!("{}/{}", found.key.namespace, found.key.name))
}

fn gateway(namespace: &str, name: &str) -> GatewayRef {
    GatewayRef::Named { namespace: namespace.into(), name: name.into() }
}

#[test]
fn short_hosts_and_destinations_mean_the_namespace_of_the_virtual_service() {
    let spec = "{hosts: [reviews, full.com], http: [{route: [{destination: {host: reviews}}], mirror: {host: copy}}],
        tcp: [{route: [{destination: {host: db}}]}], tls: [{match: [{sniHosts: [full.com]}], route: [{destination: {host: tls}}]}]}";
    let mesh = mesh(&[virtual_service("shop/a", spec)]);
    assert_eq!(in_force(&mesh, "other", REVIEWS), "shop/a");
    assert_eq!(in_force(&mesh, "other", "full.com"), "shop/a");
    let scope = mesh.router_scope("shop");
    let route = mesh.virtual_service_for(&scope, &scope.listeners[0], REVIEWS).unwrap();
    let expected = ["copy", "db", "reviews", "tls"].map(|name| format!("{name}.shop.svc.cluster.local"));
    assert_eq!(route.destinations().map(|host| host.to_string()).collect::<Vec<_>>(), expected);
}

#[test]
fn the_oldest_wins_then_the_name_then_the_namespace() {
    let young = route("shop/a", REVIEWS).created("2026-02-01T00:00:00Z");
    let old = route("shop/b", REVIEWS).created("2026-01-01T00:00:00Z");
    assert_eq!(in_force(&mesh(&[young, old.clone()]), "shop", REVIEWS), "shop/b");
    let twin = route("shop/a", REVIEWS).created("2026-01-01T00:00:00Z");
    assert_eq!(in_force(&mesh(&[old.clone(), twin.clone()]), "shop", REVIEWS), "shop/a");
    let neighbour = route("bar/a", REVIEWS).created("2026-01-01T00:00:00Z");
    assert_eq!(in_force(&mesh(&[old, twin, neighbour]), "shop", REVIEWS), "bar/a");
}

#[test]
fn private_ones_come_before_exported_ones_before_public_ones_whatever_their_age() {
    let public = exported("old/public", "['*']");
    let named = exported("mid/named", "[shop, bar]");
    let private = exported("shop/private", "['.']");
    let all = mesh(&[public, named, private]);
    assert_eq!(in_force(&all, "shop", REVIEWS), "shop/private");
    assert_eq!(in_force(&all, "bar", REVIEWS), "mid/named");
    assert_eq!(in_force(&all, "other", REVIEWS), "old/public");
}

#[test]
fn the_most_specific_host_wins_over_age() {
    let mesh = mesh(&[
        route("shop/all", "*.local"),
        route("shop/local", "*.cluster.local"),
        route("shop/exact", REVIEWS),
        route("shop/near", "*.shop.svc.cluster.local"),
    ]);
    assert_eq!(in_force(&mesh, "shop", REVIEWS), "shop/exact");
    assert_eq!(in_force(&mesh, "shop", "ratings.shop.svc.cluster.local"), "shop/near");
    assert_eq!(in_force(&mesh, "shop", "a.bar.svc.cluster.local"), "shop/local");
    assert_eq!(in_force(&mesh, "shop", "printer.local"), "shop/all");
    assert_eq!(in_force(&mesh, "shop", "a.com"), "none");
}

#[test]
fn a_more_specific_host_out_of_sight_does_not_hide_a_wildcard() {
    let mesh = mesh(&[exported("other/exact", "['.']"), route("shop/wide", "*.local")]);
    assert_eq!(in_force(&mesh, "shop", REVIEWS), "shop/wide");
}

#[test]
fn one_bound_to_a_gateway_alone_is_not_in_force_in_the_mesh() {
    let bound = |gateways: &str| {
        let spec =
            format!("{{hosts: [{REVIEWS}], gateways: {gateways}, http: [{{route: [{{destination: {{host: a}}}}]}}]}}");
        mesh(&[virtual_service("shop/a", &spec)])
    };
    assert_eq!(in_force(&bound("[edge]"), "shop", REVIEWS), "none");
    assert_eq!(in_force(&bound("[edge, mesh]"), "shop", REVIEWS), "shop/a");
}

#[test]
fn a_gateway_is_named_short_in_the_own_namespace_or_with_its_own() {
    for text in ["edge", "./edge", "shop/edge", "edge.shop.svc.cluster.local"] {
        assert_eq!(GatewayRef::parse(text, "shop"), gateway("shop", "edge"), "{text}");
    }
    assert_eq!(GatewayRef::parse("mesh", "shop"), GatewayRef::Mesh);
    assert_eq!(GatewayRef::parse("edge.bar.svc.cluster.local", "shop"), gateway("bar", "edge"));
}

#[test]
fn all_virtual_services_of_a_gateway_that_are_visible_are_listed_in_look_up_order() {
    let bound = |name: &str, export: &str| {
        let spec = format!(
            "{{hosts: [a.com], gateways: [edge/gw], exportTo: {export}, http: [{{route: [{{destination: {{host: a}}}}]}}]}}"
        );
        virtual_service(name, &spec)
    };
    let mesh = mesh(&[
        bound("shop/public", "['*']"),
        bound("shop/named", "[edge]"),
        bound("edge/private", "['.']"),
        bound("shop/hidden", "['.']"),
        bound("shop/late", "['*']"),
    ]);
    let found = mesh.virtual_services_for_gateway(&gateway("edge", "gw"), "edge");
    let names: Vec<&str> = found.iter().map(|route| &*route.key.name).collect();
    assert_eq!(names, ["private", "named", "public", "late"]);
}

#[test]
fn gateways_named_in_matches_are_completed_too() {
    let spec = "{hosts: [a.com], gateways: [edge], http: [{match: [{gateways: [edge, mesh]}], route: [{destination: {host: a}}]}]}";
    let mesh = mesh(&[virtual_service("shop/a", spec)]);
    let found = &mesh.virtual_services_for_gateway(&gateway("shop", "edge"), "shop")[0];
    assert_eq!(found.spec.http[0].match_[0].gateways, ["shop/edge", "mesh"]);
}

#[test]
fn deleting_the_winner_brings_back_the_next() {
    let first =
        mesh(&[service("shop/reviews", "{ports: [{port: 80}]}"), route("shop/a", REVIEWS), route("shop/b", REVIEWS)]);
    assert_eq!(in_force(&first, "shop", REVIEWS), "shop/a");
    let then = first.apply(&[super::fixture::deleted("VirtualService", "shop/a")]);
    assert_eq!(in_force(&then, "shop", REVIEWS), "shop/b");
    assert_eq!(in_force(&first, "shop", REVIEWS), "shop/a");
}
