use super::{accepts, refuses, warns};

const KIND: &str = "ServiceEntry";
const HTTP: &str = "ports: [{number: 80, name: http, protocol: HTTP}]";

/// An entry for `api.example.com` with one HTTP port and these further fields.
fn with(fields: &str) -> String {
    format!("{{hosts: [api.example.com], {HTTP}, {fields}}}")
}

#[test]
fn an_entry_has_hosts_that_are_not_everything() {
    accepts(KIND, &with("resolution: DNS"));
    refuses(KIND, &format!("{{{HTTP}}}"), "spec", "missing-field");
    refuses(KIND, &format!("{{hosts: ['*'], {HTTP}}}"), "spec.hosts[0]", "bad-name");
    warns(KIND, &format!("{{hosts: ['*-a.example.com'], {HTTP}}}"), "spec.hosts[0]", "no-effect");
}

#[test]
fn ranges_need_a_resolution_that_keeps_the_address() {
    accepts(KIND, &with("addresses: [10.0.0.0/8], resolution: NONE"));
    accepts(KIND, &with("addresses: [10.0.0.0/8], resolution: STATIC, endpoints: [{address: 10.1.1.1}]"));
    refuses(KIND, &with("addresses: [10.0.0.0/8], resolution: DNS"), "spec.addresses[0]", "conflict");
    refuses(KIND, &with("addresses: [nowhere], resolution: DNS"), "spec.addresses[0]", "bad-address");
}

#[test]
fn an_address_that_ends_in_colons_is_text_in_a_list() {
    accepts(KIND, &with("addresses: [1.2.3.4, 001:db8::]"));
}

#[test]
fn ports_are_unique_and_named() {
    let ports = |ports: &str| format!("{{hosts: [a.b], resolution: DNS, ports: [{ports}]}}");
    refuses(KIND, &ports("{number: 80, name: a}, {number: 80, name: b}"), "spec.ports[1].number", "duplicate");
    refuses(KIND, &ports("{number: 80, name: a}, {number: 81, name: a}"), "spec.ports[1].name", "duplicate");
    refuses(KIND, &ports("{number: 80}"), "spec.ports[0].name", "bad-name");
    refuses(KIND, &ports("{number: 0, name: a}"), "spec.ports[0].number", "out-of-range");
    refuses(KIND, &ports("{number: 80, name: a, protocol: SPDY}"), "spec.ports[0].protocol", "bad-name");
    refuses(KIND, &ports("{number: 80, name: a, targetPort: 70000}"), "spec.ports[0].targetPort", "out-of-range");
    accepts(KIND, &ports("{number: 80, name: a, targetPort: 8080, protocol: http_proxy}"));
}

#[test]
fn nothing_resolved_takes_no_endpoints() {
    refuses(KIND, &with("resolution: NONE, endpoints: [{address: 10.0.0.1}]"), "spec.endpoints", "conflict");
    warns(KIND, &with("resolution: NONE, workloadSelector: {labels: {app: a}}"), "spec.workloadSelector", "no-effect");
}

#[test]
fn endpoints_come_from_one_place() {
    let spec = with("resolution: STATIC, endpoints: [{address: 10.0.0.1}], workloadSelector: {labels: {app: a}}");
    refuses(KIND, &spec, "spec", "conflict");
    accepts(KIND, &with("resolution: STATIC, workloadSelector: {labels: {app: a}}"));
}

#[test]
fn static_endpoints_are_addresses_or_sockets() {
    let endpoint = |fields: &str| with(&format!("resolution: STATIC, endpoints: [{{{fields}}}]"));
    accepts(KIND, &endpoint("address: 10.0.0.1, ports: {http: 8080}, labels: {version: v1}, weight: 5, locality: r/z"));
    accepts(KIND, &endpoint("address: unix:///run/app.sock"));
    refuses(KIND, &endpoint("address: a.example.com"), "spec.endpoints[0].address", "bad-address");
    refuses(KIND, &endpoint("address: 10.0.0.1, ports: {grpc: 8080}"), "spec.endpoints[0].ports.grpc", "bad-name");
    refuses(KIND, &endpoint("address: unix://app.sock"), "spec.endpoints[0].address", "bad-address");
    refuses(KIND, &endpoint("address: unix:///run/app.sock, ports: {http: 80}"), "spec.endpoints[0].ports", "conflict");
    refuses(KIND, &endpoint("labels: {a: b}"), "spec.endpoints[0]", "missing-field");
    warns(KIND, &endpoint("network: other"), "spec.endpoints[0]", "no-effect");
}

#[test]
fn dns_resolves_full_names() {
    accepts(KIND, &with("resolution: DNS, endpoints: [{address: a.example.com}, {address: 10.0.0.1}]"));
    refuses(KIND, &format!("{{hosts: ['*.example.com'], {HTTP}, resolution: DNS}}"), "spec.hosts[0]", "bad-name");
    accepts(KIND, &format!("{{hosts: ['*.example.com'], {HTTP}, resolution: DNS, endpoints: [{{address: a.b}}]}}"));
    refuses(KIND, &with("resolution: DNS, endpoints: [{address: 'a_b'}]"), "spec.endpoints[0].address", "bad-address");
    let two = with("resolution: DNS_ROUND_ROBIN, endpoints: [{address: a.b}, {address: c.d}]");
    refuses(KIND, &two, "spec.endpoints", "conflict");
}

#[test]
fn names_of_requests_are_resolved_for_wildcards_alone() {
    let dynamic = |hosts: &str, ports: &str, more: &str| {
        format!("{{hosts: [{hosts}], ports: [{ports}], resolution: DYNAMIC_DNS {more}}}")
    };
    let tls = "{number: 443, name: tls, protocol: TLS}";
    accepts(KIND, &dynamic("'*.example.com'", tls, ""));
    refuses(KIND, &dynamic("a.example.com", tls, ""), "spec.hosts[0]", "bad-name");
    refuses(
        KIND,
        &dynamic("'*.example.com'", "{number: 9, name: tcp, protocol: TCP}", ""),
        "spec.ports[0].protocol",
        "conflict",
    );
    refuses(KIND, &dynamic("'*.example.com'", tls, ", addresses: [10.0.0.1]"), "spec.addresses", "conflict");
    refuses(KIND, &dynamic("'*.example.com'", tls, ", endpoints: [{address: 10.0.0.1}]"), "spec.endpoints", "conflict");
}

#[test]
fn several_hosts_on_plain_tcp_are_refused_unless_nothing_is_resolved() {
    let two = |resolution: &str| {
        format!("{{hosts: [a.b, c.d], ports: [{{number: 9, name: tcp, protocol: TCP}}], resolution: {resolution}}}")
    };
    refuses(KIND, &two("DNS"), "spec.hosts", "conflict");
    accepts(KIND, &two("NONE"));
}

#[test]
fn an_entry_may_be_for_nobody() {
    accepts(KIND, &with("exportTo: ['~']"));
    refuses(KIND, &with("exportTo: ['~', '.']"), "spec.exportTo[0]", "conflict");
}
