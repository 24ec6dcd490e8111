use super::{accepts, refuses, warns};

const KIND: &str = "Sidecar";

fn egress(listeners: &str) -> String {
    format!("{{egress: [{listeners}]}}")
}

fn ingress(listeners: &str) -> String {
    format!("{{ingress: [{listeners}]}}")
}

#[test]
fn a_sidecar_says_something() {
    refuses(KIND, "{}", "spec", "missing-field");
    refuses(KIND, "{workloadSelector: {labels: {app: a}}}", "spec", "missing-field");
    accepts(KIND, "{outboundTrafficPolicy: {mode: REGISTRY_ONLY}}");
}

#[test]
fn what_is_seen_is_named_by_namespace_and_host() {
    for host in
        ["./*", "'*/*'", "~/*", "shop/product.shop.svc.cluster.local", "'*/*.example.com'", "~other/a.example.com"]
    {
        accepts(KIND, &egress(&format!("{{hosts: [{host}]}}")));
    }
    for host in ["product", "a_b/x.y", "shop/product", "shop/a*.b", "/a.b", "a/"] {
        refuses(KIND, &egress(&format!("{{hosts: ['{host}']}}")), "spec.egress[0].hosts[0]", "bad-name");
    }
    refuses(KIND, &egress("{port: {number: 80, protocol: HTTP}}"), "spec.egress[0]", "missing-field");
}

#[test]
fn entries_that_another_includes_are_told() {
    warns(KIND, &egress("{hosts: [shop/*, shop/a.b]}"), "spec.egress[0].hosts[1]", "no-effect");
    warns(KIND, &egress("{hosts: ['*/*', shop/a.b]}"), "spec.egress[0].hosts[1]", "no-effect");
    warns(KIND, &egress("{hosts: [shop/a.b, shop/a.b]}"), "spec.egress[0].hosts[1]", "duplicate");
}

#[test]
fn the_listener_for_every_other_port_is_the_last_and_only_one() {
    accepts(KIND, &egress("{port: {number: 80, protocol: HTTP}, hosts: ['./*']}, {hosts: ['./*']}"));
    refuses(
        KIND,
        &egress("{hosts: ['./*']}, {port: {number: 80, protocol: HTTP}, hosts: ['./*']}"),
        "spec.egress[0]",
        "conflict",
    );
    refuses(KIND, &egress("{hosts: ['./*']}, {hosts: ['./*']}"), "spec.egress[0]", "conflict");
}

#[test]
fn ports_of_listeners_are_unique() {
    let port = "{port: {number: 80, protocol: HTTP, name: http}, hosts: ['./*']}";
    refuses(KIND, &egress(&format!("{port}, {port}")), "spec.egress[1].port", "duplicate");
    let port = "{port: {number: 80, protocol: HTTP}, defaultEndpoint: '127.0.0.1:8080'}";
    refuses(KIND, &ingress(&format!("{port}, {port}")), "spec.ingress[1].port", "duplicate");
}

#[test]
fn a_socket_has_port_0_and_is_not_captured() {
    let socket = |more: &str| egress(&format!("{{port: {{number: 0, protocol: HTTP}}, hosts: ['./*'], {more}}}"));
    accepts(KIND, &socket("bind: unix:///run/a.sock"));
    refuses(KIND, &socket("bind: 127.0.0.1"), "spec.egress[0].bind", "conflict");
    refuses(KIND, &socket("bind: unix://a.sock"), "spec.egress[0].bind", "bad-address");
    refuses(KIND, &socket("bind: unix:///run/a.sock, captureMode: IPTABLES"), "spec.egress[0].captureMode", "conflict");
}

#[test]
fn ports_are_valid() {
    let port = |port: &str| egress(&format!("{{port: {{{port}}}, hosts: ['./*']}}"));
    refuses(KIND, &port("number: 70000, protocol: HTTP"), "spec.egress[0].port.number", "out-of-range");
    refuses(KIND, &port("number: 80, protocol: SPDY"), "spec.egress[0].port.protocol", "bad-name");
    refuses(KIND, &port("number: 80, name: a_b"), "spec.egress[0].port.name", "bad-name");
    refuses(KIND, &port("number: 80, targetPort: 8080"), "spec.egress[0].port.targetPort", "conflict");
    accepts(KIND, &port("number: 80, protocol: HTTP_PROXY"));
}

