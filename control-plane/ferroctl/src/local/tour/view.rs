//! The live view of `make run`: traffic flows, the sample's policies take turns, and a page is drawn anew every second.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::scene::{CALLER, Report, Scene};
use super::steps::{WHO, chaos, count};
use crate::local::interrupt;
use crate::local::plan::Mode;
use crate::local::request::{Method, send};
use crate::output::table;

const CLEAR: &str = "\x1b[2J\x1b[H";
/// How long a policy is in force before the next one is.
const TURN: Duration = Duration::from_secs(10);
/// One batch a second keeps figures moving without taking the machine.
const BATCH: [&str; 6] = ["--requests", "200", "--concurrency", "16", "--rate", "200"];
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "none"];
/// The instance that fails while a policy needs one that does.
const SICK: &str = "product-v2";

/// A policy of the sample, and how it shows.
struct Act {
    policy: &'static str,
    says: &'static str,
    extra: &'static [&'static str],
    /// Whether an instance is to fail meanwhile.
    sick: bool,
    seen: fn(&Report) -> String,
}

const ACTS: [Act; 8] = [
    Act { policy: "split-90-10", says: "v1 90 %, v2 10 %", extra: &[], sick: false, seen: versions },
    Act { policy: "split-50-50", says: "v1 50 %, v2 50 %", extra: &[], sick: false, seen: versions },
    Act {
        policy: "ab-by-header",
        says: "a tester gets v2",
        extra: &["--header", "x-user=tester"],
        sick: false,
        seen: versions,
    },
    Act {
        policy: "fault-delay",
        says: "10 % take 200 ms longer",
        extra: &["--slower-than", "180ms"],
        sick: false,
        seen: |report| format!("{} slower", share(report.slower, report)),
    },
    Act {
        policy: "fault-abort",
        says: "20 % are answered 503 by the caller's own sidecar",
        extra: &["--expect-status", "503"],
        sick: false,
        seen: |report| format!("{} answered 503", share(report.status(503), report)),
    },
    Act {
        policy: "timeout-retries",
        says: "product-v2 fails; its callers do not see it",
        extra: &["--expect-status", "503"],
        sick: true,
        seen: |report| format!("{} answered 503", share(report.status(503), report)),
    },
    Act {
        policy: "mirror",
        says: "v1 answers everybody; product-v2 below gets as many copies",
        extra: &[],
        sick: false,
        seen: versions,
    },
    Act {
        policy: "outlier",
        says: "product-v2 fails five times, then gets nothing for 30 s",
        extra: &["--expect-status", "503"],
        sick: true,
        seen: |report| format!("{} × 503, {}", report.status(503), versions(report)),
    },
];

/// Draws until interrupted. Ctrl-C reaches this process only: what it started has process groups of its own.
pub(super) fn run(scene: &Scene) -> Result<()> {
    let turns = ACTS.iter().cycle().try_for_each(|act| take_turn(scene, act));
    // Whatever failed after an interrupt failed because of it.
    if interrupt::seen() { Ok(()) } else { turns }
}

fn take_turn(scene: &Scene, act: &Act) -> Result<()> {
    scene.policy(act.policy)?;
    chaos(scene, SICK, if act.sick { 503 } else { 0 })?;
    let arguments = [&["--url", WHO], &BATCH[..], act.extra].concat();
    let (end, mut observed) = (Instant::now() + TURN, Report::default());
    let mut before = (Instant::now(), counts(scene));
    while Instant::now() < end {
        observed.add(scene.load(CALLER, &arguments)?);
        let now = (Instant::now(), counts(scene));
        let rates = rates(&before.1, &now.1, now.0.duration_since(before.0).as_secs_f64());
        draw(scene, act, &observed, rates)?;
        before = now;
    }
    Ok(())
}

fn draw(scene: &Scene, act: &Act, observed: &Report, rates: Vec<Vec<String>>) -> Result<()> {
    let calls = format!("{CALLER} calls {WHO}");
    println!("{CLEAR}Ferromesh: {} on this machine. Ctrl-C stops it.\n", scene.folder.display());
    println!("policy     policies/{}.yaml   (the next one within {} s)", act.policy, TURN.as_secs());
    println!("says       {}", act.says);
    println!("observed   {}   ({calls}, {} requests)", (act.seen)(observed), observed.requests);
    println!("\n{}", table(&["WORKLOAD", "REQUESTS/s BY CLASS"], rates));
    println!("\nproxies    {}", in_sync(scene)?);
    println!("try        {}", invitation(scene)?);
    Ok(())
}

fn invitation(scene: &Scene) -> Result<String> {
    let caller = scene.member(CALLER)?;
    Ok(match (scene.state.mode, &caller.netns) {
        (Mode::Netns, Some(netns)) => format!("ip netns exec {netns} curl {WHO}"),
        _ => format!("curl -x http://{}:15007 {WHO}", caller.ip),
    })
}

fn versions(report: &Report) -> String {
    format!("v1 {}, v2 {}", share(report.version("v1"), report), share(report.version("v2"), report))
}

fn share(part: u64, report: &Report) -> String {
    format!("{:.1} %", part as f64 * 100.0 / report.requests.max(1) as f64)
}

type Counts = BTreeMap<(String, &'static str), u64>;

/// What the Wasm filters counted, by workload and response class.
fn counts(scene: &Scene) -> Counts {
    let mut counts = Counts::new();
    for member in &scene.state.members {
        let Ok(page) = send(Method::Get, &format!("http://{}:15020/stats/prometheus", member.ip)) else { continue };
        for class in CLASSES {
            counts.insert((member.name.clone(), class), count(&page, &[&format!("response_class=\"{class}\"")]));
        }
    }
    counts
}

/// A row for each workload, with the classes it has met.
fn rates(before: &Counts, now: &Counts, seconds: f64) -> Vec<Vec<String>> {
    let mut rows: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (key, count) in now {
        let row = rows.entry(&key.0).or_default();
        let grown = count.saturating_sub(before.get(key).copied().unwrap_or(*count));
        if *count > 0 {
            row.push(format!("{} {:.0}", key.1, grown as f64 / seconds));
        }
    }
    rows.into_iter().map(|(workload, classes)| vec![workload.to_owned(), classes.join("  ")]).collect()
}

fn in_sync(scene: &Scene) -> Result<String> {
    let proxies = scene.client.proxies()?;
    let behind = |proxy: &&ferro_api::ProxyStatus| proxy.types.values().any(|status| status.state != "SYNCED");
    let late: Vec<&str> = proxies.iter().filter(behind).map(|proxy| proxy.name.as_str()).collect();
    let counted = format!("{} of {} in sync", proxies.len() - late.len(), proxies.len());
    Ok(if late.is_empty() { counted } else { format!("{counted}; not: {}", late.join(", ")) })
}

#[cfg(test)]
mod tests;
