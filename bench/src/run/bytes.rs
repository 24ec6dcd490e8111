//! Bytes sent per proxy for a weight change in a mesh of 1,000 services.

use std::fmt::Write;
use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use ferro_api::{Figure, Timeline};

use crate::mesh::Mesh;

const SERVICES: u32 = 1_000;
const BOUND: f64 = 1_000.0;

/// Changes one weight and counts what the one proxy was sent.
pub(crate) fn measure() -> Result<Vec<Figure>> {
    let mesh =
        Mesh::start(92, &[("mesh.yaml", mesh_file()), ("services.yaml", services()), ("routes.yaml", routes(10))])?;
    let before: Timeline = mesh.get("/debug/timeline")?;
    fs::write(mesh.path("routes.new"), routes(20))?;
    fs::rename(mesh.path("routes.new"), mesh.path("routes.yaml"))?;
    let mut seen = before;
    for _ in 0..100 {
        std::thread::sleep(Duration::from_millis(20));
        seen = mesh.get("/debug/timeline")?;
        if seen.revision > before.revision && seen.sent > 0 && seen.acked == seen.sent {
            break;
        }
    }
    let arrived = seen.revision > before.revision && seen.sent > 0 && seen.acked == seen.sent;
    ensure!(arrived, "the change was not acknowledged: {seen:?}");
    let name = format!("bytes to a proxy for a weight change among {SERVICES} services");
    Ok(vec![Figure::at_most(name, seen.bytes as f64, BOUND, "B")])
}

fn mesh_file() -> String {
    "apiVersion: ferromesh.dev/v1alpha1\nkind: LocalMesh\nmetadata: {name: bytes}\nspec:\n  policies: [services.yaml, routes.yaml]\n  workloads:\n  - {name: caller, namespace: shop, group: caller, port: 8080, command: [ferro-shop, serve, --service, user, --version, v1, --port, $PORT]}\n".to_owned()
}

fn services() -> String {
    let mut text = "apiVersion: networking.istio.io/v1\nkind: WorkloadGroup\nmetadata: {name: caller, namespace: shop}\nspec:\n  metadata: {labels: {app: caller}}\n  template: {ports: {http: 8080}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: caller, namespace: shop}\nspec: {selector: {app: caller}, ports: [{name: http, port: 8080}]}\n---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: s0, namespace: shop}\nspec: {host: s0, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}\n".to_owned();
    for service in 0..SERVICES {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: s{service}, namespace: shop}}\nspec: {{clusterIP: 10.9.{}.{}, selector: {{app: s{service}}}, ports: [{{name: http, port: 8080}}]}}\n",
            service / 250,
            service % 250 + 1
        );
    }
    text
}

fn routes(v2: u32) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: s0, namespace: shop}}\nspec:\n  hosts: [s0]\n  http:\n  - route:\n    - {{destination: {{host: s0, subset: v1}}, weight: {}}}\n    - {{destination: {{host: s0, subset: v2}}, weight: {v2}}}\n",
        100 - v2
    )
}