#[test]
fn the_application_listens_on_the_workload() {
    let endpoint =
        |endpoint: &str| ingress(&format!("{{port: {{number: 80, protocol: HTTP}}, defaultEndpoint: '{endpoint}'}}"));
    for good in ["127.0.0.1:8080", "0.0.0.0:8080", "[::1]:8080", "[::]:8080", ":8080", "unix:///run/app.sock", ""] {
        accepts(KIND, &endpoint(good));
    }
    for bad in ["10.0.0.1:8080", "127.0.0.1", "127.0.0.1:0", "localhost:80", ":", "unix://app.sock", "127.0.0.1:99999"]
    {
        refuses(KIND, &endpoint(bad), "spec.ingress[0].defaultEndpoint", "bad-address");
    }
}

#[test]
fn inbound_listeners_have_a_port_and_an_address() {
    refuses(KIND, &ingress("{defaultEndpoint: '127.0.0.1:80'}"), "spec.ingress[0]", "missing-field");
    refuses(KIND, &ingress("{port: {number: 0, protocol: HTTP}}"), "spec.ingress[0].port.number", "out-of-range");
    refuses(KIND, &ingress("{port: {number: 80, protocol: HTTP}, bind: here}"), "spec.ingress[0].bind", "bad-address");
}

#[test]
fn inbound_tls_uses_files_on_tls_ports() {
    let tls = |protocol: &str, tls: &str| {
        ingress(&format!("{{port: {{number: 443, protocol: {protocol}}}, tls: {{{tls}}}}}"))
    };
    accepts(KIND, &tls("HTTPS", "mode: SIMPLE, serverCertificate: /c, privateKey: /k"));
    refuses(
        KIND,
        &tls("HTTP", "mode: SIMPLE, serverCertificate: /c, privateKey: /k"),
        "spec.ingress[0].tls",
        "conflict",
    );
    refuses(
        KIND,
        &tls("HTTPS", "mode: SIMPLE, credentialName: a"),
        "spec.ingress[0].tls.credentialName",
        "not-supported",
    );
    refuses(KIND, &tls("HTTPS", "mode: ISTIO_MUTUAL"), "spec.ingress[0].tls.mode", "not-supported");
    let redirect = tls("HTTPS", "mode: SIMPLE, serverCertificate: /c, privateKey: /k, httpsRedirect: true");
    refuses(KIND, &redirect, "spec.ingress[0].tls.httpsRedirect", "not-supported");
}

#[test]
fn http_limits_on_a_port_that_is_not_http_are_told() {
    let spec = ingress("{port: {number: 9, protocol: TCP}, connectionPool: {http: {maxRetries: 1}}}");
    warns(KIND, &spec, "spec.ingress[0].connectionPool.http", "no-effect");
    refuses(KIND, "{inboundConnectionPool: {}}", "spec.inboundConnectionPool", "missing-field");
}

#[test]
fn an_egress_proxy_takes_what_is_let_out() {
    let policy = |fields: &str| format!("{{outboundTrafficPolicy: {{{fields}}}}}");
    accepts(KIND, &policy("mode: ALLOW_ANY, egressProxy: {host: egress.shop.svc.cluster.local, port: {number: 80}}"));
    let place = "spec.outboundTrafficPolicy.egressProxy";
    refuses(KIND, &policy("mode: REGISTRY_ONLY, egressProxy: {host: a.b, port: {number: 80}}"), place, "conflict");
    refuses(KIND, &policy("mode: ALLOW_ANY, egressProxy: {host: a.b}"), place, "missing-field");
    refuses(KIND, &policy("mode: ALLOW_ANY_DYNAMIC_DNS"), "spec.outboundTrafficPolicy.mode", "not-supported");
}
