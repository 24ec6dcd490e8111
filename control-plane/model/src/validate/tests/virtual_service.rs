use super::{accepts, refuses, warns};

const KIND: &str = "VirtualService";
const ROUTE: &str = "http: [{route: [{destination: {host: product}}]}]";

/// A VirtualService with one route to `product` and these further fields.
fn with(fields: &str) -> String {
    format!("{{{fields}, {ROUTE}}}")
}

/// A VirtualService with this TLS route, bound to a gateway.
fn tls(route: &str) -> String {
    format!("{{hosts: ['*.example.com'], gateways: [edge], tls: [{route}]}}")
}

#[test]
fn names_wildcards_and_addresses_are_hosts() {
    for host in
        ["product", "product.shop.svc.cluster.local", "'*.example.com'", "10.1.2.3", "'2001:db8::1'", "example.com."]
    {
        accepts(KIND, &with(&format!("hosts: [{host}]")));
    }
}

#[test]
fn what_is_no_host_is_refused() {
    for host in ["''", "a_b", "a..b", "'a.*.b'", "example.123", "'-a'", "'http://a'"] {
        refuses(KIND, &with(&format!("hosts: [{host}]")), "spec.hosts[0]", "bad-name");
    }
}

#[test]
fn every_name_is_a_host_at_gateways_only() {
    refuses(KIND, &with("hosts: ['*']"), "spec.hosts[0]", "bad-name");
    refuses(KIND, &with("hosts: ['*'], gateways: [mesh, edge]"), "spec.hosts[0]", "bad-name");
    accepts(KIND, &with("hosts: ['*'], gateways: [edge]"));
}

#[test]
fn hosts_that_cover_each_other_are_refused() {
    refuses(KIND, &with("hosts: [a.example.com, a.example.com]"), "spec.hosts[1]", "duplicate");
    refuses(KIND, &with("hosts: [a.example.com, '*.example.com']"), "spec.hosts[0]", "duplicate");
    refuses(KIND, &with("hosts: ['*.com', '*.example.com']"), "spec.hosts[1]", "duplicate");
    accepts(KIND, &with("hosts: [a.example.com, '*.example.org']"));
}

#[test]
fn gateways_are_named_with_or_without_a_namespace() {
    accepts(KIND, &with("hosts: [a.b], gateways: [mesh, edge, istio-system/edge]"));
    refuses(KIND, &with("hosts: [a.b], gateways: [a/b/c]"), "spec.gateways[0]", "bad-name");
    refuses(KIND, &with("hosts: [a.b], gateways: [/edge]"), "spec.gateways[0]", "bad-name");
    refuses(KIND, &with("hosts: [a.b], gateways: ['*']"), "spec.gateways[0]", "bad-name");
    warns(
        KIND,
        &with("hosts: [a.b], gateways: [edge.istio-system.svc.cluster.local]"),
        "spec.gateways[0]",
        "deprecated",
    );
}

#[test]
fn a_virtual_service_without_routes_is_refused() {
    refuses(KIND, "{hosts: [a.b]}", "spec", "missing-field");
}

#[test]
fn visibility_is_own_everybody_or_namespaces() {
    accepts(KIND, &with("hosts: [a.b], exportTo: ['.', other]"));
    accepts(KIND, &with("hosts: [a.b], exportTo: ['*']"));
    refuses(KIND, &with("hosts: [a.b], exportTo: ['*', other]"), "spec.exportTo[0]", "conflict");
    refuses(KIND, &with("hosts: [a.b], exportTo: ['.', shop]"), "spec.exportTo[1]", "duplicate");
    refuses(KIND, &with("hosts: [a.b], exportTo: ['~']"), "spec.exportTo[0]", "bad-name");
    refuses(KIND, &with("hosts: [a.b], exportTo: ['Bad_Name']"), "spec.exportTo[0]", "bad-name");
}

#[test]
fn a_delegate_has_http_routes_only() {
    accepts(KIND, &format!("{{{ROUTE}}}"));
    refuses(KIND, &with("gateways: [edge]"), "spec.gateways", "conflict");
    let tcp = format!("{{{ROUTE}, tcp: [{{route: [{{destination: {{host: a}}}}]}}]}}");
    refuses(KIND, &tcp, "spec.tcp", "conflict");
}

#[test]
fn a_delegate_cannot_delegate_so_delegates_form_no_cycle() {
    refuses(KIND, "{http: [{delegate: {name: other}}]}", "spec.http[0].delegate", "conflict");
    accepts(KIND, "{hosts: [a.b], http: [{delegate: {name: other, namespace: shop}}]}");
}

