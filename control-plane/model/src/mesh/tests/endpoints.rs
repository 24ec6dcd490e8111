//! Which workloads stand behind a service, and where they listen.

use super::fixture::{Doc, addresses, mesh, service, service_entry};
use crate::mesh::{Locality, Mesh, TlsMode};

const REVIEWS: &str = "reviews.shop.svc.cluster.local";

fn reviews(spec: &str) -> Doc {
    service("shop/reviews", &format!("{{selector: {{app: reviews}}, {spec}}}"))
}

fn pod(name: &str, labels: &str, ip: &str) -> Doc {
    Doc::new("Pod", name).labels(labels).rest(&format!(
        "{{spec: {{serviceAccountName: reviewer, containers: [{{name: a, ports: [{{name: web, containerPort: 8080}}]}}]}},
          status: {{podIP: {ip}, conditions: [{{type: Ready, status: 'True'}}]}}}}"
    ))
}

fn slice(name: &str, owner: &str, endpoints: &str) -> Doc {
    Doc::new("EndpointSlice", name).labels(&format!("{{kubernetes.io/service-name: {owner}}}")).rest(&format!(
        "{{addressType: IPv4, ports: [{{name: http, port: 8080, protocol: TCP}}], endpoints: {endpoints}}}"
    ))
}

fn entry(name: &str, spec: &str) -> Doc {
    Doc::new("WorkloadEntry", name).spec(spec)
}

fn found(mesh: &Mesh, host: &str) -> Vec<String> {
    addresses(mesh, host)
}

#[test]
fn a_service_selects_pods_of_its_namespace_by_label() {
    let mesh = mesh(&[
        reviews("ports: [{name: http, port: 9080, targetPort: 8080}]"),
        pod("shop/a", "{app: reviews, version: v1}", "10.1.0.2"),
        pod("shop/b", "{app: reviews, version: v2}", "10.1.0.1"),
        pod("shop/other", "{app: ratings}", "10.1.0.3"),
        pod("bar/a", "{app: reviews}", "10.1.0.4"),
    ]);
    assert_eq!(found(&mesh, REVIEWS), ["10.1.0.1:8080", "10.1.0.2:8080"]);
    let service = mesh.service(REVIEWS, "shop").unwrap();
    let [b, _] = &mesh.endpoints(service)[..] else { panic!("two endpoints") };
    assert_eq!(b.labels["version"], "v2");
    assert_eq!(&*b.service_account, "reviewer");
    assert_eq!(&*b.namespace, "shop");
}

#[test]
fn a_named_target_port_is_the_port_that_each_workload_calls_so() {
    let mesh = mesh(&[
        reviews("ports: [{name: http, port: 9080, targetPort: web}]"),
        pod("shop/a", "{app: reviews}", "10.1.0.1"),
        entry("shop/vm", "{address: 10.2.0.1, labels: {app: reviews}, ports: {web: 7000}}"),
        entry("shop/portless", "{address: 10.2.0.2, labels: {app: reviews}}"),
    ]);
    assert_eq!(found(&mesh, REVIEWS), ["10.1.0.1:8080", "10.2.0.1:7000"]);
}

#[test]
fn pods_that_are_not_ready_or_going_or_have_ended_are_left_out() {
    let in_state = |name: &str, ip: &str, phase: &str, ready: &str| {
        Doc::new("Pod", name).labels("{app: reviews}").rest(&format!(
            "{{spec: {{}}, status: {{phase: {phase}, podIP: {ip}, conditions: [{{type: Ready, status: '{ready}'}}]}}}}"
        ))
    };
    let mesh = mesh(&[
        reviews("ports: [{name: http, port: 9080, targetPort: 8080}]"),
        in_state("shop/starting", "10.1.0.1", "Running", "False"),
        in_state("shop/done", "10.1.0.2", "Succeeded", "True"),
        in_state("shop/going", "10.1.0.4", "Running", "True").metadata("deletionTimestamp: '2026-01-01T00:00:00Z'"),
        in_state("shop/up", "10.1.0.3", "Running", "True"),
        Doc::new("Pod", "shop/no-address").labels("{app: reviews}").rest("{spec: {}, status: {}}"),
    ]);
    assert_eq!(found(&mesh, REVIEWS), ["10.1.0.3:8080"]);
}

