//! 15020 `/stats/prometheus`: the metrics of the agent, of its Envoy and of the application in one answer, so that a
//! workload is one target for Prometheus (Istio's metrics merging).
//!
//! Counters of the Wasm filter need no rewriting here: the tag rules of the bootstrap make labels of their names, and
//! Envoy prints `ferro_requests_total{reporter="destination",route="...",response_class="2xx"}`.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use ferro_process::supervise::Chain;
use http::{HeaderValue, Method, Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time;
use tracing::debug;

use crate::{
    config::AppMetrics,
    http::{Body, ClientError, request, send},
};
use merge::{Merged, Part};

pub(crate) mod exposition;
mod merge;

/// How long a source may take to begin its answer. Prometheus itself gives up after ten seconds by default.
const LIMIT: Duration = Duration::from_secs(5);

/// The format this agent writes and asks for.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How often a source had no metrics.
#[derive(Debug, Default)]
pub(crate) struct ScrapeFailures {
    envoy: AtomicU64,
    application: AtomicU64,
}

/// Why a source has no metrics.
#[derive(Debug, thiserror::Error)]
enum ScrapeError {
    #[error("the path is not valid")]
    Path(#[source] http::Error),
    #[error("no answer")]
    Exchange(#[source] ClientError),
    #[error("status {0}")]
    Status(http::StatusCode),
    #[error("the content type is `{0}`; the text format of Prometheus is needed")]
    Format(String),
}

// === impl ScrapeFailures ===

impl ScrapeFailures {
    /// By source, in Istio's words.
    pub(crate) fn counts(&self) -> [(&'static str, u64); 2] {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [("application", read(&self.application)), ("envoy", read(&self.envoy))]
    }
}

/// Asks Envoy and the application, writes down failures, and answers with what there is: `own` is made after the
/// others were asked, so that it counts their failures.
pub(crate) async fn merged(
    admin: SocketAddr,
    app: Option<&AppMetrics>,
    failures: &ScrapeFailures,
    own: impl FnOnce() -> String,
) -> Response<Body> {
    let from_envoy = scrape(admin, "/stats/prometheus");
    let from_app = async {
        match app {
            Some(app) => Some(scrape(app.address, &app.path).await),
            None => None,
        }
    };
    let (from_envoy, from_app) = tokio::join!(from_envoy, from_app);
    let envoy = counted("envoy", from_envoy, &failures.envoy);
    let app = from_app.and_then(|result| counted("application", result, &failures.application));
    let parts = [Some(Part::Text(Bytes::from(own()))), envoy.map(Part::Remote), app.map(Part::Remote)];
    let mut response = Response::new(Merged::new(parts.into_iter().flatten()).boxed_unsync());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(TEXT_FORMAT));
    response
}

fn counted(source: &str, result: Result<Incoming, ScrapeError>, failures: &AtomicU64) -> Option<Incoming> {
    result
        .inspect_err(|error| {
            debug!(source, error = %Chain(error), "no metrics");
            failures.fetch_add(1, Ordering::Relaxed);
        })
        .ok()
}

async fn scrape(address: SocketAddr, path: &str) -> Result<Incoming, ScrapeError> {
    let mut get = request(Method::GET, &address.to_string(), path).map_err(ScrapeError::Path)?;
    // Plainly the old format: OpenMetrics ends with `# EOF`, after which nothing may be appended.
    get.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("text/plain;version=0.0.4"));
    let response = time::timeout(LIMIT, send(address, get))
        .await
        .unwrap_or(Err(ClientError::TimedOut(LIMIT)))
        .map_err(ScrapeError::Exchange)?;
    if !response.status().is_success() {
        return Err(ScrapeError::Status(response.status()));
    }
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.is_empty() && !kind.starts_with("text/plain") {
        return Err(ScrapeError::Format(kind.to_owned()));
    }
    Ok(response.into_body())
}
