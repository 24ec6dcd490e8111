//! From `rename(2)` of a changed file to the last acknowledgement of ten real Envoys.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use ferro_api::{Figure, Timeline};

use crate::mesh::Mesh;

const CHANGES: u32 = 60;
const EVERY: Duration = Duration::from_millis(250);
/// Envoys, and so acknowledgements of one virtual host.
const PROXIES: u64 = 10;
const BOUND_MS: f64 = 50.0;

/// One change on its way, in microseconds.
struct Journey {
    total: u64,
    read: u64,
    translate: u64,
    push: u64,
    apply: u64,
}

/// Changes a weight 60 times.
pub(crate) fn measure() -> Result<Vec<Figure>> {
    let mesh = Mesh::start(91, &files())?;
    let mut journeys = Vec::new();
    for change in 0..CHANGES {
        journeys.push(journey(&mesh, change)?);
        std::thread::sleep(EVERY);
    }
    let part = |of: fn(&Journey) -> u64| median(journeys.iter().map(of).collect());
    let name = format!(
        "rename to last ACK of {PROXIES} Envoys, median of {CHANGES} (read {:.1}, translate {:.1}, push {:.1}, apply {:.1})",
        part(|journey| journey.read),
        part(|journey| journey.translate),
        part(|journey| journey.push),
        part(|journey| journey.apply),
    );
    Ok(vec![Figure::at_most(name, part(|journey| journey.total), BOUND_MS, "ms")])
}

fn journey(mesh: &Mesh, change: u32) -> Result<Journey> {
    let before: Timeline = mesh.get("/debug/timeline")?;
    fs::write(mesh.path("routes.new"), routes(10 + change % 50))?;
    let renamed = micros();
    fs::rename(mesh.path("routes.new"), mesh.path("routes.yaml"))?;
    let mut seen = before;
    for _ in 0..200 {
        std::thread::sleep(Duration::from_millis(10));
        seen = mesh.get("/debug/timeline")?;
        if seen.revision > before.revision && seen.answered >= PROXIES && seen.answered == seen.sent {
            break;
        }
    }
    ensure!(
        seen.revision > before.revision && seen.answered >= PROXIES,
        "change {change} was not acknowledged: {seen:?}"
    );
    Ok(Journey {
        total: seen.last_acked_us.saturating_sub(renamed),
        read: seen.committed_us.saturating_sub(renamed),
        translate: seen.published_us.saturating_sub(seen.committed_us),
        push: seen.last_sent_us.saturating_sub(seen.published_us),
        apply: seen.last_acked_us.saturating_sub(seen.last_sent_us),
    })
}

/// In milliseconds.
fn median(mut micros: Vec<u64>) -> f64 {
    micros.sort_unstable();
    micros.get(micros.len() / 2).copied().unwrap_or_default() as f64 / 1000.0
}

fn micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

fn files() -> Vec<(&'static str, String)> {
    vec![("mesh.yaml", mesh_file()), ("services.yaml", services()), ("routes.yaml", routes(9))]
}

fn mesh_file() -> String {
    let workload = |version: &str| {
        format!(
            "  - {{name: product-{version}, namespace: shop, group: product-{version}, port: 8080, replicas: 5, command: [ferro-shop, serve, --service, product, --version, {version}, --port, $PORT]}}\n"
        )
    };
    format!(
        "apiVersion: ferromesh.dev/v1alpha1\nkind: LocalMesh\nmetadata: {{name: convergence}}\nspec:\n  policies: [services.yaml, routes.yaml]\n  workloads:\n{}{}",
        workload("v1"),
        workload("v2")
    )
}

fn services() -> String {
    let group = |version: &str| {
        format!(
            "---\napiVersion: networking.istio.io/v1\nkind: WorkloadGroup\nmetadata: {{name: product-{version}, namespace: shop}}\nspec:\n  metadata: {{labels: {{app: product, version: {version}}}}}\n  template: {{serviceAccount: product, ports: {{http: 8080}}}}\n"
        )
    };
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: product, namespace: shop}}\nspec: {{selector: {{app: product}}, ports: [{{name: http, port: 8080}}]}}\n---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: product, namespace: shop}}\nspec: {{host: product, subsets: [{{name: v1, labels: {{version: v1}}}}, {{name: v2, labels: {{version: v2}}}}]}}\n{}{}",
        group("v1"),
        group("v2")
    )
}

fn routes(v2: u32) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: product, namespace: shop}}\nspec:\n  hosts: [product]\n  http:\n  - route:\n    - {{destination: {{host: product, subset: v1}}, weight: {}}}\n    - {{destination: {{host: product, subset: v2}}, weight: {v2}}}\n",
        100 - v2
    )
}
