//! From `rename(2)` of a changed file to the last acknowledgement of ten real Envoys: the sample shop, its products three
//! times each.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use ferro_api::{Figure, Timeline};

use crate::mesh::{Mesh, top};

const CHANGES: u32 = 60;
const EVERY: Duration = Duration::from_millis(250);
/// Sidecars, and so acknowledgements of one virtual host; the gateway does not have it.
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
    let mesh = Mesh::start(91, &files()?)?;
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
        if arrived(&before, &seen) {
            break;
        }
    }
    ensure!(arrived(&before, &seen), "change {change} was not acknowledged: {seen:?}");
    Ok(Journey {
        total: seen.last_acked_us.saturating_sub(renamed),
        read: seen.committed_us.saturating_sub(renamed),
        translate: seen.published_us.saturating_sub(seen.committed_us),
        push: seen.last_sent_us.saturating_sub(seen.published_us),
        apply: seen.last_acked_us.saturating_sub(seen.last_sent_us),
    })
}

/// Every sidecar was sent the change and took it.
fn arrived(before: &Timeline, seen: &Timeline) -> bool {
    seen.revision > before.revision && seen.acked >= PROXIES && seen.acked == seen.sent
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

/// The sample, with more of its products and with a weight that changes.
fn files() -> Result<Vec<(&'static str, String)>> {
    const KEPT: [&str; 4] = ["services.yaml", "mesh-config.yaml", "policies/gateway.yaml", "policies/subsets.yaml"];
    let sample = top().join("istio-manifests/samples/shop");
    let read = |name: &str| fs::read_to_string(sample.join(name)).with_context(|| format!("the sample has no {name}"));
    let mut mesh = read("mesh.yaml")?;
    for (found, wanted) in [
        ("- name: product-v1\n", "- name: product-v1\n    replicas: 3\n"),
        ("- name: product-v2\n", "- name: product-v2\n    replicas: 3\n"),
        ("  - policies/gateway.yaml\n", "  - policies/gateway.yaml\n  - policies/subsets.yaml\n  - routes.yaml\n"),
    ] {
        ensure!(mesh.contains(found), "the sample's mesh.yaml has no line `{}`", found.trim());
        mesh = mesh.replace(found, wanted);
    }
    let mut files = vec![("mesh.yaml", mesh), ("routes.yaml", routes(9))];
    for name in KEPT {
        files.push((name, read(name)?));
    }
    Ok(files)
}

fn routes(v2: u32) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: product, namespace: shop}}\nspec:\n  hosts: [product]\n  http:\n  - route:\n    - {{destination: {{host: product, subset: v1}}, weight: {}}}\n    - {{destination: {{host: product, subset: v2}}, weight: {v2}}}\n",
        100 - v2
    )
}
