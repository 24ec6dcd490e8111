use ferro_xds_protos::envoy::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use ferro_xds_protos::{Kind, node as keys, wkt};

use crate::rig::{Ferrod, node};

const MESH: &str = "
apiVersion: v1
kind: Service
metadata: {name: product, namespace: shop}
spec: {clusterIP: 10.96.0.1, selector: {app: product}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: first, namespace: shop, creationTimestamp: '2026-01-01T00:00:00Z'}
spec: {hosts: [product], http: [{route: [{destination: {host: product}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: second, namespace: shop, creationTimestamp: '2026-01-02T00:00:00Z'}
spec: {hosts: [product], http: [{route: [{destination: {host: product}}]}]}
";

const MORE: &str = "---
apiVersion: v1
kind: Service
metadata: {name: order, namespace: shop}
spec: {clusterIP: 10.96.0.2, selector: {app: order}, ports: [{name: http, port: 80}]}
";

async fn says(ferrod: &Ferrod, lines: &[&str]) {
    for line in lines {
        ferrod.until(line, async || ferrod.metrics().await.lines().any(|found| found == *line)).await;
    }
}

#[tokio::test]
async fn what_ferrod_holds_and_what_proxies_do_is_in_the_metrics() {
    let ferrod = Ferrod::start(MESH).await;
    says(&ferrod, &[concat!("pilot_xds{version=\"", env!("CARGO_PKG_VERSION"), "\"} 0")]).await;
    let version = (keys::ISTIO_VERSION, wkt::string_value("ferromesh-9.9.9"));
    let mut client = ferrod.client(node("product", [version])).await;
    client.subscribe(Kind::Cluster, &["*"]).await.unwrap();
    let clusters = client.next(Kind::Cluster).await.unwrap();
    let late = DeltaDiscoveryRequest { response_nonce: "of-long-ago".to_owned(), ..DeltaDiscoveryRequest::default() };
    client.send(Kind::Cluster, late).await.unwrap();
    client.ack(&clusters).await.unwrap();
    let mesh = [
        "pilot_xds{version=\"9.9.9\"} 1",
        "pilot_services 1",
        "pilot_virt_services 2",
        "pilot_vservice_dup_domain 1",
        "pilot_xds_pushes{type=\"cds\"} 1",
        "pilot_xds_expired_nonce{type=\"cds\"} 1",
        "ferro_objects{kind=\"VirtualService\"} 2",
        "pilot_xds_push_time_count{type=\"cds\"} 0",
    ];
    says(&ferrod, &mesh).await;

    ferrod.rewrite(&format!("{MESH}{MORE}"));
    client.take(Kind::Cluster).await.unwrap();
    let change =
        ["pilot_services 2", "pilot_xds_push_time_count{type=\"cds\"} 1", "pilot_proxy_convergence_time_count 1"];
    says(&ferrod, &change).await;

    ferrod.rewrite(MESH);
    ferrod.rewrite(&format!("{MESH}{}", MORE.replace("order", "payment")));
    let refused = client.next(Kind::Cluster).await.unwrap();
    client.nack(&refused, "no").await.unwrap();
    let node = "sidecar~127.0.0.9~product.shop~shop.svc.cluster.local";
    let refusal = format!("pilot_xds_cds_reject{{err=\"Internal\",node=\"{node}\"}} 1");
    says(&ferrod, &["pilot_total_xds_rejects{type=\"cds\"} 1", &refusal]).await;
    drop(client);
    ferrod.until("its series are gone", async || !ferrod.metrics().await.contains(node)).await;
}
