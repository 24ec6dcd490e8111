//! One step a policy: apply, drive, compare.

use std::time::Duration;

use anyhow::Result;
use ferro_api::Figure;

use super::scene::{CALLER, Report, Scene};
use crate::local::request::{Method, send};

type Step = fn(&Scene) -> Result<Vec<Figure>>;

/// The routing part of the tour, in order.
pub(crate) const STEPS: [Step; 10] = [
    split_90_10,
    split_50_50,
    by_header,
    delay,
    abort,
    timeout_with_retries,
    mirror,
    outlier_ejection,
    through_the_gateway,
    wasm_counts,
];

const WHO: &str = "http://product:8080/who";
/// Enough for a standard error of one percentage point at a share of one half.
const REQUESTS: &str = "2400";

fn drive(scene: &Scene, extra: &[&str]) -> Result<Report> {
    scene.load(CALLER, &[&["--url", WHO, "--requests", REQUESTS, "--concurrency", "8"], extra].concat())
}

fn split_90_10(scene: &Scene) -> Result<Vec<Figure>> {
    scene.policy("subsets")?;
    scene.policy("split-90-10")?;
    let report = drive(scene, &[])?;
    Ok(vec![
        Figure::share("split 90/10: share of v2", report.version("v2"), report.requests, 0.1),
        Figure::exactly("split 90/10: failed requests", report.failed, 0),
    ])
}

fn split_50_50(scene: &Scene) -> Result<Vec<Figure>> {
    scene.policy("split-50-50")?;
    let report = drive(scene, &[])?;
    Ok(vec![
        Figure::share("split 50/50: share of v2", report.version("v2"), report.requests, 0.5),
        Figure::exactly("split 50/50: failed requests", report.failed, 0),
    ])
}

fn by_header(scene: &Scene) -> Result<Vec<Figure>> {
    scene.policy("ab-by-header")?;
    let tester = drive(scene, &["--header", "x-user=tester"])?;
    let other = drive(scene, &[])?;
    Ok(vec![
        Figure::share("A/B: testers at v2", tester.version("v2"), tester.requests, 1.0),
        Figure::share("A/B: everybody else at v1", other.version("v1"), other.requests, 1.0),
    ])
}

fn delay(scene: &Scene) -> Result<Vec<Figure>> {
    scene.policy("fault-delay")?;
    let report = drive(scene, &["--slower-than", "180ms", "--concurrency", "32"])?;
    Ok(vec![Figure::share("fault: share delayed by 200 ms", report.slower, report.requests, 0.1)])
}

fn abort(scene: &Scene) -> Result<Vec<Figure>> {
    scene.policy("fault-abort")?;
    let report = drive(scene, &["--expect-status", "503"])?;
    Ok(vec![Figure::share("fault: share aborted with 503", report.status(503), report.requests, 0.2)])
}

fn timeout_with_retries(scene: &Scene) -> Result<Vec<Figure>> {
    scene.policy("timeout-retries")?;
    // The application takes 1 s where the policy waits 300 ms.
    let slow = scene.load(
        CALLER,
        &[
            "--url",
            "http://product:8080/who?delay=1000ms",
            "--requests",
            "20",
            "--concurrency",
            "4",
            "--expect-status",
            "504",
        ],
    )?;
    // Half of the instances answer 503; two retries on another instance hide all of it.
    let victim = chaos(scene, "product-v2", 503)?;
    let report = drive(scene, &[]);
    chaos(scene, "product-v2", 0)?;
    let report = report?;
    Ok(vec![
        Figure::share("timeout: slow answers turned into 504", slow.status(504), slow.requests, 1.0),
        Figure::exactly(format!("retries: failures of {victim} that callers saw"), report.failed, 0),
    ])
}

fn mirror(scene: &Scene) -> Result<Vec<Figure>> {
    scene.policy("mirror")?;
    let before = served(scene, "product-v2")?;
    let report = drive(scene, &[])?;
    std::thread::sleep(Duration::from_millis(500));
    let copies = served(scene, "product-v2")? - before;
    Ok(vec![
        Figure::share("mirror: callers answered by v1", report.version("v1"), report.requests, 1.0),
        Figure::share("mirror: requests copied to v2", copies, report.requests, 1.0),
    ])
}

fn outlier_ejection(scene: &Scene) -> Result<Vec<Figure>> {
    scene.remove("VirtualService", "product")?;
    scene.policy("outlier")?;
    chaos(scene, "product-v2", 503)?;
    let first = drive(scene, &["--expect-status", "503"]);
    let after = drive(scene, &["--expect-status", "503"]);
    chaos(scene, "product-v2", 0)?;
    let (first, after) = (first?, after?);
    scene.policy("subsets")?;
    Ok(vec![
        Figure::holds(
            "outlier: the failing instance was met",
            first.status(503) > 0,
            format!("{} × 503", first.status(503)),
        ),
        Figure::exactly("outlier: failures after its ejection", after.status(503), 0),
    ])
}

fn through_the_gateway(scene: &Scene) -> Result<Vec<Figure>> {
    let gateway = scene.member("ingress")?.ip;
    let url = format!("http://{gateway}:8080/who");
    let report = scene.load_from_outside(&["--url", &url, "--header", "host=shop.example.com", "--requests", "200"])?;
    Ok(vec![Figure::share("gateway: requests from outside answered", report.status(200), report.requests, 1.0)])
}

fn wasm_counts(scene: &Scene) -> Result<Vec<Figure>> {
    let metrics = send(Method::Get, &format!("http://{}:15020/stats/prometheus", scene.member(CALLER)?.ip))?;
    let lines = metrics
        .lines()
        .filter(|line| line.starts_with("ferro_requests_total{") && line.contains("response_class=\"2xx\""));
    let counted: f64 = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum();
    Ok(vec![Figure::at_least("Wasm filter: requests counted in the agent's metrics", counted as u64, 2400)])
}

/// Makes an instance answer every request with `status`, or stop doing so with 0.
fn chaos(scene: &Scene, workload: &str, status: u16) -> Result<String> {
    let member = scene.member(workload)?;
    let url = format!("http://{}:8080/chaos?fail={status}", member.ip);
    send(Method::Post, &url)?;
    Ok(workload.to_owned())
}

/// How many `/who` requests an instance has served.
fn served(scene: &Scene, workload: &str) -> Result<u64> {
    let member = scene.member(workload)?;
    let stats: serde_json::Value =
        serde_json::from_str(&send(Method::Get, &format!("http://{}:8080/stats", member.ip))?)?;
    Ok(stats["requests"]["/who"].as_u64().unwrap_or_default())
}
