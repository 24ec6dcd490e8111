use super::{accepts, refuses, warns};

const KIND: &str = "Gateway";

/// A Gateway with one server.
fn server(fields: &str) -> String {
    format!("{{selector: {{istio: ingressgateway}}, servers: [{{{fields}}}]}}")
}

/// A Gateway with one HTTP server and these further fields of the server.
fn http(fields: &str) -> String {
    server(&format!("port: {{number: 80, name: http, protocol: HTTP}}, {fields}"))
}

/// A Gateway with one HTTPS server and these TLS settings.
fn https(tls: &str) -> String {
    server(&format!("port: {{number: 443, name: https, protocol: HTTPS}}, hosts: [a.b], tls: {{{tls}}}"))
}

#[test]
fn a_gateway_has_servers_with_ports_and_hosts() {
    accepts(KIND, &http("hosts: ['*']"));
    refuses(KIND, "{selector: {a: b}}", "spec", "missing-field");
    refuses(KIND, &http("bind: ''"), "spec.servers[0]", "missing-field");
    refuses(KIND, &server("hosts: ['*']"), "spec.servers[0]", "missing-field");
}

#[test]
fn ports_have_number_name_and_protocol() {
    let port = |port: &str| server(&format!("port: {{{port}}}, hosts: ['*']"));
    refuses(KIND, &port("number: 0, name: a, protocol: HTTP"), "spec.servers[0].port.number", "out-of-range");
    refuses(KIND, &port("number: 80, protocol: HTTP"), "spec.servers[0].port", "missing-field");
    refuses(KIND, &port("number: 80, name: a"), "spec.servers[0].port", "missing-field");
    refuses(KIND, &port("number: 80, name: a, protocol: SPDY"), "spec.servers[0].port.protocol", "bad-name");
    refuses(
        KIND,
        &port("number: 80, name: a, protocol: HTTP, targetPort: 8080"),
        "spec.servers[0].port.targetPort",
        "conflict",
    );
}

#[test]
fn names_of_ports_are_unique() {
    let one = "{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}";
    refuses(KIND, &format!("{{servers: [{one}, {one}]}}"), "spec.servers[1].port", "duplicate");
}

#[test]
fn hosts_are_full_names_with_or_without_a_namespace() {
    for host in ["a.example.com", "'*.example.com'", "./a.b", "shop/a.b", "'*/a.b'", "10.0.0.1", "shop/*"] {
        accepts(KIND, &http(&format!("hosts: [{host}]")));
    }
    for host in ["short", "a*.b.c", "*a.b", "a_b/c.d", "/a.b", "shop/"] {
        refuses(KIND, &http(&format!("hosts: ['{host}']")), "spec.servers[0].hosts[0]", "bad-name");
    }
}

#[test]
fn a_server_listens_on_an_address_or_a_socket() {
    accepts(KIND, &http("hosts: ['*'], bind: 127.0.0.1"));
    accepts(KIND, &server("port: {number: 0, name: a, protocol: HTTP}, hosts: ['*'], bind: unix:///run/a.sock"));
    refuses(KIND, &http("hosts: ['*'], bind: here"), "spec.servers[0].bind", "bad-address");
    refuses(KIND, &http("hosts: ['*'], bind: unix:///run/a.sock"), "spec.servers[0].port.number", "conflict");
}

#[test]
fn tls_settings_are_for_tls_ports() {
    refuses(
        KIND,
        &server("port: {number: 443, name: a, protocol: HTTPS}, hosts: [a.b]"),
        "spec.servers[0]",
        "missing-field",
    );
    accepts(KIND, &http("hosts: ['*'], tls: {httpsRedirect: true}"));
    refuses(KIND, &http("hosts: ['*'], tls: {mode: SIMPLE, credentialName: a}"), "spec.servers[0].tls", "conflict");
    let tcp = server("port: {number: 9, name: a, protocol: TCP}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: a}");
    refuses(KIND, &tcp, "spec.servers[0].tls", "conflict");
    warns(
        KIND,
        &https("mode: SIMPLE, credentialName: a, httpsRedirect: true"),
        "spec.servers[0].tls.httpsRedirect",
        "no-effect",
    );
}

#[test]
fn certificates_of_a_server_come_from_one_place() {
    let at = "spec.servers[0].tls";
    accepts(KIND, &https("mode: SIMPLE, credentialName: a"));
    accepts(KIND, &https("mode: SIMPLE, serverCertificate: /c, privateKey: /k"));
    accepts(KIND, &https("mode: MUTUAL, serverCertificate: /c, privateKey: /k, caCertificates: /ca"));
    accepts(KIND, &https("mode: PASSTHROUGH"));
    accepts(KIND, &https("mode: SIMPLE, credentialNames: [rsa, ecdsa]"));
    refuses(KIND, &https("mode: SIMPLE"), at, "missing-field");
    refuses(KIND, &https("mode: SIMPLE, serverCertificate: /c"), at, "missing-field");
    refuses(KIND, &https("mode: MUTUAL, serverCertificate: /c, privateKey: /k"), at, "missing-field");
    refuses(KIND, &https("mode: SIMPLE, credentialName: a, serverCertificate: /c, privateKey: /k"), at, "conflict");
    refuses(
        KIND,
        &https("mode: SIMPLE, tlsCertificates: [{serverCertificate: /c}]"),
        &format!("{at}.tlsCertificates[0]"),
        "missing-field",
    );
    refuses(KIND, &https("mode: ISTIO_MUTUAL, credentialName: a"), at, "conflict");
    warns(KIND, &https("mode: PASSTHROUGH, credentialName: a"), at, "no-effect");
    warns(KIND, &https("mode: SIMPLE, credentialNames: [a, b, c]"), &format!("{at}.credentialNames"), "no-effect");
}

#[test]
fn revoked_certificates_need_client_certificates() {
    let at = "spec.servers[0].tls.caCrl";
    refuses(KIND, &https("mode: SIMPLE, serverCertificate: /c, privateKey: /k, caCrl: /crl"), at, "conflict");
    refuses(KIND, &https("mode: MUTUAL, credentialName: a, caCrl: /crl"), at, "conflict");
    accepts(KIND, &https("mode: MUTUAL, serverCertificate: /c, privateKey: /k, caCertificates: /ca, caCrl: /crl"));
}

#[test]
fn suites_that_envoy_does_not_know_are_told() {
    let suites = |suites: &str| https(&format!("mode: SIMPLE, credentialName: a, cipherSuites: [{suites}]"));
    accepts(KIND, &suites("ECDHE-RSA-AES256-GCM-SHA384, ALL, '-SHA'"));
    warns(KIND, &suites("FAST-AND-LOOSE"), "spec.servers[0].tls.cipherSuites[0]", "no-effect");
    warns(KIND, &suites("AES128-SHA, AES128-SHA"), "spec.servers[0].tls.cipherSuites[1]", "no-effect");
    let old = https("mode: SIMPLE, credentialName: a, minProtocolVersion: TLSV1_0");
    warns(KIND, &old, "spec.servers[0].tls.minProtocolVersion", "no-effect");
}
