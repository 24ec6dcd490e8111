//! What must survive: weights that change all the time, a control plane that dies, exchanges that outlive a change.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ferro_api::Figure;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;

use super::scene::{CALLER, Driver, Report, Scene};
use super::steps::WHO;
use crate::local::interrupt::{sleep, wait};
use crate::local::process::{Record, restart};
use crate::local::procfs;
use crate::local::request::{Method, send};

const CHANGING_FOR: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(100);
/// The sidecar whose Envoy is killed: no load passes through it.
const VICTIM: &str = "notification";

fn weights(v2: u32) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: product, namespace: shop}}\nspec:\n  hosts: [product]\n  http:\n  - route:\n    - destination: {{host: product, subset: v1}}\n      weight: {}\n    - destination: {{host: product, subset: v2}}\n      weight: {v2}\n",
        100 - v2
    )
}

/// Weights change every 100 ms for 30 s under load.
pub(super) fn weights_change_under_load(scene: &Scene) -> Result<Vec<Figure>> {
    scene.policy("subsets")?;
    let seconds = format!("{}s", CHANGING_FOR.as_secs() + 1);
    let load =
        scene.start_load(CALLER, &["--url", WHO, "--duration", &seconds, "--concurrency", "8", "--rate", "400"])?;
    let end = Instant::now() + CHANGING_FOR;
    let mut changes = 0;
    while Instant::now() < end {
        let next = Instant::now() + STEP;
        scene.client.apply(weights(changes % 101), false, None)?;
        changes += 1;
        sleep(next.saturating_duration_since(Instant::now()))?;
    }
    let report: Report = load.finish()?;
    scene.settled()?;
    Ok(vec![
        Figure::at_least("weights every 100 ms for 30 s: changes made", u64::from(changes), 250),
        failed("weights every 100 ms for 30 s: failed requests", &report),
    ])
}

fn failed(name: &str, report: &Report) -> Figure {
    if report.failed > 0 {
        eprintln!("  failures: {:?}", report.failures);
    }
    Figure::exactly(format!("{name} of {}", report.requests), report.failed, 0)
}

/// What `ferro-shop check` prints.
#[derive(Debug, Deserialize)]
struct Exchange {
    sent: u64,
    received: u64,
    error: Option<String>,
}

/// A WebSocket, an upload and a stream live through a weight change and a filter configuration change.
pub(super) fn long_lived_exchanges(scene: &Scene) -> Result<Vec<Figure>> {
    scene.apply(weights(0))?;
    let base = "http://product:8080";
    let exchanges = [
        ("websocket", scene.beside(CALLER, "check websocket", &["--url", &format!("{base}/ws"), "--seconds", "6"])?),
        (
            "10 MB upload",
            scene.beside(
                CALLER,
                "check upload",
                &["--url", &format!("{base}/upload"), "--bytes", "10485760", "--bytes-per-second", "2097152"],
            )?,
        ),
        (
            "streaming response",
            scene.beside(CALLER, "check stream", &["--url", &format!("{base}/stream"), "--seconds", "6"])?,
        ),
    ];
    sleep(Duration::from_secs(1))?;
    scene.apply(weights(100))?;
    scene.client.reconfigure_filters(200)?;
    sleep(Duration::from_secs(1))?;
    scene.client.reconfigure_filters(100)?;
    scene.apply(weights(50))?;
    exchanges.into_iter().map(|(name, driver)| survived(name, driver)).collect()
}

fn survived(name: &str, driver: Driver) -> Result<Figure> {
    let exchange: Exchange = driver.finish()?;
    let ok = exchange.error.is_none() && exchange.sent > 0 && exchange.sent == exchange.received;
    let seen = exchange.error.unwrap_or_else(|| format!("{} of {}", exchange.received, exchange.sent));
    Ok(Figure::holds(format!("{name} survives weight and filter changes"), ok, seen))
}

