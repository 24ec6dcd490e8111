//! Which Sidecar is in force for a proxy, and what the proxy sees through it.

use super::fixture::{Doc, changes, deleted, hosts, labels, mesh, service, service_entry, sidecar, virtual_service};
use crate::mesh::{EgressBinding, Mesh, Protocol, SidecarScope};

fn host(name: &str, namespace: &str) -> String {
    format!("{name}.{namespace}.svc.cluster.local")
}

fn picked(mesh: &Mesh, namespace: &str, pairs: &str) -> String {
    let found = mesh.sidecar_for(namespace, &labels(pairs));
    found.map_or_else(|| "none".to_owned(), |sidecar| format!("{}/{}", sidecar.key.namespace, sidecar.key.name))
}

/// A mesh of services `a` (ports 80 and 81) and `b` in each of the namespaces shop and bar, and a Sidecar for shop.
fn world(egress: &str, more: &[Doc]) -> Mesh {
    let mut documents = Vec::new();
    for namespace in ["shop", "bar"] {
        documents
            .push(service(&format!("{namespace}/a"), "{ports: [{name: http, port: 80}, {name: http-two, port: 81}]}"));
        documents.push(service(&format!("{namespace}/b"), "{ports: [{name: http, port: 80}]}"));
    }
    documents.push(sidecar("shop/default", &format!("{{egress: {egress}}}")));
    documents.extend(more.iter().cloned());
    mesh(&documents)
}

fn scope(mesh: &Mesh) -> SidecarScope {
    mesh.scope_for("shop", &labels(""))
}

/// The services that proxies of shop see, with their ports.
fn seen(mesh: &Mesh) -> Vec<String> {
    let services = mesh.scope_services(&scope(mesh));
    let text = |service: &std::sync::Arc<crate::mesh::Service>| {
        let ports: Vec<String> = service.ports.iter().map(|port| port.number.to_string()).collect();
        format!("{} {}", service.host.split(".svc").next().unwrap_or_default(), ports.join(","))
    };
    services.iter().map(text).collect()
}

#[test]
fn a_selecting_sidecar_wins_over_the_default_of_the_namespace_over_that_of_the_root() {
    let egress = "egress: [{hosts: ['*/*']}]";
    let all = mesh(&[
        sidecar("istio-system/mesh", &format!("{{{egress}}}")),
        sidecar("shop/default", &format!("{{{egress}}}")),
        sidecar("shop/one", &format!("{{workloadSelector: {{labels: {{app: a}}}}, {egress}}}")),
        sidecar("shop/two", &format!("{{workloadSelector: {{labels: {{app: a}}}}, {egress}}}")),
    ]);
    assert_eq!(picked(&all, "shop", "{app: a}"), "shop/one");
    assert_eq!(picked(&all, "shop", "{app: b}"), "shop/default");
    assert_eq!(picked(&all, "other", "{app: a}"), "istio-system/mesh");
    let fewer = all.apply(&[deleted("Sidecar", "shop/default"), deleted("Sidecar", "istio-system/mesh")]);
    assert_eq!(picked(&fewer, "shop", "{app: b}"), "none");
}

#[test]
fn a_router_ignores_sidecars() {
    let mesh = world("[{hosts: ['./a.shop.svc.cluster.local']}]", &[]);
    let scope = mesh.router_scope("shop");
    assert!(!scope.restricts());
    assert_eq!(mesh.scope_services(&scope).len(), 4);
}

#[test]
fn without_a_sidecar_or_without_egress_everything_exported_to_the_namespace_is_seen() {
    let hidden = Doc::new("Service", "bar/hidden")
        .annotations("{networking.istio.io/exportTo: '.'}")
        .spec("{ports: [{port: 80}]}");
    let ingress_only = sidecar(
        "shop/default",
        "{ingress: [{port: {number: 80, protocol: HTTP, name: x}, defaultEndpoint: '127.0.0.1:80'}]}",
    );
    let with = world("[{hosts: ['./*']}]", std::slice::from_ref(&hidden)).apply(&changes(&[ingress_only]));
    assert_eq!(seen(&with), ["a.bar 80,81", "a.shop 80,81", "b.bar 80", "b.shop 80"]);
    assert!(!scope(&with).restricts());
    let without = with.apply(&[deleted("Sidecar", "shop/default")]);
    assert_eq!(seen(&without), seen(&with));
}