#[test]
fn a_service_that_publishes_unready_addresses_has_them() {
    let pod = Doc::new("Pod", "shop/starting")
        .labels("{app: reviews}")
        .rest("{spec: {}, status: {podIP: 10.1.0.1, conditions: [{type: Ready, status: 'False'}]}}");
    let mesh = mesh(&[reviews("publishNotReadyAddresses: true, ports: [{name: http, port: 80}]"), pod]);
    assert_eq!(found(&mesh, REVIEWS), ["10.1.0.1:80"]);
}

#[test]
fn endpoint_slices_are_preferred_to_endpoints_and_both_to_pods() {
    let http = "ports: [{name: http, port: 9080, targetPort: 8080}]";
    let by_pod = pod("shop/a", "{app: reviews}", "10.1.0.1");
    let endpoints = Doc::new("Endpoints", "shop/reviews")
        .rest("{subsets: [{addresses: [{ip: 10.1.0.2}], ports: [{name: http, port: 8080}]}]}");
    let slice = slice("shop/reviews-x", "reviews", "[{addresses: [10.1.0.3]}]");
    let with_endpoints = mesh(&[reviews(http), by_pod.clone(), endpoints.clone()]);
    assert_eq!(found(&with_endpoints, REVIEWS), ["10.1.0.2:8080"]);
    let with_slice = mesh(&[reviews(http), by_pod, endpoints, slice]);
    assert_eq!(found(&with_slice, REVIEWS), ["10.1.0.3:8080"]);
}

#[test]
fn several_slices_of_one_service_add_up_and_repeat_nothing() {
    let mesh = mesh(&[
        reviews("ports: [{name: http, port: 9080}]"),
        slice("shop/reviews-x", "reviews", "[{addresses: [10.1.0.3]}, {addresses: [10.1.0.1]}]"),
        slice("shop/reviews-y", "reviews", "[{addresses: [10.1.0.2]}, {addresses: [10.1.0.1]}]"),
        slice("shop/others-x", "others", "[{addresses: [10.1.0.9]}]"),
    ]);
    assert_eq!(found(&mesh, REVIEWS), ["10.1.0.1:8080", "10.1.0.2:8080", "10.1.0.3:8080"]);
}

#[test]
fn slice_endpoints_that_are_not_ready_or_terminating_are_left_out() {
    let mesh = mesh(&[
        reviews("ports: [{name: http, port: 9080}]"),
        slice(
            "shop/reviews-x",
            "reviews",
            "[{addresses: [10.1.0.1], conditions: {ready: false}},
            {addresses: [10.1.0.2], conditions: {ready: true, terminating: true}},
            {addresses: [10.1.0.3], conditions: {ready: true}}, {addresses: [10.1.0.4], conditions: {}}]",
        ),
    ]);
    assert_eq!(found(&mesh, REVIEWS), ["10.1.0.3:8080", "10.1.0.4:8080"]);
}

#[test]
fn slice_ports_are_found_by_the_name_of_the_service_port() {
    let slice = Doc::new("EndpointSlice", "shop/reviews-x").labels("{kubernetes.io/service-name: reviews}").rest(
        "{addressType: IPv4, ports: [{name: metrics, port: 9100}, {name: http, port: 8080}], endpoints: [{addresses: [10.1.0.1]}]}",
    );
    let mesh =
        mesh(&[reviews("ports: [{name: http, port: 80}, {name: metrics, port: 90}, {name: gone, port: 91}]"), slice]);
    let service = mesh.service(REVIEWS, "shop").unwrap();
    assert_eq!(mesh.endpoints(service)[0].ports, [(80, 8080), (90, 9100)]);
}

