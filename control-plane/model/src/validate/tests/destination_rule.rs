use super::{accepts, refuses, warns};

const KIND: &str = "DestinationRule";

/// A rule with these further fields.
fn with(fields: &str) -> String {
    format!("{{host: product, {fields}}}")
}

/// A rule with this traffic policy.
fn policy(fields: &str) -> String {
    with(&format!("trafficPolicy: {{{fields}}}"))
}

#[test]
fn a_rule_is_for_one_host_or_a_wildcard() {
    for host in ["product", "'*.example.com'", "'*'", "product.shop.svc.cluster.local"] {
        accepts(KIND, &format!("{{host: {host}}}"));
    }
    refuses(KIND, "{host: ''}", "spec.host", "bad-name");
    refuses(KIND, "{host: a_b}", "spec.host", "bad-name");
    refuses(KIND, "{}", "spec.host", "missing-field");
}

#[test]
fn subsets_have_unique_labels_as_names() {
    accepts(KIND, &with("subsets: [{name: v1, labels: {version: v1}}, {name: all}]"));
    refuses(KIND, &with("subsets: [{name: v1}, {name: v1}]"), "spec.subsets[1].name", "duplicate");
    refuses(KIND, &with("subsets: [{name: v1.0}]"), "spec.subsets[0].name", "bad-name");
    refuses(
        KIND,
        &with("subsets: [{name: v1, labels: {version: 'a b'}}]"),
        "spec.subsets[0].labels.version",
        "bad-name",
    );
    refuses(KIND, &with("subsets: [{name: v1, trafficPolicy: {}}]"), "spec.subsets[0].trafficPolicy", "missing-field");
}

#[test]
fn a_traffic_policy_says_something() {
    refuses(KIND, &policy(""), "spec.trafficPolicy", "missing-field");
    refuses(
        KIND,
        &policy("portLevelSettings: [{port: {number: 80}}]"),
        "spec.trafficPolicy.portLevelSettings[0]",
        "missing-field",
    );
    refuses(KIND, &policy("connectionPool: {}"), "spec.trafficPolicy.connectionPool", "missing-field");
}

#[test]
fn the_policy_of_a_port_names_the_port() {
    let port = |port: &str| policy(&format!("portLevelSettings: [{{{port} tls: {{mode: DISABLE}}}}]"));
    accepts(KIND, &port("port: {number: 80},"));
    refuses(KIND, &port(""), "spec.trafficPolicy.portLevelSettings[0]", "missing-field");
    refuses(KIND, &port("port: {number: 0},"), "spec.trafficPolicy.portLevelSettings[0].port.number", "out-of-range");
}

#[test]
fn the_policy_of_a_port_has_no_tunnel() {
    let spec = policy(
        "portLevelSettings: [{port: {number: 80}, tls: {mode: DISABLE}, tunnel: {targetHost: a, targetPort: 1}}]",
    );
    warns(KIND, &spec, "spec.trafficPolicy.portLevelSettings[0].tunnel", "unknown-field");
}

#[test]
fn tunnels_lead_to_a_host_and_a_port() {
    let tunnel = |fields: &str| policy(&format!("tunnel: {{{fields}}}"));
    accepts(KIND, &tunnel("protocol: POST, targetHost: a.b, targetPort: 443"));
    accepts(KIND, &tunnel("targetHost: 10.0.0.1, targetPort: 443"));
    refuses(
        KIND,
        &tunnel("protocol: GET, targetHost: a.b, targetPort: 443"),
        "spec.trafficPolicy.tunnel.protocol",
        "bad-name",
    );
    refuses(KIND, &tunnel("targetHost: '*', targetPort: 443"), "spec.trafficPolicy.tunnel.targetHost", "bad-name");
    refuses(KIND, &tunnel("targetHost: a.b"), "spec.trafficPolicy.tunnel.targetPort", "out-of-range");
    let both = policy("tunnel: {targetHost: a.b, targetPort: 1}, proxyProtocol: {version: V2}");
    refuses(KIND, &both, "spec.trafficPolicy", "conflict");
}

#[test]
fn a_rule_for_chosen_clients_stays_in_its_namespace() {
    let chosen = |export: &str| with(&format!("workloadSelector: {{matchLabels: {{app: a}}}}, exportTo: [{export}]"));
    accepts(KIND, &chosen("'.'"));
    accepts(KIND, &chosen("shop"));
    refuses(KIND, &chosen("'*'"), "spec.exportTo", "conflict");
    refuses(KIND, &chosen("other"), "spec.exportTo", "conflict");
}

#[test]
fn selectors_hold_no_patterns() {
    let selector = |labels: &str| with(&format!("workloadSelector: {{matchLabels: {{{labels}}}}}"));
    refuses(KIND, &selector("app: 'a*'"), "spec.workloadSelector.matchLabels.app", "bad-name");
    warns(KIND, &selector(""), "spec.workloadSelector", "no-effect");
}

#[test]
fn certificates_to_a_host_come_from_one_place() {
    let tls = |fields: &str| policy(&format!("tls: {{{fields}}}"));
    accepts(KIND, &tls("mode: SIMPLE, sni: a.b, subjectAltNames: [a.b]"));
    accepts(KIND, &tls("mode: MUTUAL, clientCertificate: /c, privateKey: /k, caCertificates: /ca"));
    accepts(KIND, &tls("mode: MUTUAL, credentialName: client"));
    refuses(KIND, &tls("mode: MUTUAL, clientCertificate: /c"), "spec.trafficPolicy.tls", "missing-field");
    refuses(KIND, &tls("mode: SIMPLE, credentialName: a, caCertificates: /ca"), "spec.trafficPolicy.tls", "conflict");
    refuses(KIND, &tls("mode: SIMPLE, credentialName: a, caCrl: /crl"), "spec.trafficPolicy.tls", "conflict");
    refuses(KIND, &tls("mode: NONE"), "spec.trafficPolicy.tls.mode", "wrong-type");
}

#[test]
fn trusting_everybody_and_somebody_is_refused() {
    let tls = |fields: &str| policy(&format!("tls: {{insecureSkipVerify: true, {fields}}}"));
    accepts(KIND, &tls("mode: SIMPLE"));
    accepts(KIND, &tls("mode: MUTUAL, credentialName: a"));
    for fields in
        ["mode: SIMPLE, caCertificates: /ca", "mode: SIMPLE, subjectAltNames: [a]", "mode: SIMPLE, credentialName: a"]
    {
        refuses(KIND, &tls(fields), "spec.trafficPolicy.tls.insecureSkipVerify", "conflict");
    }
}

#[test]
fn trusted_roots_from_a_config_map_stay_in_the_namespace() {
    let tls = |name: &str| policy(&format!("tls: {{mode: SIMPLE, credentialName: 'configmap://{name}'}}"));
    accepts(KIND, &tls("roots"));
    accepts(KIND, &tls("shop/roots"));
    refuses(KIND, &tls("other/roots"), "spec.trafficPolicy.tls.credentialName", "bad-name");
    refuses(KIND, &tls(""), "spec.trafficPolicy.tls.credentialName", "bad-name");
}
