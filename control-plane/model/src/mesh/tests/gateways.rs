//! Which router serves a Gateway.

use super::fixture::{Doc, deleted, labels, mesh};
use crate::mesh::Mesh;

fn gateway(name: &str, selector: &str) -> Doc {
    Doc::new("Gateway", name).spec(&format!(
        "{{selector: {selector}, servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ['*']}}]}}"
    ))
}

fn served(mesh: &Mesh, pairs: &str) -> Vec<String> {
    mesh.gateways_for(&labels(pairs)).iter().map(|gateway| gateway.name().to_string()).collect()
}

#[test]
fn a_router_serves_the_gateways_that_select_it_from_any_namespace_oldest_first() {
    let all = mesh(&[
        gateway("shop/young", "{istio: edge}").created("2026-02-01T00:00:00Z"),
        gateway("bar/old", "{istio: edge}").created("2026-01-01T00:00:00Z"),
        gateway("shop/other", "{istio: inner}"),
        gateway("shop/any", "{}").created("2026-03-01T00:00:00Z"),
    ]);
    assert_eq!(served(&all, "{istio: edge, app: x}"), ["bar/old", "shop/young", "shop/any"]);
    assert_eq!(served(&all, "{app: x}"), ["shop/any"]);
    let fewer = all.apply(&[deleted("Gateway", "bar/old")]);
    assert_eq!(served(&fewer, "{istio: edge}"), ["shop/young", "shop/any"]);
}
