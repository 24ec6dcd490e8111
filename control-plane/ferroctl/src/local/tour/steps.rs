//! One step a policy: apply, drive, compare.

use std::time::Duration;

use anyhow::Result;
use ferro_api::Figure;

use super::scene::{CALLER, Report, Scene};
use crate::local::interrupt::sleep;
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

pub(super) const WHO: &str = "http://product:8080/who";
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
    sleep(Duration::from_millis(500))?;
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

/// A route of which nobody has heard before.
const COUNTED: &str = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: product, namespace: shop}
spec: {hosts: [product], http: [{name: counted, route: [{destination: {host: product}}]}]}
";
/// The filter hands over its counts once a second.
const FLUSHED: Duration = Duration::from_secs(2);

fn wasm_counts(scene: &Scene) -> Result<Vec<Figure>> {
    scene.apply(COUNTED.to_owned())?;
    let address = scene.member(CALLER)?.ip;
    let counted = || -> Result<u64> {
        let page = send(Method::Get, &format!("http://{address}:15020/stats/prometheus"))?;
        Ok(count(&page, &["reporter=\"source\"", "route=\"counted\"", "response_class=\"2xx\""]))
    };
    let before = counted()?;
    let report = drive(scene, &[])?;
    sleep(FLUSHED)?;
    let requests = report.status(200);
    Ok(vec![
        Figure::exactly("Wasm filter: failed requests on a new route", report.failed, 0),
        Figure::exactly(format!("Wasm filter: counted of {requests} on that route"), counted()? - before, requests),
    ])
}

/// The sum of the filter's counts with these labels.
pub(super) fn count(page: &str, labels: &[&str]) -> u64 {
    let series = page.lines().filter(|line| line.starts_with("ferro_requests_total{"));
    let chosen = series.filter(|line| labels.iter().all(|label| line.contains(label)));
    chosen.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

/// Makes an instance answer every request with `status`, or stop doing so with 0.
pub(super) fn chaos(scene: &Scene, workload: &str, status: u16) -> Result<String> {
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