#[test]
fn a_slice_takes_labels_and_account_from_the_pod_it_names() {
    let slice = slice(
        "shop/reviews-x",
        "reviews",
        "[{addresses: [10.1.0.1], zone: z1, nodeName: n1, targetRef: {kind: Pod, name: a, namespace: shop}}]",
    );
    let mesh = mesh(&[
        slice,
        service("shop/reviews", "{ports: [{name: http, port: 9080}]}"),
        pod("shop/a", "{app: x, version: v3}", "10.1.0.1"),
    ]);
    let service = mesh.service(REVIEWS, "shop").unwrap();
    let [endpoint] = &mesh.endpoints(service)[..] else { panic!("one endpoint") };
    assert_eq!(endpoint.labels["version"], "v3");
    assert_eq!(&*endpoint.service_account, "reviewer");
    assert_eq!(&*endpoint.locality.zone, "z1");
    assert_eq!(&*endpoint.node, "n1");
}

#[test]
fn a_kubernetes_service_selects_workload_entries_too() {
    let mesh = mesh(&[
        reviews("ports: [{name: http, port: 9080, targetPort: 8080}]"),
        pod("shop/a", "{app: reviews}", "10.1.0.1"),
        entry(
            "shop/vm",
            "{address: 10.2.0.1, labels: {app: reviews}, serviceAccount: vm, locality: r/z/s, weight: 3, network: net}",
        ),
        entry("shop/mapped", "{address: 10.2.0.2, labels: {app: reviews}, ports: {http: 7000}}"),
        entry("bar/vm", "{address: 10.2.0.3, labels: {app: reviews}}"),
    ]);
    assert_eq!(found(&mesh, REVIEWS), ["10.1.0.1:8080", "10.2.0.1:8080", "10.2.0.2:7000"]);
    let service = mesh.service(REVIEWS, "shop").unwrap();
    let vm = &mesh.endpoints(service)[1];
    assert_eq!((vm.weight, &*vm.network, &*vm.service_account), (Some(3), "net", "vm"));
    assert_eq!(vm.locality, Locality::parse("r/z/s"));
    assert_eq!(vm.tls, TlsMode::Istio);
}

#[test]
fn labels_of_a_workload_entry_join_those_of_its_metadata_which_win() {
    let entry = Doc::new("WorkloadEntry", "shop/vm")
        .labels("{app: reviews, version: meta}")
        .spec("{address: 10.2.0.1, labels: {version: spec, tier: web}}");
    let mesh = mesh(&[reviews("ports: [{name: http, port: 80}]"), entry]);
    let service = mesh.service(REVIEWS, "shop").unwrap();
    let labels = &mesh.endpoints(service)[0].labels;
    assert_eq!((labels["version"].as_str(), labels["tier"].as_str()), ("meta", "web"));
}

#[test]
fn a_static_service_entry_has_its_own_endpoints() {
    let spec =
        "{hosts: [db.com], resolution: STATIC, ports: [{number: 5432, name: tcp, protocol: TCP, targetPort: 6000}],
        endpoints: [{address: 10.3.0.1}, {address: 10.3.0.2, ports: {tcp: 7000}}, {address: 'unix:///run/db'}]}";
    let mesh = mesh(&[service_entry("shop/db", spec)]);
    assert_eq!(found(&mesh, "db.com"), ["10.3.0.1:6000", "10.3.0.2:7000", "unix:///run/db:0"]);
}

#[test]
fn a_dns_service_entry_without_endpoints_resolves_its_own_host() {
    let spec = "{hosts: [a.com], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]}";
    let mesh = mesh(&[service_entry("shop/ext", spec)]);
    assert_eq!(found(&mesh, "a.com"), ["a.com:80"]);
}

#[test]
fn a_service_entry_without_resolution_has_no_endpoints() {
    let mesh = mesh(&[service_entry("shop/ext", "{hosts: [a.com], ports: [{number: 80, name: http}]}")]);
    assert!(found(&mesh, "a.com").is_empty());
}

