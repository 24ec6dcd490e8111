//! One service of the shop.
//!
//! Every service answers `/who`, `/healthz`, `/ready`, `/stats`, `/chaos`, `/stream`, `/upload` and `/ws`, and its own part
//! of the business besides. Responses carry `x-shop-service`, `x-shop-version` and `x-shop-instance`.

mod business;
mod exchange;
mod faults;
mod propagate;
mod shop;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{any, get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router, middleware};
use http::Uri;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

pub(crate) use shop::{Service, Shop, Upstream};

/// Requests that run at a shutdown may finish within this time.
const GRACE: Duration = Duration::from_secs(5);

/// What `serve` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which service to be
    #[arg(long)]
    service: Service,
    /// What to answer as version
    #[arg(long, default_value = "v1")]
    version: String,
    /// What to answer as instance [default: <service>-<version>]
    #[arg(long)]
    instance: Option<String>,
    #[arg(long, env = "PORT", default_value_t = 8080)]
    port: u16,
    /// Address to listen on [default: 127.0.0.1 with a proxy, whose sidecar is on this machine; else every address]
    #[arg(long)]
    address: Option<IpAddr>,
    /// Where another service is, as name=url [default: http://<service>:8080]
    #[arg(long, value_name = "NAME=URL")]
    upstream: Vec<Upstream>,
    /// HTTP proxy for calls to the others [default: $http_proxy or $HTTP_PROXY]
    #[arg(long, env = "FERRO_PROXY")]
    proxy: Option<Uri>,
}

/// Runs a service until SIGTERM or SIGINT.
///
/// # Errors
/// The port cannot be bound, or an argument is wrong.
pub(crate) async fn main(arguments: Arguments) -> Result<()> {
    let proxy = match arguments.proxy {
        Some(proxy) => Some(proxy),
        None => proxy_of_environment()?,
    };
    let everywhere = if proxy.is_some() { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
    let address = arguments.address.unwrap_or(everywhere.into());
    let listener = TcpListener::bind((address, arguments.port))
        .await
        .with_context(|| format!("cannot listen on {address}, port {}", arguments.port))?;

    let name = arguments.service;
    let instance = arguments.instance.unwrap_or_else(|| format!("{name}-{}", arguments.version));
    eprintln!("{instance} serves {name} {} on {}", arguments.version, listener.local_addr()?);
    let upstreams: BTreeMap<_, _> =
        arguments.upstream.into_iter().map(|upstream| (upstream.service, upstream.url)).collect();
    let shop = Shop::new(name, arguments.version, instance, &upstreams, proxy);

    let shutdown = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let cancelled = shutdown.clone();
    let watcher = tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        cancelled.cancel();
    });
    let served = run(listener, shop, shutdown).await;
    watcher.abort();
    served
}

fn proxy_of_environment() -> Result<Option<Uri>> {
    let set = ["http_proxy", "HTTP_PROXY"].into_iter().find_map(|name| Some((name, std::env::var(name).ok()?)));
    let Some((name, url)) = set.filter(|(_, url)| !url.is_empty()) else {
        return Ok(None);
    };
    url.parse().map(Some).with_context(|| format!("{name} is `{url}`, which is no URL"))
}

/// Serves on `listener` until `shutdown`, then as long as running requests need, but not longer than [`GRACE`].
///
/// # Errors
/// The listener fails.
pub(crate) async fn run(listener: TcpListener, shop: Arc<Shop>, shutdown: CancellationToken) -> Result<()> {
    let stopping = shutdown.clone();
    let drained = {
        let shop = Arc::clone(&shop);
        async move {
            shutdown.cancelled().await;
            shop.stop();
        }
    };
    // Small answers must not wait for the acknowledgement of what went before.
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    let serving = axum::serve(listener, router(shop)).with_graceful_shutdown(drained).into_future();
    let too_long = async {
        stopping.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = serving => served.context("serving failed"),
        () = too_long => Ok(()),
    }
}

fn router(shop: Arc<Shop>) -> Router {
    let faulty = business::router(shop.service())
        .route("/who", any(who))
        .route("/stream", get(exchange::stream))
        .route("/upload", post(exchange::upload))
        .route("/ws", any(exchange::websocket))
        .layer(middleware::from_fn_with_state(Arc::clone(&shop), faults::inject));
    faulty
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/ready", get(ready))
        .route("/stats", get(stats))
        .route("/chaos", get(faults::show).post(faults::change))
        .layer(middleware::from_fn_with_state(Arc::clone(&shop), shop::sign_and_count))
        .with_state(shop)
}

/// Who answers, and which headers arrived.
async fn who(State(shop): State<Arc<Shop>>, headers: HeaderMap) -> Json<Value> {
    let mut seen: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, value) in &headers {
        seen.entry(name.as_str()).or_default().push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    let seen: BTreeMap<_, _> = seen.into_iter().map(|(name, values)| (name, values.join(", "))).collect();
    let mut answer = shop.identity();
    answer["headers"] = json!(seen);
    Json(answer)
}

/// 200 unless the service is stopping.
async fn ready(State(shop): State<Arc<Shop>>) -> (StatusCode, &'static str) {
    if shop.is_stopping() { (StatusCode::SERVICE_UNAVAILABLE, "stopping\n") } else { (StatusCode::OK, "ready\n") }
}

/// Requests answered so far, by path.
async fn stats(State(shop): State<Arc<Shop>>) -> Json<Value> {
    let mut answer = shop.identity();
    answer["requests"] = json!(shop.requests());
    Json(answer)
}

#[cfg(test)]
mod tests;
