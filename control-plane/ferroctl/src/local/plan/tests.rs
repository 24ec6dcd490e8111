use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Groups, Layout, MeshFile, Mode, Plan, plan};
use crate::local::groups::Group;

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

fn groups() -> Groups {
    let labels = BTreeMap::from([("app".to_owned(), "product".to_owned())]);
    let group = Group { labels, service_account: "product".to_owned(), probe: None };
    BTreeMap::from([(("shop".to_owned(), "product".to_owned()), group)])
}

fn shop(mode: Mode) -> Plan {
    let mesh: MeshFile = serde_saphyr::from_str(MESH).unwrap();
    plan(&mesh, &groups(), &layout(mode)).unwrap()
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
    assert_eq!(member.netns.as_deref(), Some("fm127x77-2"));
    assert!(!member.agent.argv.contains(&"--app-port".to_owned()));
}

#[test]
fn a_missing_group_is_named_with_those_that_exist() {
    let mesh: MeshFile = serde_saphyr::from_str(&MESH.replace("group: product", "group: produkt")).unwrap();
    let message = plan(&mesh, &groups(), &layout(Mode::Loopback)).unwrap_err().to_string();
    assert!(message.contains("shop/produkt") && message.contains("shop/product"), "{message}");
}
