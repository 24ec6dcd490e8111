//! Two versions of a program, and two lives of one.

use std::collections::BTreeMap;

use ferro_e2e::{Blueprint, Mesh, eventually};
use ferro_testkit::ads::{Address, DeltaClient, Service};
use ferro_xds_protos::Kind;
use ferro_xds_protos::envoy::envoy::config::core::v3::Node;
use ferro_xds_protos::envoy::google::protobuf::value::Kind as ValueKind;
use ferro_xds_protos::envoy::google::protobuf::{Struct, Value};

use crate::weights::split;
use crate::{BANK, BANK_CLUSTER};

/// Name and version of every resource that a proxy is to have.
fn resources(mesh: &Mesh, workload: &str) -> BTreeMap<String, String> {
    let dump: BTreeMap<String, serde_json::Value> = mesh.api(&format!("/debug/config_dump?proxyID={workload}.shop"));
    let all = dump
        .iter()
        .flat_map(|(kind, section)| section["resources"].as_array().unwrap().iter().map(move |one| (kind, one)));
    all.map(|(kind, one)| (format!("{kind} {}", one["name"]), one["version"].to_string())).collect()
}

fn objects(mesh: &Mesh) -> BTreeMap<String, (u64, u64)> {
    let all: Vec<ferro_api::Object> = mesh.api("/api/v1/objects");
    all.into_iter()
        .map(|it| (format!("{} {}/{}", it.kind, it.namespace, it.name), (it.resource_version, it.created_ms)))
        .collect()
}

#[test]
fn a_ferrod_that_starts_anew_has_the_same_versions_and_sends_a_proxy_that_comes_back_nothing() {
    let mut mesh = Blueprint::two_versions().file("route.yaml", &split(100, 0)).up();
    mesh.rename_in("route.yaml", &split(90, 10));
    eventually("the change is in force", || {
        mesh.objects("VirtualService").iter().any(|route| route.text.contains("weight: 90"))
    });
    mesh.settled();
    let revision = |mesh: &Mesh| mesh.metric("ferro_revision", "");
    let before = (revision(&mesh), objects(&mesh), resources(&mesh, "product-v1"), resources(&mesh, "product-v2"));
    assert!(before.2.len() > 10, "{before:?}");

    mesh.kill("ferrod");
    mesh.start_ferrod_again();
    mesh.settled();
    // Agents report the health of their workloads after they have connected: that must not be news either.
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    let after = (revision(&mesh), objects(&mesh), resources(&mesh, "product-v1"), resources(&mesh, "product-v2"));
    assert_eq!(after, before);
    let (pushes, bytes) = (mesh.metric("pilot_xds_pushes", ""), mesh.metric("ferro_xds_sent_bytes", ""));
    assert_eq!((pushes, bytes), (0, 0), "responses and bytes sent since");
}

#[test]
fn an_agent_of_the_next_protocol_is_served_beside_agents_of_this_one() {
    let mesh = Blueprint::two_versions().file("route.yaml", &split(0, 100)).up();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let version: ferro_api::Version = mesh.api("/api/v1/version");
    runtime.block_on(async {
        let address: Address = mesh.xds().parse().unwrap();
        let client = DeltaClient::connect(&address, Service::Aggregated).await.unwrap();
        let mut client = client.with_node(node(version.protocol + 1));
        client.subscribe(Kind::Cluster, &["*"]).await.unwrap();
        let clusters = client.take(Kind::Cluster).await.unwrap();
        assert!(
            clusters.names().contains(&"outbound|8080|v2|product.shop.svc.cluster.local"),
            "{:?}",
            clusters.names()
        );
        let sender: serde_json::Value =
            serde_json::from_str(&clusters.message.control_plane.as_ref().unwrap().identifier).unwrap();
        assert_eq!(sender["Protocol"], version.protocol, "it says what it speaks, so that the newer one can adapt");

        // A change reaches both generations.
        client.subscribe(Kind::NameTable, &["*"]).await.unwrap();
        let names = client.take(Kind::NameTable).await.unwrap();
        assert!(names.names().contains(&"product.shop.svc.cluster.local"), "{:?}", names.names());
        mesh.rename_in("bank.yaml", BANK);
        let more = client.take(Kind::Cluster).await.unwrap();
        assert_eq!(more.names(), [BANK_CLUSTER]);
    });
    eventually("agents of this generation have it too", || {
        mesh.clusters("product-v1").contains(&BANK_CLUSTER.to_owned())
    });
    let old = mesh.beside("product-v1").get("http://product:8080/who").unwrap();
    assert_eq!(old.version(), "v2");
}

#[test]
fn real_agents_of_neighbouring_protocols_are_served_side_by_side_and_one_further_away_is_told_why_not() {
    let mut mesh = Blueprint::two_versions().workload("order", "v1").workload("user", "v1").up();
    mesh.settled();
    let ours = mesh.api::<ferro_api::Version>("/api/v1/version").protocol;
    let generations = [("product-v1", ours - 1), ("product-v2", ours), ("order-v1", ours + 1), ("user-v1", ours + 2)];
    for (workload, protocol) in generations {
        let agent = format!("{workload}.agent");
        mesh.kill(&agent);
        mesh.start_again_with(&agent, &["--protocol-version", &protocol.to_string()]);
    }
    let (served, refused) = generations.split_at(3);
    for (workload, protocol) in served {
        eventually("the agent is served", || {
            mesh.is_ready(workload) && mesh.proxy(workload).is_some_and(|row| row.agent_protocol == *protocol)
        });
    }
    // A change reaches every generation that is served.
    mesh.rename_in("bank.yaml", BANK);
    for (workload, _) in served {
        eventually("the change is there", || mesh.clusters(workload).contains(&BANK_CLUSTER.to_owned()));
    }
    for (workload, protocol) in refused {
        let told = |log: &str| {
            log.lines().any(|line| {
                line.contains(&format!("speaks protocol version {protocol}"))
                    && line.contains(&format!("this ferrod speaks {ours}"))
                    && line.contains("upgrade ferrod")
            })
        };
        eventually("the agent is told", || told(&mesh.log(&format!("{workload}.agent"))));
        assert!(told(&mesh.log("ferrod")), "ferrod says whom it refused");
        assert!(mesh.proxy(workload).is_none());
        // Its Envoy has nothing to serve, for what an agent of another version has cached is not its own.
        assert!(!mesh.is_ready(workload));
    }
    let old = mesh.beside("product-v1").get("http://product:8080/who");
    let old = old.unwrap_or_else(|error| panic!("{error}; {}", mesh.envoy_admin("product-v1", "/listeners")));
    assert_eq!(old.status, 200, "the others live on");
}

/// What an agent of this protocol version says it is, with a field that nobody knows yet.
fn node(protocol: u32) -> Node {
    let text = |text: &str| Value { kind: Some(ValueKind::StringValue(text.to_owned())) };
    let fields = [
        ("NAMESPACE", text("shop")),
        ("INTERCEPTION_MODE", text("NONE")),
        ("INSTANCE_IPS", text("127.0.0.9")),
        ("FERRO_PROTOCOL", Value { kind: Some(ValueKind::NumberValue(f64::from(protocol))) }),
        ("FERRO_OF_THE_FUTURE", text("unknown")),
    ];
    Node {
        id: "sidecar~127.0.0.9~later.shop~shop.svc.cluster.local".to_owned(),
        metadata: Some(Struct { fields: fields.map(|(key, value)| (key.to_owned(), value)).into_iter().collect() }),
        ..Node::default()
    }
}
