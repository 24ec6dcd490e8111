//! 15020 `/stats/prometheus`: the metrics of the agent, of its Envoy and of the application in one answer, so that a
//! workload is one target for Prometheus (Istio's metrics merging).
//!
//! Counters of the Wasm filter need no rewriting here: the tag rules of the bootstrap make labels of their names, and
//! Envoy prints `ferro_requests_total{reporter="destination",route="...",response_class="2xx"}`.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use ferro_process::supervise::Chain;
use http::{HeaderValue, Method, Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{self, Instant};
use tracing::debug;

use crate::{
    config::AppMetrics,
    http::{Body, ClientError, request, send},
};
use merge::{Framing, Merged, Part, Remote};

pub(crate) mod exposition;
mod merge;

/// How long a source may take to begin its answer.
const LIMIT: Duration = Duration::from_secs(5);

/// How long Envoy and then the application may take for the whole of it, from the same moment on. Prometheus gives up
/// after ten seconds by default, and whoever stalls until then would hide the others.
const ENVOY_LIMIT: Duration = Duration::from_secs(7);
const APPLICATION_LIMIT: Duration = Duration::from_secs(9);

/// The format this agent writes and asks for.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How often a source had no metrics, or not all of them.
#[derive(Debug, Default)]
pub(crate) struct ScrapeFailures {
    envoy: Arc<AtomicU64>,
    application: Arc<AtomicU64>,
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
    let start = Instant::now();
    let from_envoy = scrape(admin, "/stats/prometheus");
    let from_app = async {
        match app {
            Some(app) => Some(scrape(app.address, &app.path).await),
            None => None,
        }
    };
    let (from_envoy, from_app) = tokio::join!(from_envoy, from_app);
    let envoy = part("envoy", from_envoy, start + ENVOY_LIMIT, &failures.envoy);
    let app = from_app.and_then(|result| part("application", result, start + APPLICATION_LIMIT, &failures.application));
    let parts = [Some(Part::Text(Bytes::from(own()))), envoy, app];
    let mut response = Response::new(Merged::new(parts.into_iter().flatten()).boxed_unsync());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(TEXT_FORMAT));
    response
}

/// A source's part of the answer; none if it did not even begin.
fn part(
    source: &str,
    result: Result<Response<Incoming>, ScrapeError>,
    deadline: Instant,
    failures: &Arc<AtomicU64>,
) -> Option<Part> {
    let response = result
        .inspect_err(|error| {
            debug!(source, error = %Chain(error), "no metrics");
            failures.fetch_add(1, Ordering::Relaxed);
        })
        .ok()?;
    let framed = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING];
    let told = framed.iter().any(|name| response.headers().contains_key(name));
    let framing = if told { Framing::Told } else { Framing::Closed };
    Some(Part::Remote(Remote::new(response.into_body(), framing, deadline, Arc::clone(failures))))
}

async fn scrape(address: SocketAddr, path: &str) -> Result<Response<Incoming>, ScrapeError> {
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
    Ok(response)
}