#[test]
fn egress_hosts_name_a_namespace_and_a_host_or_wildcard() {
    let cases: [(&str, &[&str]); 7] = [
        ("['./*']", &["a.shop 80,81", "b.shop 80"]),
        ("['bar/*']", &["a.bar 80,81", "b.bar 80"]),
        ("['bar/a.bar.svc.cluster.local']", &["a.bar 80,81"]),
        ("['*/*.bar.svc.cluster.local']", &["a.bar 80,81", "b.bar 80"]),
        ("['*/b.bar.svc.cluster.local', './a.shop.svc.cluster.local']", &["a.shop 80,81", "b.bar 80"]),
        ("['shop/a.bar.svc.cluster.local']", &[]),
        ("['*/*']", &["a.bar 80,81", "a.shop 80,81", "b.bar 80", "b.shop 80"]),
    ];
    for (hosts, expected) in cases {
        assert_eq!(seen(&world(&format!("[{{hosts: {hosts}}}]"), &[])), expected, "{hosts}");
    }
}

#[test]
fn a_tilde_imports_nothing_and_with_a_namespace_leaves_hosts_out() {
    let nothing: [&str; 0] = [];
    assert_eq!(seen(&world("[{hosts: ['~/*']}]", &[])), nothing);
    let minus = world("[{hosts: ['*/*', '~bar/b.bar.svc.cluster.local', '~shop/*']}]", &[]);
    assert_eq!(seen(&minus), ["a.bar 80,81"]);
    assert!(scope(&minus).restricts());
}

#[test]
fn a_dedicated_port_sees_only_services_with_that_port_and_of_them_only_the_port() {
    let mesh = world(
        "[{port: {number: 81, protocol: HTTP, name: x}, hosts: ['*/*']}, {hosts: ['./b.shop.svc.cluster.local']}]",
        &[],
    );
    assert_eq!(seen(&mesh), ["a.bar 81", "a.shop 81", "b.shop 80"]);
    let scope = scope(&mesh);
    let dedicated = scope.listener_for_port(81).unwrap();
    let binding = EgressBinding::Port { number: 81, name: "x".into(), protocol: Protocol::Http };
    assert_eq!(dedicated.binding, binding);
    let of = |port| hosts(mesh.listener_services(&scope, scope.listener_for_port(port).unwrap()).iter());
    assert_eq!(of(81), [host("a", "bar"), host("a", "shop")]);
    assert_eq!(of(80), [host("b", "shop")]);
}

#[test]
fn ports_that_two_listeners_see_of_one_service_are_put_together() {
    let mesh = world(
        "[{port: {number: 81, protocol: HTTP, name: x}, hosts: ['./*']}, {port: {number: 80, protocol: HTTP, name: z}, hosts: ['./*']}]",
        &[],
    );
    assert_eq!(seen(&mesh), ["a.shop 80,81", "b.shop 80"]);
    assert!(scope(&mesh).catch_all().is_none());
    assert!(scope(&mesh).listener_for_port(90).is_none());
}

#[test]
fn an_http_proxy_port_does_not_narrow_services() {
    let mesh = world(
        "[{port: {number: 15080, protocol: HTTP_PROXY, name: x}, bind: 127.0.0.1, hosts: ['./a.shop.svc.cluster.local']}]",
        &[],
    );
    let scope = scope(&mesh);
    assert_eq!(scope.listeners[0].binding, EgressBinding::HttpProxy { number: 15080 });
    assert_eq!(scope.listeners[0].bind.as_deref(), Some("127.0.0.1"));
    assert_eq!(seen(&mesh), ["a.shop 80,81"]);
}

#[test]
fn a_unix_socket_has_no_port() {
    let mesh = world("[{port: {number: 0, protocol: HTTP, name: x}, bind: 'unix:///run/x', hosts: ['./*']}]", &[]);
    let binding = EgressBinding::UnixSocket { path: "/run/x".into(), protocol: Protocol::Http };
    assert_eq!(scope(&mesh).listeners[0].binding, binding);
}

fn routed(name: &str, hosts: &str, destination: &str) -> Doc {
    virtual_service(name, &format!("{{hosts: {hosts}, http: [{{route: [{{destination: {{{destination}}}}}]}}]}}"))
}

#[test]
fn a_virtual_service_is_imported_when_its_host_and_an_egress_host_match_either_way() {
    let to_b = |hosts: &str| routed("shop/vs", hosts, "host: b");
    let imported = |egress: &str, hosts: &str| {
        let mesh = world(&format!("[{{hosts: ['{egress}']}}]"), &[to_b(hosts)]);
        let scope = scope(&mesh);
        mesh.listener_virtual_services(&scope, &scope.listeners[0]).len() == 1
    };
    assert!(imported("./x.com", "[x.com]"));
    assert!(imported("./*.com", "[x.com]"));
    assert!(imported("./x.com", "['*.com']"));
    assert!(imported("./x.com", "[y.com, x.com]"), "one host is enough, and the whole comes");
    assert!(!imported("./x.com", "[y.com]"));
    assert!(!imported("bar/x.com", "[x.com]"), "the namespace is that of the VirtualService");
}