/// ferrod is killed and restarted five times under load; once a sidecar's Envoy dies in the meantime.
pub(super) fn control_plane_dies(scene: &mut Scene) -> Result<Vec<Figure>> {
    scene.apply(weights(50))?;
    let load =
        scene.start_load(CALLER, &["--url", WHO, "--requests", "24000", "--concurrency", "8", "--rate", "1200"])?;
    let mut served_after = None;
    for round in 0..5 {
        sleep(Duration::from_millis(1500))?;
        let record = scene.state.processes.get("ferrod").context("ferrod is not recorded")?.clone();
        scene.ferrod_peak = scene.ferrod_peak.max(peak(&record)?);
        kill(Pid::from_raw(record.pid()), Signal::SIGKILL)?;
        record.wait_end(Instant::now() + Duration::from_secs(5));
        if round == 2 {
            served_after = Some(kill_envoy(scene)?);
        }
        sleep(Duration::from_millis(500))?;
        let restarted = restart("ferrod", &record, &scene.folder.join("logs/ferrod.log"))?;
        scene.state.processes.insert("ferrod".to_owned(), restarted);
        scene.state.save(&scene.folder)?;
        wait(Duration::from_secs(20), || scene.client.ready())?;
    }
    let report: Report = load.finish()?;
    let served_after = served_after.context("no Envoy was killed")?;
    Ok(vec![
        Figure::at_least("ferrod killed 5 times: requests made", report.requests, 20_000),
        failed("ferrod killed 5 times: failed requests", &report),
        Figure::at_most(
            "Envoy killed without ferrod: serves again from the cache",
            served_after.as_secs_f64() * 1000.0,
            1000.0,
            "ms",
        ),
    ])
}

/// Kills the victim's Envoy; the time from the start of its successor to the first answer through it.
fn kill_envoy(scene: &Scene) -> Result<Duration> {
    let agent =
        scene.state.processes.get(&format!("{VICTIM}.agent")).context("the victim's agent is not recorded")?.pid();
    let old = envoy_of(agent).context("the victim has no Envoy")?;
    kill(Pid::from_raw(old), Signal::SIGKILL)?;
    let mut started = None;
    wait(Duration::from_secs(20), || {
        let new = envoy_of(agent).filter(|pid| *pid != old).context("not restarted yet")?;
        started = Some((new, Instant::now()));
        Ok(())
    })?;
    let (_, started) = started.context("Envoy was not restarted")?;
    let url = format!("http://{}:8080/healthz", scene.member(VICTIM)?.ip);
    wait(Duration::from_secs(20), || send(Method::Get, &url).map(drop))?;
    Ok(started.elapsed())
}

/// The Envoy among the children of an agent.
fn envoy_of(agent: i32) -> Option<i32> {
    procfs::others().find(|stat| stat.parent == agent && stat.name == "envoy").map(|stat| stat.pid)
}

/// Peak resident memory after everything above: of the hungriest ferrod there was, and of each agent; none of those was
/// killed.
pub(super) fn memory(scene: &Scene) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (name, record) in &scene.state.processes {
        let (limit, peak) = match name.as_str() {
            "ferrod" => (20.0, peak(record)?.max(scene.ferrod_peak)),
            name if name.ends_with(".agent") => (12.0, peak(record)?),
            _ => continue,
        };
        let pss = kib(record.pid(), "smaps_rollup", "Pss:")? / 1024.0;
        figures.push(Figure::at_most(format!("{name}: peak RSS (PSS {pss:.1} MB)"), peak, limit, "MB"));
    }
    Ok(figures)
}

/// In MB.
fn peak(process: &Record) -> Result<f64> {
    Ok(kib(process.pid(), "status", "VmHWM:")? / 1024.0)
}

fn kib(pid: i32, file: &str, field: &str) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).with_context(|| format!("process {pid} is gone"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .with_context(|| format!("no {field} in /proc/{pid}/{file}"))?;
    line.split_whitespace().next().context("an empty field")?.parse().context("not a number")
}
