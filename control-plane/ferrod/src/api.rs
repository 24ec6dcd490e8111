//! The admin API, `/ready` and `/debug`: HTTP on loopback.

mod metrics;
mod objects;
mod proxies;
mod refusal;

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use ferro_api::{Refusal, Version};
use ferro_model::{Diagnostic, Limits};
use ferro_store::Store;
use ferro_store::source::file::FileStatus;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch;

use crate::control::Control;

/// What the handlers work on.
#[derive(Clone)]
pub struct Api {
    /// Pipeline, registrations, metrics.
    pub control: Arc<Control>,
    /// Objects and revisions.
    pub store: Store,
    /// The streams.
    pub xds: ferro_xds::server::Server,
    /// What is wrong with the policy files.
    pub files: watch::Receiver<FileStatus>,
    /// What the MeshConfig says that nobody reads.
    pub mesh_config: Arc<[Diagnostic]>,
}

/// A refusal with its status.
pub(crate) struct Failure(StatusCode, Refusal);

impl Failure {
    pub(crate) fn new(status: StatusCode, error: &impl ToString) -> Self {
        Self(status, Refusal { error: error.to_string(), diagnostics: Vec::new() })
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

/// The admin API.
pub fn router(api: Api) -> Router {
    Router::new()
        .route("/ready", get(ready))
        .route("/api/v1/version", get(version))
        .route("/api/v1/apply", post(objects::apply))
        .route("/api/v1/objects", get(objects::list))
        .route("/api/v1/objects/{kind}/{namespace}/{name}", get(objects::one).delete(objects::delete))
        .route("/api/v1/revisions", get(objects::revisions))
        .route("/api/v1/diagnostics", get(diagnostics))
        .route("/api/v1/proxies", get(proxies::list))
        .route("/debug/syncz", get(proxies::list))
        .route("/debug/timeline", get(timeline))
        .route("/debug/filter_reload", post(filter_reload))
        .route("/debug/config_dump", get(proxies::config_dump))
        .layer(axum::extract::DefaultBodyLimit::max(Limits::default().file_bytes))
        .layer(axum::middleware::from_fn(refusal::in_json))
        .with_state(api)
}

/// `/metrics` and `/version`, on a port of their own.
pub fn metrics_router(api: Api) -> Router {
    Router::new().route("/metrics", get(metrics::show)).route("/version", get(version)).with_state(api)
}

async fn ready(State(api): State<Api>) -> Response {
    match *api.control.served().borrow() {
        Some(revision) => format!("ready at revision {revision}\n").into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "the policy sources are not read yet\n").into_response(),
    }
}

async fn version() -> Json<Version> {
    Json(Version {
        component: "ferrod".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: ferro_xds_protos::PROTOCOL_VERSION,
        store_format: ferro_store::STORE_FORMAT,
    })
}

async fn timeline(State(api): State<Api>) -> Json<ferro_api::Timeline> {
    Json(api.control.timeline())
}

#[derive(Deserialize)]
struct FilterReload {
    ms: u64,
}

/// Changes the filter configuration of every proxy at run time; a restart returns to the flag's value.
async fn filter_reload(
    State(api): State<Api>,
    Query(FilterReload { ms }): Query<FilterReload>,
) -> Result<StatusCode, Failure> {
    if !(10..=60_000).contains(&ms) {
        return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, &format!("ms={ms}: wanted 10 to 60000")));
    }
    api.control.set_filter_reload(std::time::Duration::from_millis(ms));
    Ok(StatusCode::NO_CONTENT)
}

/// Everything that is wrong right now: the MeshConfig and the files first, then what objects take from one another, then
/// what translation found.
async fn diagnostics(State(api): State<Api>) -> Json<Vec<Value>> {
    let status = api.files.borrow().clone();
    let lost = api.control.with_pipeline(|pipeline| pipeline.mesh().clone()).diagnostics();
    let read = api.mesh_config.iter().chain(status.diagnostics()).chain(&lost);
    let of_files = read.filter_map(|diagnostic| serde_json::to_value(diagnostic).ok());
    let mut all: Vec<Value> = of_files.collect();
    for finding in api.control.findings() {
        all.push(serde_json::json!({
            "severity": "warning",
            "code": finding.code.as_str(),
            "object": finding.object.as_ref().map(ToString::to_string),
            "field": finding.field,
            "message": finding.message,
        }));
    }
    for unsupported in status.files.values().flat_map(|report| &report.unsupported) {
        all.push(serde_json::json!({
            "severity": "warning",
            "code": "unsupported-kind",
            "object": format!("{} {}/{}", unsupported.kind, unsupported.namespace, unsupported.name),
            "file": unsupported.location.file,
            "line": unsupported.location.line,
            "message": format!("{} {} is not supported yet and has no effect", unsupported.api_version, unsupported.kind),
        }));
    }
    Json(all)
}
