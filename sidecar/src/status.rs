//! What the agent says of itself: readiness on 15021, metrics and status on 15020.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use ferro_process::supervise::Chain;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    config::AppMetrics,
    dns::{DnsCounts, DnsStats},
    envoy::{
        EnvoyStatus, EnvoyVersion, Phase,
        admin::{Admin, AdminError, ServerState},
    },
    http::{Body, Handler, json, text},
    metrics::{ScrapeFailures, merged},
    probes::state::Health,
    relay,
};
use readiness::{Facts, Listening, missing};

mod own;
mod readiness;

/// How often an agent looks whether it has become ready.
const READY_PERIOD: Duration = Duration::from_millis(200);

/// Everything the pages read.
pub(crate) struct Agent {
    pub(crate) node_id: String,
    pub(crate) envoy_version: EnvoyVersion,
    pub(crate) admin: SocketAddr,
    pub(crate) envoy: watch::Receiver<EnvoyStatus>,
    pub(crate) application: watch::Receiver<Health>,
    pub(crate) app_metrics: Option<AppMetrics>,
    pub(crate) relay: relay::StatusReader,
    pub(crate) dns: Arc<DnsStats>,
    pub(crate) scrapes: ScrapeFailures,
    /// The wish to end; `/quitquitquit` utters it too.
    pub(crate) shutdown: CancellationToken,
    /// The process that was seen with its listeners: it is not asked again.
    pub(crate) configured: AtomicU32,
}

/// `/debug/status`.
#[derive(Serialize)]
struct Page<'a> {
    version: &'static str,
    node: &'a str,
    ready: bool,
    waiting_for: Vec<String>,
    envoy: EnvoyPage,
    application: Health,
    dns: DnsCounts,
    relay: relay::Status,
}

#[derive(Serialize)]
struct EnvoyPage {
    version: String,
    admin: SocketAddr,
    #[serde(flatten)]
    status: EnvoyStatus,
}

// === impl Agent ===

impl Agent {
    /// What is missing before the workload may get traffic.
    async fn missing(&self) -> Vec<String> {
        let phase = self.envoy.borrow().phase;
        let listening = match phase {
            Phase::Running(pid) => self.listening(pid).await,
            _ => Listening::No("Envoy is not running".to_owned()),
        };
        missing(&Facts {
            draining: self.shutdown.is_cancelled(),
            listening,
            application: self.application.borrow().clone(),
        })
    }

    /// Returns when nothing is missing any more.
    pub(crate) async fn until_ready(&self) {
        while !self.missing().await.is_empty() {
            tokio::time::sleep(READY_PERIOD).await;
        }
    }

    async fn listening(&self, pid: u32) -> Listening {
        match self.ask_envoy(pid).await {
            Ok(None) => Listening::Yes,
            Ok(Some(reason)) => Listening::No(reason),
            Err(error) => Listening::No(Chain(&error).to_string()),
        }
    }

    /// Why Envoy does not serve, if it does not.
    async fn ask_envoy(&self, pid: u32) -> Result<Option<String>, AdminError> {
        let admin = Admin::new(self.admin);
        if let ServerState::Other(state) = admin.state().await? {
            return Ok(Some(format!("Envoy is {state}")));
        }
        if self.configured.load(Ordering::Relaxed) == pid {
            return Ok(None);
        }
        if !admin.is_configured().await? {
            return Ok(Some("Envoy has accepted no clusters and listeners yet".to_owned()));
        }
        self.configured.store(pid, Ordering::Relaxed);
        Ok(None)
    }

    async fn ready(&self) -> Response<Body> {
        let missing = self.missing().await;
        if missing.is_empty() {
            return text(StatusCode::OK, "ready\n");
        }
        text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", missing.join("; ")))
    }

    async fn page(&self) -> Response<Body> {
        let waiting_for = self.missing().await;
        let page = Page {
            version: env!("CARGO_PKG_VERSION"),
            node: &self.node_id,
            ready: waiting_for.is_empty(),
            waiting_for,
            envoy: EnvoyPage {
                version: self.envoy_version.to_string(),
                admin: self.admin,
                status: *self.envoy.borrow(),
            },
            application: self.application.borrow().clone(),
            dns: self.dns.counts(),
            relay: self.relay.read(),
        };
        match serde_json::to_string_pretty(&page) {
            Ok(page) => json(page + "\n"),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    }

    async fn metrics(&self) -> Response<Body> {
        let own = || own::metrics(self);
        merged(self.admin, self.app_metrics.as_ref(), &self.scrapes, own).await
    }

    /// Ends the agent as SIGTERM does: for a job's container that outlives its work otherwise.
    fn quit(&self, peer: SocketAddr) -> Response<Body> {
        if !peer.ip().to_canonical().is_loopback() {
            return text(StatusCode::FORBIDDEN, "only from this machine\n");
        }
        info!(%peer, "asked to quit");
        self.shutdown.cancel();
        text(StatusCode::OK, "draining\n")
    }
}

impl Handler for Agent {
    async fn handle(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/healthz/ready") => self.ready().await,
            (&Method::GET, "/healthz") => text(StatusCode::OK, "alive\n"),
            (&Method::GET, "/stats/prometheus" | "/metrics") => self.metrics().await,
            (&Method::GET, "/debug/status") => self.page().await,
            (&Method::POST, "/quitquitquit") => self.quit(peer),
            (
                _,
                "/healthz/ready" | "/healthz" | "/stats/prometheus" | "/metrics" | "/debug/status" | "/quitquitquit",
            ) => text(StatusCode::METHOD_NOT_ALLOWED, "another method is needed\n"),
            _ => text(StatusCode::NOT_FOUND, "there is no such page\n"),
        }
    }
}

/// 15021: readiness alone, as it may be reached from outside.
pub(crate) struct ReadinessPort(pub(crate) Arc<Agent>);

// === impl ReadinessPort ===

impl Handler for ReadinessPort {
    async fn handle(&self, request: Request<Incoming>, _: SocketAddr) -> Response<Body> {
        match (request.method(), request.uri().path()) {
            (&Method::GET | &Method::HEAD, "/healthz/ready") => self.0.ready().await,
            _ => text(StatusCode::NOT_FOUND, "there is no such page\n"),
        }
    }
}
