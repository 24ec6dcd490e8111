//! Resources that an Envoy refuses although our validation accepts them.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use ferro_e2e::{Blueprint, Client, Mesh, Mode, eventually};

use crate::weights::split;

/// Which commands a header's value may hold is Envoy's to know, so we take all; this one it does not know.
const REFUSED: &str = "%NO_SUCH_COMMAND%";
const REPAIRED: &str = "%PROTOCOL%";

/// A host outside of the mesh that every sidecar answers for; its answers to some paths carry a header of this value.
fn host(name: &str, value: &str) -> String {
    format!(
        "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: shop}}
spec: {{hosts: [{name}.example.com], ports: [{{number: 80, name: http, protocol: HTTP}}], resolution: NONE}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: shop}}
spec:
  hosts: [{name}.example.com]
  http:
  - match: [{{uri: {{prefix: /marked}}}}]
    headers: {{response: {{set: {{x-mark: '{value}'}}}}}}
    directResponse: {{status: 204}}
  - directResponse: {{status: 202}}
"
    )
}

/// Whether the route of a host is in force in every sidecar.
fn answers(mesh: &Mesh, name: &str) -> bool {
    let url = format!("http://{name}.example.com/");
    ["product-v1", "product-v2"]
        .iter()
        .all(|workload| mesh.beside(workload).get(&url).is_ok_and(|answer| answer.status == 202))
}

fn nack(mesh: &Mesh, workload: &str, kind: &str) -> Option<String> {
    mesh.proxy(workload)?.types.get(kind)?.nack.clone()
}

#[test]
fn a_refused_resource_is_reported_not_resent_until_it_changes_and_takes_nothing_else_down() {
    let mesh = Blueprint::two_versions().file("route.yaml", &split(100, 0)).up();
    mesh.settled();
    assert_eq!(mesh.metric("pilot_total_xds_rejects", ""), 0);

    // One revision: the bad one between two good ones.
    let three = [host("apple", "x"), host("bank", REFUSED), host("cherry", "x")].join("---");
    mesh.rename_in("hosts.yaml", &three);
    for workload in ["product-v1", "product-v2"] {
        eventually("the refusal is known", || nack(&mesh, workload, "VHDS").is_some());
        let text = nack(&mesh, workload, "VHDS").unwrap();
        assert!(text.contains("bank.example.com") && text.contains("NO_SUCH_COMMAND"), "Envoy's words: {text}");
    }
    eventually("the neighbours are in force", || answers(&mesh, "apple") && answers(&mesh, "cherry"));
    assert!(!answers(&mesh, "bank"));

    let table = mesh.ctl_ok(&["proxy-status"]);
    assert!(table.contains("NACKED") && table.contains("product-v1.shop refused VHDS: "), "{table}");
    let detail = mesh.ctl_ok(&["proxy-status", "product-v1"]);
    assert!(detail.contains("NO_SUCH_COMMAND"), "{detail}");
    let log = mesh.log("ferrod");
    let line = log.lines().find(|line| line.contains("refused by the proxy")).unwrap_or_else(|| panic!("{log}"));
    let names_it = line.contains("http_proxy/bank.example.com:80") && !line.contains("apple");
    assert!(line.contains("WARN") && names_it, "{line}");

    let counts = || (mesh.metric("pilot_total_xds_rejects", "\"vhds\""), mesh.metric("pilot_xds_pushes", "\"vhds\""));
    let before = counts();
    assert!((2..=6).contains(&before.0), "each of two proxies refused it, alone or with its neighbours: {before:?}");
    thread::sleep(Duration::from_secs(2));
    assert_eq!(counts(), before, "nothing is resent");

    // Later changes pass: another host, and a route that was there before.
    mesh.rename_in("later.yaml", &host("date", "x"));
    eventually("a later host is in force", || answers(&mesh, "date"));
    mesh.rename_in("route.yaml", &split(0, 100));
    let client = mesh.beside("product-v1");
    let is_v2 = || client.get("http://product:8080/who").is_ok_and(|answer| answer.version() == "v2");
    eventually("a later route is in force", is_v2);
    assert_eq!(counts().0, before.0, "the refused one did not travel along");
    assert!(nack(&mesh, "product-v1", "VHDS").is_some(), "it is still shown");

    mesh.rename_in("hosts.yaml", &three.replace(REFUSED, REPAIRED));
    eventually("the repaired host is in force", || answers(&mesh, "bank"));
    mesh.settled();
    assert!(!mesh.ctl_ok(&["proxy-status"]).contains("refused"));
}

/// The relay has to know as much as ferrod: what was refused never comes from its cache.
#[test]
fn a_refused_resource_is_not_in_the_last_known_good_configuration() {
    let mut mesh = Blueprint::two_versions().file("route.yaml", &split(100, 0)).up();
    mesh.rename_in("hosts.yaml", &format!("{}---{}", host("apple", "x"), host("bank", REFUSED)));
    eventually("the refusal is known", || nack(&mesh, "product-v1", "VHDS").is_some());
    eventually("the neighbour is in force", || answers(&mesh, "apple"));
    let cache = mesh.agent_file("product-v1", "last-known-good");
    let holds = |name: &str| {
        let file = std::fs::read(&cache).unwrap_or_default();
        String::from_utf8_lossy(&file).contains(&format!("http_proxy/{name}.example.com:80"))
    };
    eventually("the cache holds the neighbour", || holds("apple"));
    assert!(!holds("bank"));
    mesh.kill("ferrod");
    mesh.kill("product-v1.agent");
    let refusals = |mesh: &Mesh| mesh.log("product-v1.agent").matches("was refused").count();
    let before = refusals(&mesh);
    mesh.start_again("product-v1.agent");
    eventually("requests pass", || answers(&mesh, "apple"));
    assert!(!answers(&mesh, "bank"));
    assert_eq!(refusals(&mesh), before, "nothing was tried that was refused before");
}

/// A taken port is seen by the Envoy that wants it, and by nobody before.
#[test]
fn a_listener_whose_port_is_taken_is_reported_and_the_others_serve() {
    let mesh = Blueprint::new(Mode::Loopback).workload("product", "v1").gateway("ingress").up();
    let ip = mesh.workload("ingress").ip;
    let _taken = TcpListener::bind((ip, 9_000)).unwrap();
    mesh.rename_in("gateway.yaml", &gateway(&[9_000, 9_001]));
    let serves = |port: u16| {
        let answer = Client::outside().get_with(&format!("http://{ip}:{port}/who"), &[("host", "shop.example.com")]);
        answer.is_ok_and(|answer| answer.version() == "v1")
    };
    eventually("the other port serves", || serves(9_001));
    eventually("the refusal is known", || nack(&mesh, "ingress", "LDS").is_some_and(|text| text.contains("9000")));
    mesh.rename_in("gateway.yaml", &gateway(&[9_000, 9_001, 9_002]));
    eventually("a later port serves", || serves(9_002) && serves(9_001));
    assert!(nack(&mesh, "ingress", "LDS").is_some(), "it is still shown");
}

fn gateway(ports: &[u16]) -> String {
    let servers = ports.iter().map(|port| {
        format!("  - {{port: {{number: {port}, name: http-{port}, protocol: HTTP}}, hosts: [shop.example.com]}}\n")
    });
    format!(
        "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: shop, namespace: shop}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
{}---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: front, namespace: shop}}
spec:
  hosts: [shop.example.com]
  gateways: [shop]
  http: [{{route: [{{destination: {{host: product, port: {{number: 8080}}}}}}]}}]
",
        servers.collect::<String>()
    )
}
