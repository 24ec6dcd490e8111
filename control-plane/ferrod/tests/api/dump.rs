use ferro_api::ProxyStatus;
use ferro_xds_protos::{Kind, PROTOCOL_VERSION, node as keys, wkt};
use serde_json::Value;

use crate::rig::{Ferrod, node};

const MESH: &str = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: bank, namespace: shop}
spec:
  hosts: [bank.example.com]
  ports: [{number: 80, name: http, protocol: HTTP}, {number: 9000, name: tcp, protocol: TCP}]
  resolution: DNS
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: bank, namespace: shop}
spec:
  hosts: [bank.example.com]
  http: [{timeout: 7s, retries: {attempts: 2}, route: [{destination: {host: bank.example.com}}]}]
";

#[tokio::test]
async fn a_config_dump_shows_every_resource_as_json() {
    let ferrod = Ferrod::start(MESH).await;
    let mut client = ferrod.client(node("product", [])).await;
    client.subscribe(Kind::Cluster, &["*"]).await.unwrap();
    client.take(Kind::Cluster).await.unwrap();
    let (status, dump) = ferrod.get("/debug/config_dump?proxyID=product.shop").await;
    assert_eq!(status, 200, "{dump}");
    let mut shown = 0;
    for (kind, section) in dump.as_object().unwrap() {
        for entry in section["resources"].as_array().unwrap() {
            assert!(entry["resource"].is_object() && entry.get("any").is_none(), "{kind}: {entry}");
            shown += 1;
        }
    }
    assert!(shown > 8, "{dump}");
    let named = |kind: &str, name: &str| -> Value {
        let all = dump[kind]["resources"].as_array().unwrap();
        all.iter().find(|entry| entry["name"] == name).unwrap_or_else(|| panic!("no {name}: {dump}"))["resource"]
            .clone()
    };
    assert_eq!(named("CDS", "outbound|80||bank.example.com")["type"], "STRICT_DNS");
    let host = named("VHDS", "http_proxy/bank.example.com:80");
    assert_eq!(host["routes"][1]["route"]["timeout"], "7s", "{host}");
    assert_eq!(named("NDS", "bank.example.com")["name"], "bank.example.com");
    // Filters are packed within a listener, and shown all the same.
    assert!(dump["LDS"].to_string().contains("HttpConnectionManager"), "{}", dump["LDS"]);
}

#[tokio::test]
async fn syncz_tells_of_every_proxy_what_it_was_sent_and_what_it_accepted() {
    let ferrod = Ferrod::start(MESH).await;
    let protocol = (keys::FERRO_PROTOCOL, wkt::number_value(PROTOCOL_VERSION.into()));
    let mut agent = ferrod.client(node("product", [protocol])).await;
    agent.subscribe(Kind::Cluster, &["*"]).await.unwrap();
    let clusters = agent.next(Kind::Cluster).await.unwrap();
    let mut other = ferrod.client(node("order", [])).await;
    other.subscribe(Kind::Cluster, &["*"]).await.unwrap();
    let refused = other.next(Kind::Cluster).await.unwrap();
    other.nack(&refused, "no such thing").await.unwrap();
    let rows = async || -> Vec<ProxyStatus> { serde_json::from_value(ferrod.get("/debug/syncz").await.1).unwrap() };
    ferrod.until("the refusal came", async || rows().await[0].types["CDS"].nack.is_some()).await;

    let [order, product] = &rows().await[..] else { panic!() };
    assert_eq!((&*order.name, &*product.name), ("order.shop", "product.shop"), "by name");
    assert_eq!(order.types["CDS"].state, "NACKED");
    assert_eq!(order.types["CDS"].nack.as_deref(), Some("no such thing"));
    assert_eq!((order.agent_protocol, product.agent_protocol), (0, PROTOCOL_VERSION));
    assert_eq!((&*product.proxy_type, &*product.protocol), ("sidecar", "delta"));
    assert_eq!((&*product.types["CDS"].state, &*product.types["CDS"].sent), ("STALE", clusters.nonce()));
    assert_eq!(product.types["CDS"].acked, "");
    assert_eq!(product.cache_age_seconds, None);

    agent.ack(&clusters).await.unwrap();
    ferrod.until("it is in sync", async || rows().await[1].types["CDS"].state == "SYNCED").await;
    assert_eq!(rows().await[1].types["CDS"].acked, clusters.nonce());
    assert_eq!(ferrod.get("/api/v1/proxies").await.1, ferrod.get("/debug/syncz").await.1);
}
