//! A document of ordinary size asks for more than can be made.

use std::sync::Arc;

use ferro_model::MeshConfig;
use ferro_model::mesh::Mesh;
use ferro_translate::Settings;
use ferro_xds_protos::Kind;

use crate::case::{addressed, changes, send};
use crate::incremental::proxies;

/// How many resources of a kind there are for a captured sidecar, and what is said.
fn sent(text: &str, kind: Kind) -> (usize, Vec<String>) {
    let mesh = addressed(&Mesh::new(Arc::new(MeshConfig::default())).apply(&changes(text)));
    let proxy = proxies().swap_remove(0);
    let sent = send(&mesh, &("client".to_owned(), proxy), &Settings::default());
    let count = sent.resources.iter().filter(|(other, _)| *other == kind).count();
    (count, sent.findings.iter().map(ToString::to_string).collect())
}

fn listed(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn hosts_times_matches_beyond_the_limit_make_no_route() {
    let hosts = listed(300, |n| format!("h{n}.example"));
    let matches = listed(300, |n| format!("{{uri: {{exact: /p{n}}}}}"));
    let (count, findings) = sent(
        &format!(
            "{{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {{name: v, namespace: ns}}, \
             spec: {{hosts: [{hosts}], http: [{{match: [{matches}], route: [{{destination: {{host: a}}}}]}}]}}}}"
        ),
        Kind::VirtualHost,
    );
    assert_eq!(count, 0);
    let [finding] = &findings[..] else { panic!("one finding, got {findings:?}") };
    assert!(finding.contains("300 hosts and 300 matches make 90000 routes"), "{finding}");
}

#[test]
fn subsets_times_ports_beyond_the_limit_leave_the_service_without_subsets() {
    let ports = listed(250, |n| format!("{{name: http-{n}, port: {}}}", 1000 + n));
    let subsets = listed(250, |n| format!("{{name: s{n}, labels: {{version: v{n}}}}}"));
    let (count, findings) = sent(
        &format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: a, namespace: ns}}, spec: {{clusterIP: 10.96.0.1, \
             ports: [{ports}]}}}}\n---\n{{apiVersion: networking.istio.io/v1, kind: DestinationRule, \
             metadata: {{name: a, namespace: ns}}, spec: {{host: a, subsets: [{subsets}]}}}}"
        ),
        Kind::Endpoint,
    );
    assert_eq!(count, 250);
    let [finding] = &findings[..] else { panic!("one finding, got {findings:?}") };
    assert!(finding.contains("250 subsets and 250 ports make 62500 clusters"), "{finding}");
}

#[test]
fn addresses_times_ports_beyond_the_limit_make_no_listener() {
    let ports = listed(250, |n| format!("{{name: tcp-{n}, number: {}, protocol: TCP}}", 1000 + n));
    let addresses = listed(250, |n| format!("10.200.0.{n}"));
    let (count, findings) = sent(
        &format!(
            "{{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {{name: e, namespace: ns}}, \
             spec: {{hosts: [e.example], addresses: [{addresses}], ports: [{ports}], resolution: NONE}}}}"
        ),
        Kind::Listener,
    );
    assert!(count < 10, "{count}");
    let [finding] = &findings[..] else { panic!("one finding, got {findings:?}") };
    assert!(finding.contains("250 addresses and 250 ports make 62500 listeners"), "{finding}");
}
