use std::path::{Path, PathBuf};

use super::{Layout, MeshFile, Mode, Plan, Policies, plan};

const MESH: &str = "
apiVersion: ferromesh.dev/v1alpha1
kind: LocalMesh
metadata: {name: shop}
spec:
  policies: []
  workloads:
  - {name: product, namespace: shop, group: product, command: [shop, --port, $PORT, --name, $NAME], port: 8080, replicas: 2}
  gateways:
  - {name: ingress, namespace: shop, labels: {istio: ingressgateway}}
";

fn layout(mode: Mode) -> Layout {
    Layout { bin: PathBuf::from("/nowhere/bin"), state: PathBuf::from("/state"), range: [127, 77], mode }
}

const POLICIES: &str = "
apiVersion: v1
kind: Service
metadata: {name: product, namespace: shop}
spec: {selector: {app: product}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: product, namespace: shop}
spec: {metadata: {labels: {app: product}}, template: {serviceAccount: product}}
";

fn policies() -> Policies {
    let mut policies = Policies::default();
    policies.read("policies.yaml", POLICIES);
    policies
}

fn shop(mode: Mode) -> Plan {
    let mesh: MeshFile = serde_saphyr::from_str(MESH).unwrap();
    plan(&mesh, &policies(), &layout(mode)).unwrap()
}

#[test]
fn every_member_has_its_own_address_and_port() {
    let plan = shop(Mode::Loopback);
    let ips: Vec<_> = plan.members.iter().map(|m| m.ip.to_string()).collect();
    assert_eq!(ips, ["127.77.0.2", "127.77.0.3", "127.77.0.4"]);
    let ports: Vec<_> = plan.members.iter().filter_map(|m| m.app.as_ref()).map(|app| app.env["PORT"].clone()).collect();
    assert_eq!(ports, ["16778", "16779"]);
}

#[test]
fn meshes_of_different_ranges_share_no_port() {
    let all = (0..=u8::MAX).map(|range| Layout { range: [127, range], ..layout(Mode::Loopback) });
    let blocks: Vec<_> = all.map(|layout| layout.local_port(1).unwrap()..=layout.local_port(87).unwrap()).collect();
    assert!(blocks.windows(2).all(|pair| pair[0].end() < pair[1].start()));
    assert!(blocks.last().unwrap().end() < &32_768, "below the ports that Linux hands out");
    assert!(layout(Mode::Loopback).local_port(88).unwrap_err().to_string().contains("netns"));
}

#[test]
fn replicas_are_numbered_and_fill_in_their_name() {
    let plan = shop(Mode::Loopback);
    let app = plan.members[2].app.as_ref().unwrap();
    assert_eq!(app.argv, ["shop", "--port", "16779", "--name", "product-1"]);
}

#[test]
fn without_capture_the_application_is_pointed_at_its_sidecar() {
    let plan = shop(Mode::Loopback);
    assert_eq!(plan.members[1].app.as_ref().unwrap().env["HTTP_PROXY"], "http://127.77.0.3:15007");
    let captured = shop(Mode::Netns);
    assert!(!captured.members[1].app.as_ref().unwrap().env.contains_key("HTTP_PROXY"));
}

#[test]
fn in_a_network_namespace_the_application_serves_its_own_port() {
    let plan = shop(Mode::Netns);
    let member = &plan.members[1];
    assert_eq!(member.app.as_ref().unwrap().env["PORT"], "8080");
    let network = Layout::network_of(Path::new("/state"));
    assert_eq!(member.netns.as_deref(), Some(format!("{network}-2").as_str()));
    let conf = member.agent.argv.iter().skip_while(|word| *word != "--resolv-conf").nth(1);
    assert_eq!(conf.map(String::as_str), Some("/state/resolv.conf"), "its own names nobody but itself");
    assert!(!member.agent.argv.contains(&"--app-port".to_owned()));
}

#[test]
fn a_missing_group_is_named_with_those_that_exist() {
    let mesh: MeshFile = serde_saphyr::from_str(&MESH.replace("group: product", "group: produkt")).unwrap();
    let message = plan(&mesh, &policies(), &layout(Mode::Loopback)).unwrap_err().to_string();
    assert!(message.contains("shop/produkt") && message.contains("shop/product"), "{message}");
}

#[test]
fn a_mesh_names_its_network_after_itself_and_leaves_room_for_the_names_of_links() {
    let of = |state: &str| Layout::network_of(Path::new(state));
    assert_ne!(of("/state/shop"), of("/state/bank"));
    assert_eq!(of("/state/shop"), of("/state/shop"));
    let link = format!("{}-65519o", of("/state/shop"));
    assert!(link.len() <= 15, "{link}");
}

#[test]
fn every_process_says_to_which_mesh_it_belongs() {
    let plan = shop(Mode::Loopback);
    let members = plan.members.iter().flat_map(|member| member.app.iter().chain([&member.agent]));
    for process in members.chain([&plan.ferrod]) {
        assert_eq!(process.env[super::MARK], "/state", "{}", process.name);
    }
}

#[test]
fn processes_of_the_machines_own_network_say_where_they_listen() {
    let plan = shop(Mode::Loopback);
    let member = &plan.members[1];
    let listens = [&plan.ferrod, &member.agent, member.app.as_ref().unwrap()].map(|process| process.listens.unwrap());
    assert_eq!(listens.map(|address| address.to_string()), ["127.77.0.1:8080", "127.77.0.3:15021", "127.0.0.1:16778"]);
    assert_eq!(shop(Mode::Netns).members[1].agent.listens, None);
}

#[test]
fn services_with_a_workload_can_be_called() {
    assert_eq!(shop(Mode::Loopback).hosts, ["http://product.shop.svc.cluster.local:80/"]);
}
