use super::{accepts, refuses, warns};

#[test]
fn a_workload_has_an_address_or_a_network() {
    accepts("WorkloadEntry", "{address: 10.0.0.1, ports: {http: 8080}, labels: {app: a}, serviceAccount: a}");
    accepts("WorkloadEntry", "{address: vm.example.com}");
    accepts("WorkloadEntry", "{address: unix:///run/app.sock}");
    refuses("WorkloadEntry", "{labels: {app: a}}", "spec", "missing-field");
    refuses("WorkloadEntry", "{address: 'a_b'}", "spec.address", "bad-address");
    refuses("WorkloadEntry", "{address: 10.0.0.1, ports: {'@': 80}}", "spec.ports.@", "bad-name");
    refuses("WorkloadEntry", "{address: 10.0.0.1, ports: {http: 0}}", "spec.ports.http", "out-of-range");
    warns("WorkloadEntry", "{network: other}", "spec", "no-effect");
}

#[test]
fn shares_of_workloads_can_be_added_up() {
    let entry = |weight: u32| format!("{{address: 10.0.0.1, weight: {weight}}}");
    accepts("WorkloadEntry", &entry(1_000_000));
    refuses("WorkloadEntry", &entry(1_000_001), "spec.weight", "out-of-range");
    let group = "{template: {weight: 4294967295}}";
    refuses("WorkloadGroup", group, "spec.template.weight", "out-of-range");
    for (resolution, address) in [("STATIC", "10.0.0.1"), ("DNS", "a.example.com")] {
        let entry = format!(
            "{{hosts: [a.b], ports: [{{number: 80, name: http, protocol: HTTP}}], resolution: {resolution}, \
             endpoints: [{{address: {address}, weight: 4294967295}}]}}"
        );
        refuses("ServiceEntry", &entry, "spec.endpoints[0].weight", "out-of-range");
    }
}

#[test]
fn a_group_has_a_template() {
    accepts("WorkloadGroup", "{metadata: {labels: {app: a}}, template: {ports: {http: 80}, serviceAccount: a}}");
    refuses("WorkloadGroup", "{metadata: {labels: {app: a}}}", "spec", "missing-field");
    refuses("WorkloadGroup", "{template: {}, metadata: {labels: {'*': a}}}", "spec.metadata.labels.*", "bad-name");
    warns("WorkloadGroup", "{template: {address: 10.0.0.1}}", "spec.template.address", "no-effect");
}

#[test]
fn a_probe_asks_in_one_way_that_the_agent_knows() {
    let probe = |fields: &str| format!("{{template: {{}}, probe: {{{fields}}}}}");
    accepts("WorkloadGroup", &probe("periodSeconds: 2, httpGet: {path: /healthz, port: 8080, scheme: HTTP}"));
    accepts("WorkloadGroup", &probe("tcpSocket: {port: 8080}"));
    accepts("WorkloadGroup", &probe("exec: {command: [true-ish]}"));
    refuses("WorkloadGroup", &probe("periodSeconds: 2"), "spec.probe", "missing-field");
    refuses("WorkloadGroup", &probe("grpc: {port: 80}"), "spec.probe.grpc", "not-supported");
    refuses("WorkloadGroup", &probe("exec: {command: [a]}, tcpSocket: {port: 1}"), "spec.probe", "conflict");
    refuses("WorkloadGroup", &probe("exec: {command: []}"), "spec.probe.exec", "missing-field");
    refuses("WorkloadGroup", &probe("tcpSocket: {port: 65536}"), "spec.probe.tcpSocket.port", "out-of-range");
    refuses(
        "WorkloadGroup",
        &probe("tcpSocket: {port: 1}, periodSeconds: -1"),
        "spec.probe.periodSeconds",
        "out-of-range",
    );
    refuses("WorkloadGroup", &probe("httpGet: {port: 1, scheme: FTP}"), "spec.probe.httpGet.scheme", "bad-name");
    let header = probe("httpGet: {port: 1, httpHeaders: [{name: '**', value: a}]}");
    refuses("WorkloadGroup", &header, "spec.probe.httpGet.httpHeaders[0].name", "bad-name");
}
