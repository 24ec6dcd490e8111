use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::serve::ListenerExt;
use clap::Parser;
use tokio::net::TcpListener;

use super::report::Report;
use super::{Arguments, drive};

#[derive(Parser)]
#[command(args_override_self = true)]
struct CommandLine {
    #[command(flatten)]
    arguments: Arguments,
}

fn parse(arguments: &[&str]) -> Result<Arguments, clap::Error> {
    CommandLine::try_parse_from([&["load"], arguments].concat()).map(|line| line.arguments)
}

/// A server whose every third answer is from v2, and the connections it has had.
async fn server() -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    let (requests, connections) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let answer = move |headers: HeaderMap| {
        let number = requests.fetch_add(1, Ordering::Relaxed);
        async move {
            let version = if number % 3 == 2 { "v2" } else { "v1" };
            let status = match headers.get("x-fail") {
                Some(_) => StatusCode::SERVICE_UNAVAILABLE,
                None => StatusCode::OK,
            };
            (status, [("x-shop-version", version)], headers["host"].to_str().unwrap_or_default().to_owned())
        }
    };
    let seen = Arc::clone(&connections);
    let listener = listener.tap_io(move |_| {
        seen.fetch_add(1, Ordering::Relaxed);
    });
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    (url, connections)
}

async fn load(arguments: &[&str]) -> Report {
    drive(parse(arguments).expect("valid arguments")).await.expect("a report")
}

#[tokio::test]
async fn every_request_is_counted_by_status_and_version_over_reused_connections() {
    let (url, connections) = server().await;
    let report = load(&["--url", &url, "--requests", "300", "--concurrency", "4"]).await;
    assert_eq!((report.requests, report.failed), (300, 0));
    assert_eq!(report.statuses, BTreeMap::from([(200, 300)]));
    assert_eq!(report.versions, BTreeMap::from([("v1".to_owned(), 200), ("v2".to_owned(), 100)]));
    assert!(connections.load(Ordering::Relaxed) <= 4, "{connections:?} connections");
}

#[tokio::test]
async fn an_error_status_is_a_failure_with_a_reason_unless_expected() {
    let (url, _) = server().await;
    let failing = ["--url", &url, "--requests", "10", "--header", "x-fail=1"];
    let report = load(&failing).await;
    assert_eq!(report.failures, BTreeMap::from([("status 503".to_owned(), 10)]));
    let report = load(&[&failing[..], &["--expect-status", "503"]].concat()).await;
    assert_eq!((report.failed, report.statuses), (0, BTreeMap::from([(503, 10)])));
}

#[tokio::test]
async fn requests_without_an_answer_fail_with_a_reason() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    let silent = load(&["--url", &url, "--requests", "2", "--timeout", "20ms"]).await;
    assert_eq!(silent.failures, BTreeMap::from([("no answer in time".to_owned(), 2)]));
    drop(listener);
    let refused = load(&["--url", &url, "--requests", "3"]).await;
    assert_eq!(refused.failed, 3);
    assert!(refused.failures.keys().all(|reason| reason.starts_with("connect: ")), "{:?}", refused.failures);
}

#[tokio::test]
async fn a_rate_is_kept() {
    let (url, _) = server().await;
    let report = load(&["--url", &url, "--rate", "200", "--duration", "300ms"]).await;
    assert_eq!(report.requests, 60);
    assert!(report.seconds >= 0.29, "{} s", report.seconds);
}

#[tokio::test]
async fn slow_answers_are_counted_apart() {
    let (url, _) = server().await;
    let report = load(&["--url", &url, "--requests", "5", "--slower-than", "0ms"]).await;
    assert_eq!(report.slower, 5);
    let report = load(&["--url", &url, "--requests", "5", "--slower-than", "1m"]).await;
    assert_eq!(report.slower, 0);
}

#[test]
fn a_repeated_option_overrides_but_headers_add_up() {
    let arguments = ["--url", "http://a", "--requests", "1", "--concurrency", "8", "--concurrency", "32"];
    let headers = ["--header", "x-user=tester", "--header", "Host: shop.example.com"];
    let parsed = parse(&[&arguments[..], &headers].concat()).expect("valid");
    assert_eq!(parsed.concurrency, 32);
    let headers: HeaderMap = parsed.header.into_iter().collect();
    assert_eq!(
        (&headers["x-user"], &headers["host"]),
        (&"tester".parse().unwrap(), &"shop.example.com".parse().unwrap())
    );
    assert_eq!(parsed.timeout.0, Duration::from_secs(30));
}

#[test]
fn arguments_without_an_end_or_with_nonsense_are_refused() {
    assert!(parse(&["--url", "http://a"]).is_err(), "an end is needed");
    for bad in [
        ["--rate", "0"],
        ["--rate", "inf"],
        ["--concurrency", "0"],
        ["--header", "x"],
        ["--header", "content-length=1"],
    ] {
        assert!(parse(&[&["--url", "http://a", "--requests", "1"], &bad[..]].concat()).is_err(), "{bad:?}");
    }
}