#[test]
fn destinations_of_imported_virtual_services_are_pulled_in_with_the_ports_they_name() {
    let egress = "[{hosts: ['./x.com']}]";
    let all_ports = world(egress, &[routed("shop/vs", "[x.com]", "host: a.bar.svc.cluster.local")]);
    assert_eq!(seen(&all_ports), ["a.bar 80,81"]);
    let one_port = world(egress, &[routed("shop/vs", "[x.com]", "host: a.bar.svc.cluster.local, port: {number: 81}")]);
    assert_eq!(seen(&one_port), ["a.bar 81"]);
    let wrong_port =
        world(egress, &[routed("shop/vs", "[x.com]", "host: a.bar.svc.cluster.local, port: {number: 99}")]);
    assert!(seen(&wrong_port).is_empty());
    let not_imported = world(egress, &[routed("shop/vs", "[y.com]", "host: a.bar.svc.cluster.local")]);
    assert!(seen(&not_imported).is_empty());
}

#[test]
fn destinations_pulled_in_are_known_but_not_served_under_their_own_name() {
    let mesh = world("[{hosts: ['./x.com']}]", &[routed("shop/vs", "[x.com]", "host: a.bar.svc.cluster.local")]);
    let scope = scope(&mesh);
    assert!(mesh.scope_service(&scope, &host("a", "bar")).is_some());
    assert!(mesh.listener_service(&scope, &scope.listeners[0], &host("a", "bar")).is_none());
}

#[test]
fn an_import_by_namespace_decides_between_services_of_one_host() {
    let entry = |name: &str| service_entry(name, "{hosts: [x.com], ports: [{number: 80, name: http}]}");
    let owner = |egress: &str| {
        let mesh = world(&format!("[{{hosts: {egress}}}]"), &[entry("old/x"), entry("bar/x"), entry("shop/x")]);
        mesh.scope_service(&scope(&mesh), "x.com").unwrap().namespace.to_string()
    };
    assert_eq!(owner("['bar/*']"), "bar");
    assert_eq!(owner("['*/*']"), "shop");
    assert_eq!(owner("['old/x.com', 'bar/x.com']"), "old");
}

#[test]
fn what_is_not_exported_is_not_seen_even_when_imported_by_name() {
    let hidden = Doc::new("Service", "bar/hidden")
        .annotations("{networking.istio.io/exportTo: '.'}")
        .spec("{ports: [{port: 80}]}");
    assert!(seen(&world("[{hosts: ['bar/hidden.bar.svc.cluster.local']}]", &[hidden])).is_empty());
}

#[test]
fn the_outbound_policy_is_that_of_the_sidecar_or_else_of_the_mesh() {
    let own =
        mesh(&[sidecar("shop/default", "{egress: [{hosts: ['*/*']}], outboundTrafficPolicy: {mode: REGISTRY_ONLY}}")]);
    let default = mesh(&[]);
    assert_ne!(scope(&own).outbound, scope(&default).outbound);
    assert_eq!(scope(&default).outbound, default.config().outbound_traffic_policy);
}

#[test]
fn proxies_with_the_same_namespace_and_sidecar_share_a_key() {
    let all = mesh(&[
        sidecar("shop/default", "{egress: [{hosts: ['*/*']}]}"),
        sidecar("shop/one", "{workloadSelector: {labels: {app: a}}, egress: [{hosts: ['./*']}]}"),
    ]);
    let key = |namespace: &str, pairs: &str| all.scope_for(namespace, &labels(pairs)).key();
    assert_eq!(key("shop", "{app: b}"), key("shop", "{app: c, version: v2}"));
    assert_ne!(key("shop", "{app: a}"), key("shop", "{app: b}"));
    assert_ne!(key("shop", "{app: b}"), key("bar", "{app: b}"));
}

#[test]
fn a_dot_in_a_sidecar_of_the_root_namespace_means_the_namespace_of_the_proxy() {
    let root = sidecar("istio-system/mesh", "{egress: [{hosts: ['./*']}]}");
    let mesh = world("[{hosts: ['*/*']}]", &[root]);
    let bar = mesh.scope_for("bar", &labels(""));
    assert_eq!(hosts(mesh.scope_services(&bar)), [host("a", "bar"), host("b", "bar")]);
}
