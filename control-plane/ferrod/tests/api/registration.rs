use ferro_testkit::ads::DeltaClient;
use ferro_xds_protos::envoy::envoy::config::core::v3::Node;
use ferro_xds_protos::{Kind, node as keys, wkt};

use crate::rig::{Ferrod, node};

/// A group without a probe, and an entry for 127.0.0.1 that its author wrote by hand.
const POLICY: &str = "
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: product, namespace: shop}
spec:
  metadata: {labels: {app: product}}
  template: {serviceAccount: product, ports: {http: 8080}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: product-127.0.0.1, namespace: shop}
spec: {address: 127.0.0.1, labels: {app: byhand}}
";

async fn workload(ferrod: &Ferrod, address: &str) -> DeltaClient {
    let group = (keys::AUTO_REGISTER_GROUP, wkt::string_value("product"));
    let said = node(&address.replace('.', "-"), [group]);
    let id = format!("sidecar~{address}~product.shop~shop.svc.cluster.local");
    let mut client = ferrod.client(Node { id, ..said }).await;
    client.subscribe(Kind::NameTable, &["*"]).await.unwrap();
    client.take(Kind::NameTable).await.unwrap();
    client
}

async fn registered(ferrod: &Ferrod, address: &str) -> bool {
    ferrod.get(&format!("/api/v1/objects/WorkloadEntry/shop/product-{address}")).await.0 == 200
}

#[tokio::test]
async fn an_entry_that_its_author_wrote_stays_and_does_not_keep_others_from_registering() {
    let ferrod = Ferrod::start(POLICY).await;
    let _taken = workload(&ferrod, "127.0.0.1").await;
    let _other = workload(&ferrod, "127.0.0.2").await;
    ferrod.until("the other is registered", async || registered(&ferrod, "127.0.0.2").await).await;
    let _later = workload(&ferrod, "127.0.0.3").await;
    ferrod.until("a later one is registered", async || registered(&ferrod, "127.0.0.3").await).await;
    let (_, entry) = ferrod.get("/api/v1/objects/WorkloadEntry/shop/product-127.0.0.1").await;
    assert!(entry.to_string().contains("byhand"), "{entry}");
}
