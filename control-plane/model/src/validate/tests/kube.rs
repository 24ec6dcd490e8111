use super::{accepts, refuses, warns};
use crate::document;
use crate::yaml::Limits;

#[test]
fn ports_of_a_service_are_unique_and_named_when_there_are_several() {
    accepts("Service", "{ports: [{port: 80}], selector: {app: a}}");
    accepts("Service", "{clusterIP: None, ports: [{port: 53, name: dns, protocol: UDP}, {port: 53, name: dns-tcp}]}");
    refuses("Service", "{ports: [{port: 80, name: a}, {port: 81}]}", "spec.ports[1]", "missing-field");
    refuses("Service", "{ports: [{port: 80, name: a}, {port: 80, name: b}]}", "spec.ports[1].port", "duplicate");
    refuses("Service", "{ports: [{port: 80, name: a}, {port: 81, name: a}]}", "spec.ports[1].name", "duplicate");
    refuses("Service", "{ports: [{port: 0}]}", "spec.ports[0].port", "out-of-range");
    refuses("Service", "{ports: [{port: 80, protocol: HTTP}]}", "spec.ports[0].protocol", "bad-name");
}

#[test]
fn addresses_and_names_of_a_service_are_valid() {
    refuses("Service", "{clusterIP: here}", "spec.clusterIP", "bad-address");
    refuses("Service", "{type: ExternalName}", "spec.externalName", "bad-name");
    accepts("Service", "{type: ExternalName, externalName: db.example.com}");
    refuses("Service", "{selector: {app: 'a b'}}", "spec.selector.app", "bad-name");
}

#[test]
fn slips_in_kubernetes_fields_are_told_and_known_ones_are_not() {
    accepts("Service", "{sessionAffinity: None, ipFamilies: [IPv4], ports: [{port: 80, nodePort: 30080}]}");
    warns("Service", "{ports: [{port: 80, target_port: 8080}]}", "spec.ports[0].target_port", "unknown-field");
}

#[test]
fn a_slice_holds_addresses_of_its_type() {
    let slice = |kind: &str, address: &str| {
        let text = format!(
            "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: a}}\naddressType: {kind}\nendpoints: [{{addresses: ['{address}']}}]\nports: [{{port: 80}}]"
        );
        document::parse("x.yaml", &text, &Limits::default()).diagnostics
    };
    assert!(slice("IPv4", "10.0.0.1").is_empty());
    assert!(slice("FQDN", "a.example.com").is_empty());
    assert_eq!(
        slice("IPv4", "a.example.com").first().map(|finding| finding.field.as_str()),
        Some("endpoints[0].addresses[0]")
    );
}