#[test]
fn a_service_entry_selects_pods_and_workload_entries_of_its_namespace() {
    let spec = "{hosts: [vms.com], location: MESH_INTERNAL, resolution: STATIC, workloadSelector: {labels: {app: vm}},
        ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]}";
    let mesh = mesh(&[
        service_entry("shop/vms", spec),
        entry("shop/one", "{address: 10.2.0.1, labels: {app: vm}}"),
        entry("bar/two", "{address: 10.2.0.2, labels: {app: vm}}"),
        pod("shop/p", "{app: vm}", "10.1.0.1"),
    ]);
    assert_eq!(found(&mesh, "vms.com"), ["10.1.0.1:8080", "10.2.0.1:8080"]);
}

#[test]
fn the_pod_label_or_the_account_of_a_workload_entry_tells_whether_it_speaks_mutual_tls() {
    let mesh = mesh(&[
        reviews("ports: [{name: http, port: 80}]"),
        pod("shop/a", "{app: reviews, security.istio.io/tlsMode: istio}", "10.1.0.1"),
        pod("shop/b", "{app: reviews}", "10.1.0.2"),
        entry("shop/vm", "{address: 10.2.0.1, labels: {app: reviews}}"),
    ]);
    let service = mesh.service(REVIEWS, "shop").unwrap();
    let modes: Vec<TlsMode> = mesh.endpoints(service).iter().map(|endpoint| endpoint.tls).collect();
    assert_eq!(modes, [TlsMode::Istio, TlsMode::Disabled, TlsMode::Disabled]);
}

#[test]
fn udp_ports_have_no_endpoints() {
    let mesh = mesh(&[
        reviews("ports: [{name: http, port: 80}, {name: dns, port: 53, protocol: UDP}]"),
        pod("shop/a", "{app: reviews}", "10.1.0.1"),
    ]);
    assert_eq!(found(&mesh, REVIEWS), ["10.1.0.1:80"]);
}

#[test]
fn a_workload_stands_behind_the_services_that_select_it_or_name_its_address_oldest_first() {
    let mesh = mesh(&[
        service("shop/late", "{selector: {app: reviews}, ports: [{port: 80}]}").created("2026-03-01T00:00:00Z"),
        service("shop/early", "{selector: {app: reviews, version: v1}, ports: [{port: 80}]}").created("2026-01-01T00:00:00Z"),
        service("shop/other", "{selector: {app: ratings}, ports: [{port: 80}]}"),
        service("bar/foreign", "{selector: {app: reviews}, ports: [{port: 80}]}"),
        service("shop/empty", "{selector: {}, ports: [{port: 80}]}"),
        service_entry("shop/byip", "{hosts: [ip.com], resolution: STATIC, ports: [{number: 80, name: http}], endpoints: [{address: 10.1.0.1}]}")
            .created("2026-02-01T00:00:00Z"),
    ]);
    let labels = [("app", "reviews"), ("version", "v1")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let found = mesh.workload_services("shop", &labels, &["10.1.0.1".parse().unwrap()]);
    let hosts: Vec<&str> = found.iter().map(|service| &*service.host).collect();
    assert_eq!(hosts, ["early.shop.svc.cluster.local", "ip.com", "late.shop.svc.cluster.local"]);
}

#[test]
fn a_registered_entry_is_left_out_while_its_agent_says_that_it_is_ill_or_has_not_spoken_yet() {
    let entry = |name: &str, ip: &str, checked: &str, conditions: &str| {
        Doc::new("WorkloadEntry", name)
            .annotations(&format!("{{proxy.istio.io/health-checks-enabled: '{checked}'}}"))
            .rest(&format!(
                "{{spec: {{address: {ip}, labels: {{app: reviews}}}}, status: {{conditions: [{conditions}]}}}}"
            ))
    };
    let mesh = mesh(&[
        reviews("ports: [{name: http, port: 80}]"),
        entry("shop/well", "10.2.0.1", "true", "{type: Healthy, status: 'True'}"),
        entry("shop/ill", "10.2.0.2", "true", "{type: Healthy, status: 'False'}"),
        entry("shop/silent", "10.2.0.3", "true", ""),
        entry("shop/unchecked", "10.2.0.4", "false", ""),
    ]);
    assert_eq!(found(&mesh, REVIEWS), ["10.2.0.1:80", "10.2.0.4:80"]);
}
