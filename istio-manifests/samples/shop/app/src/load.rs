//! The load driver: many requests to one URL.
//!
//! With `--rate` the loop is open: requests become due at fixed times, and latency counts from then, so that a server that
//! stalls does not hide the requests it kept waiting. Without, it is closed: each of `--concurrency` clients sends its next
//! request when the last one is answered. Either way connections are kept and reused.

mod histogram;
mod report;
mod schedule;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use http_body_util::BodyExt;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::client::{self, Client};
use crate::span::Span;
use report::{Outcome, Tally};
use schedule::Schedule;

/// What `load` is told.
#[derive(Debug, Clone, clap::Args)]
#[command(group = clap::ArgGroup::new("end").args(["requests", "duration"]).required(true).multiple(true))]
pub(crate) struct Arguments {
    #[arg(long)]
    url: Uri,
    /// HTTP proxy, as http://<host>:<port>; the environment's is not used
    #[arg(long)]
    proxy: Option<Uri>,
    /// Stop after so many requests
    #[arg(long)]
    requests: Option<u64>,
    /// Stop after this time
    #[arg(long)]
    duration: Option<Span>,
    /// Clients at once
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    concurrency: u16,
    /// Requests a second, of all clients together [default: as fast as answers come]
    #[arg(long, value_parser = rate)]
    rate: Option<f64>,
    /// Request header, as name=value or "name: value"; `host` goes into the Host header
    #[arg(long, value_name = "NAME=VALUE", value_parser = field)]
    header: Vec<(HeaderName, HeaderValue)>,
    /// A response that takes longer is a failure
    #[arg(long, default_value = "30s")]
    timeout: Span,
    /// Count responses that take at least this long
    #[arg(long)]
    slower_than: Option<Span>,
    /// A status of 400 or more that is no failure
    #[arg(long)]
    expect_status: Vec<u16>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// What every client needs.
#[derive(Debug)]
struct Job {
    client: Client,
    url: Uri,
    headers: HeaderMap,
    timeout: Duration,
    schedule: Schedule,
    interrupted: AtomicBool,
}

/// Sends the requests and prints what became of them. Failed requests are reported, not an error of the driver.
///
/// # Errors
/// The URL is not usable.
pub(crate) async fn main(arguments: Arguments) -> Result<()> {
    let json = arguments.json;
    let report = drive(arguments).await?;
    if json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}

async fn drive(arguments: Arguments) -> Result<report::Report> {
    anyhow::ensure!(
        arguments.url.scheme_str() == Some("http") && arguments.url.authority().is_some(),
        "`{}` must be http://<host>[:<port>][/<path>]",
        arguments.url
    );
    let start = Instant::now();
    let job = Arc::new(Job {
        client: Client::new(arguments.proxy),
        url: arguments.url,
        headers: arguments.header.into_iter().collect(),
        timeout: arguments.timeout.0,
        schedule: Schedule::new(start, arguments.rate, arguments.requests, arguments.duration.map(|span| span.0)),
        interrupted: AtomicBool::new(false),
    });
    let empty = Tally::new(arguments.slower_than.map(|span| span.0), arguments.expect_status);

    let mut clients = JoinSet::new();
    for _ in 0..arguments.concurrency {
        clients.spawn(run_client(Arc::clone(&job), empty.clone()));
    }
    let mut total = empty;
    loop {
        tokio::select! {
            joined = clients.join_next() => match joined {
                Some(tally) => total.merge(&tally?),
                None => return Ok(total.report(start.elapsed())),
            },
            // What has been counted so far is still reported.
            _ = tokio::signal::ctrl_c() => job.interrupted.store(true, Ordering::Relaxed),
        }
    }
}

async fn run_client(job: Arc<Job>, mut tally: Tally) -> Tally {
    while let Some(due) = job.schedule.next(Instant::now()) {
        sleep_until(due).await;
        if job.interrupted.load(Ordering::Relaxed) {
            break;
        }
        let outcome = request(&job).await;
        tally.add(outcome, due.elapsed());
    }
    tally
}

/// One request and its whole response.
async fn request(job: &Job) -> Outcome {
    let mut request = Request::new(client::empty());
    *request.uri_mut() = job.url.clone();
    *request.headers_mut() = job.headers.clone();
    let exchange = async {
        let response = job.client.send(request).await.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let version = response.headers().get("x-shop-version").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            frame.map_err(|error| format!("the body broke off: {error}"))?;
        }
        Ok(Outcome::Answered { status, version })
    };
    match timeout(job.timeout, exchange).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(reason)) => Outcome::Failed(reason),
        Err(_) => Outcome::Failed("no answer in time".to_owned()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "no number")?;
    if rate.is_finite() && rate > 0.0 { Ok(rate) } else { Err("must be above 0".to_owned()) }
}

fn field(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let end = text.find([':', '=']).ok_or("write name=value")?;
    let (name, value) = text.split_at(end);
    let name: HeaderName = name.trim().parse().map_err(|_| format!("`{name}` is no header name"))?;
    let value = value.get(1..).unwrap_or_default().trim();
    if name == header::CONTENT_LENGTH || name == header::TRANSFER_ENCODING {
        return Err(format!("{name} follows from the body, which is empty"));
    }
    Ok((name, value.parse().map_err(|_| format!("`{value}` is no header value"))?))
}

#[cfg(test)]
mod tests;