#[test]
fn a_route_that_delegates_does_nothing_else() {
    let root = |fields: &str| format!("{{hosts: [a.b], http: [{{delegate: {{name: other}}, {fields}}}]}}");
    refuses(KIND, &root("redirect: {uri: /x}"), "spec.http[0]", "conflict");
    refuses(KIND, &root("route: [{destination: {host: a}}]"), "spec.http[0]", "conflict");
    refuses(KIND, &root("match: [{}]"), "spec.http[0].match[0]", "conflict");
    refuses(KIND, "{hosts: [a.b], http: [{delegate: {}}]}", "spec.http[0].delegate", "missing-field");
}

#[test]
fn claims_of_tokens_are_matched_at_gateways_only() {
    let claim = "http: [{match: [{headers: {'@request.auth.claims.group': {exact: admin}}}], route: [{destination: {host: a}}]}]";
    let place = "spec.http[0].match[0].headers.@request.auth.claims.group";
    refuses(KIND, &format!("{{hosts: [a.b], {claim}}}"), place, "conflict");
    accepts(KIND, &format!("{{hosts: [a.b], gateways: [edge], {claim}}}"));
}

#[test]
fn routes_behind_one_that_takes_everything_are_told() {
    let routes = "http: [{route: [{destination: {host: a}}]}, {match: [{uri: {prefix: /x}}], route: [{destination: {host: b}}]}]";
    warns(KIND, &format!("{{hosts: [a.b], {routes}}}"), "spec.http[1]", "unreachable");
}

#[test]
fn a_match_that_stands_twice_is_told() {
    let one = "{match: [{uri: {prefix: /x}}], route: [{destination: {host: b}}]}";
    warns(KIND, &format!("{{hosts: [a.b], http: [{one}, {one}]}}"), "spec.http[1].match[0]", "unreachable");
}

#[test]
fn tls_is_routed_by_server_names_within_the_hosts() {
    let to = "route: [{destination: {host: a}}]";
    accepts(KIND, &tls(&format!("{{match: [{{sniHosts: [a.example.com]}}], {to}}}")));
    refuses(
        KIND,
        &tls(&format!("{{match: [{{sniHosts: [a.example.org]}}], {to}}}")),
        "spec.tls[0].match[0].sniHosts[0]",
        "conflict",
    );
    refuses(KIND, &tls(&format!("{{match: [{{}}], {to}}}")), "spec.tls[0].match[0]", "missing-field");
    refuses(KIND, &tls(&format!("{{{to}}}")), "spec.tls[0]", "missing-field");
    warns(
        KIND,
        &tls(&format!("{{match: [{{sniHosts: [10.0.0.1]}}], {to}}}")),
        "spec.tls[0].match[0].sniHosts[0]",
        "no-effect",
    );
    accepts(KIND, &tls(&format!("{{match: [{{sniHosts: [outbound_.443_._.a.shop.svc.cluster.local]}}], {to}}}")));
}

#[test]
fn streams_are_matched_by_valid_addresses_and_ports() {
    let tcp = |condition: &str| {
        format!("{{hosts: [a.b], tcp: [{{match: [{{{condition}}}], route: [{{destination: {{host: a}}}}]}}]}}")
    };
    accepts(KIND, &tcp("destinationSubnets: [10.0.0.0/8, 10.1.1.1, '2001:db8::/32'], port: 27017"));
    for subnet in ["10.0.0.0/33", "10.0/8", "host", "10.0.0.0/+8", "'::/129'"] {
        refuses(
            KIND,
            &tcp(&format!("destinationSubnets: [{subnet}]")),
            "spec.tcp[0].match[0].destinationSubnets[0]",
            "bad-address",
        );
    }
    refuses(KIND, &tcp("port: 65536"), "spec.tcp[0].match[0].port", "out-of-range");
    refuses(KIND, &tcp("sourceLabels: {'a b': c}"), "spec.tcp[0].match[0].sourceLabels.a b", "bad-name");
    warns(KIND, &tcp("sourceSubnet: 10.0.0.0/8"), "spec.tcp[0].match[0].sourceSubnet", "no-effect");
}

#[test]
fn a_stream_route_without_destination_is_refused() {
    refuses(KIND, "{hosts: [a.b], tcp: [{match: [{port: 80}]}]}", "spec.tcp[0]", "missing-field");
}

#[test]
fn thousands_of_hosts_and_matches_are_judged_quickly() {
    let hosts: Vec<String> = (0..20_000).map(|n| format!("h{n}.example.com")).collect();
    let matches: Vec<String> = (0..5_000).map(|n| format!("{{uri: {{exact: /{n}}}}}")).collect();
    let text = format!(
        "{{hosts: [{}], http: [{{match: [{}], {}}}]}}",
        hosts.join(","),
        matches.join(","),
        "route: [{destination: {host: a}}]"
    );
    let start = std::time::Instant::now();
    accepts(KIND, &text);
    assert!(start.elapsed() < std::time::Duration::from_secs(5), "{:?}", start.elapsed());
}
