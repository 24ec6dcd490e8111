//! The live view of `make run`: traffic flows, and a page of figures is drawn anew every second.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;

use super::scene::{CALLER, Scene};
use crate::local::request::{Method, send};
use crate::output::table;

const CLEAR: &str = "\x1b[2J\x1b[H";

/// Draws until interrupted. Ctrl-C reaches this process only: what it started has process groups of its own.
pub(super) fn run(scene: &Scene) -> Result<()> {
    let interrupted = crate::local::interrupt::watch()?;
    scene.policy("subsets")?;
    scene.policy("split-90-10")?;
    let gateway = scene.member("ingress")?.ip;
    let mut before = BTreeMap::new();
    while !interrupted.seen() {
        // One batch a second keeps figures moving without taking the machine.
        let load = scene.load(
            CALLER,
            &["--url", "http://product:8080/who", "--requests", "200", "--concurrency", "4", "--rate", "200"],
        )?;
        let counts = counts(scene);
        println!("{CLEAR}Ferromesh: {} on this machine. Ctrl-C stops it.\n", scene.folder.display());
        println!(
            "product, asked by {CALLER}, last 200 requests: v1 {} · v2 {} · failed {}",
            load.version("v1"),
            load.version("v2"),
            load.failed
        );
        println!("\n{}", table(&["WORKLOAD", "REQUESTS/s BY CLASS"], rates(&before, &counts)));
        println!("\n{}", table(&["PROXY", "STATE"], states(scene)?));
        println!("\ntry        curl -H 'host: shop.example.com' http://{gateway}:8080/who");
        println!("           edit weights:  ferroctl apply -f istio-manifests/samples/shop/policies/split-50-50.yaml");
        before = counts;
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

type Counts = BTreeMap<(String, String), f64>;

/// What the Wasm filters counted, by workload and response class.
fn counts(scene: &Scene) -> Counts {
    let mut counts = Counts::new();
    for member in &scene.state.members {
        let Ok(metrics) = send(Method::Get, &format!("http://{}:15020/stats/prometheus", member.ip)) else { continue };
        for line in metrics.lines().filter(|line| line.starts_with("ferro_requests_total{")) {
            let class = line.split("response_class=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("?");
            let value = line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).unwrap_or_default();
            *counts.entry((member.name.clone(), class.to_owned())).or_default() += value;
        }
    }
    counts
}

fn rates(before: &Counts, now: &Counts) -> Vec<Vec<String>> {
    let mut rows: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for ((workload, class), value) in now {
        let grown = value - before.get(&(workload.clone(), class.clone())).copied().unwrap_or(*value);
        rows.entry(workload).or_default().push(format!("{class} {grown:.0}"));
    }
    rows.into_iter().map(|(workload, classes)| vec![workload.to_owned(), classes.join("  ")]).collect()
}

fn states(scene: &Scene) -> Result<Vec<Vec<String>>> {
    let proxies = scene.client.proxies()?;
    Ok(proxies
        .iter()
        .map(|proxy| {
            let behind: Vec<String> = proxy
                .types
                .iter()
                .filter(|(_, status)| status.state != "SYNCED")
                .map(|(kind, status)| format!("{kind} {}", status.state))
                .collect();
            vec![proxy.name.clone(), if behind.is_empty() { "in sync".to_owned() } else { behind.join(", ") }]
        })
        .collect())
}
