use super::{Inbound, Policies};
use crate::local::mesh_file::Workload;

const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: {name: product, namespace: shop}
spec: {selector: {app: product}, ports: [{name: PORT, port: 80, targetPort: 8080}]}
";
const GROUP: &str = "
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: product, namespace: shop}
spec: {metadata: {labels: {app: product}}, template: {}, probe: PROBE}
";

fn seen(port: &str, probe: &str) -> (Inbound, Option<String>) {
    let mut policies = Policies::default();
    policies.read("service.yaml", &SERVICE.replace("PORT", port));
    policies.read("group.yaml", &GROUP.replace("PROBE", probe));
    let group = policies.groups.values().next().unwrap();
    let workload: Workload =
        serde_saphyr::from_str("{name: product, namespace: shop, group: product, command: [x], port: 8080}").unwrap();
    (policies.inbound(group, &workload), policies.url(group, &workload))
}

#[test]
fn a_workload_is_asked_as_its_probe_asks() {
    let (inbound, url) = seen("http-web", "{httpGet: {path: /ready, port: 8080}}");
    assert_eq!(inbound, Inbound::Probe("/ready".to_owned()));
    assert_eq!(url.as_deref(), Some("http://product.shop.svc.cluster.local:80/ready"));
}

#[test]
fn without_a_probe_that_anybody_can_make_any_answer_will_do() {
    for probe in [
        "{tcpSocket: {port: 8080}}",
        "{httpGet: {path: /ready, port: 9090}}",
        "{httpGet: {path: /ready, port: 8080, httpHeaders: [{name: x-key, value: y}]}}",
    ] {
        let (inbound, url) = seen("http", probe);
        assert_eq!(inbound, Inbound::Http, "{probe}");
        assert_eq!(url.as_deref(), Some("http://product.shop.svc.cluster.local:80/"));
    }
}

#[test]
fn where_no_http_is_spoken_a_connection_is_all_that_can_be_asked_for() {
    assert_eq!(seen("tcp-data", "{tcpSocket: {port: 8080}}"), (Inbound::Tcp, None));
    assert_eq!(seen("grpc", "{tcpSocket: {port: 8080}}"), (Inbound::Tcp, None));
}

#[test]
fn groups_are_read_from_every_file_that_ferrod_reads() {
    let folder = tempfile::tempdir().unwrap();
    let group = |name: &str| {
        GROUP.replace("name: product,", &format!("name: {name},")).replace("PROBE", "{exec: {command: [x]}}")
    };
    let json = r#"{"apiVersion": "networking.istio.io/v1", "kind": "WorkloadGroup",
        "metadata": {"name": "json", "namespace": "shop"}, "spec": {"template": {}}}"#;
    for (name, text) in
        [("a.json", json), ("b.yml", &group("yml")), (".c.yaml", &group("hidden")), ("d.txt", &group("text"))]
    {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let policies = Policies::load(&[folder.path().to_path_buf()]).unwrap();
    let names: Vec<&str> = policies.groups.keys().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["json", "yml"]);
}
