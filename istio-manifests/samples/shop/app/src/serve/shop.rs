//! What the handlers of a service share.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use clap::ValueEnum;
use http::Uri;
use serde_json::{Value, json};

use super::faults::Chaos;
use crate::client::Client;

/// The first segments of the paths that are counted apart; everything else counts as `other`.
const COUNTED: [&str; 14] = [
    "/who",
    "/healthz",
    "/ready",
    "/stats",
    "/chaos",
    "/stream",
    "/upload",
    "/ws",
    "/users",
    "/products",
    "/orders",
    "/payments",
    "/notifications",
    "other",
];

/// The services of the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Service {
    User,
    Product,
    Order,
    Payment,
    Notification,
}

/// Where a service is, as given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Upstream {
    pub(crate) service: Service,
    /// Scheme and authority only.
    pub(crate) url: Uri,
}

/// One running service.
#[derive(Debug)]
pub(crate) struct Shop {
    service: Service,
    version: String,
    instance: String,
    upstreams: BTreeMap<Service, String>,
    pub(super) client: Client,
    chaos: Mutex<Chaos>,
    stopping: AtomicBool,
    requests: BTreeMap<&'static str, AtomicU64>,
    orders: AtomicU64,
}

// === impl Service ===

impl Service {
    /// The name of the service and its host in the mesh.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Product => "product",
            Self::Order => "order",
            Self::Payment => "payment",
            Self::Notification => "notification",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

// === impl Upstream ===

impl FromStr for Upstream {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, url) = text.split_once('=').ok_or("write name=url, as product=http://product:8080")?;
        let service = Service::from_str(name, false)?;
        let url: Uri = url.parse().map_err(|error| format!("`{url}` is no URL: {error}"))?;
        if url.scheme_str() != Some("http") || url.authority().is_none() || url.path() != "/" {
            return Err(format!("`{url}` must be http://<host>:<port>"));
        }
        Ok(Self { service, url })
    }
}

// === impl Shop ===

impl Shop {
    /// A service that calls the others at `upstreams`, else by their names on port 8080.
    pub(crate) fn new(
        service: Service,
        version: String,
        instance: String,
        upstreams: &BTreeMap<Service, Uri>,
        proxy: Option<Uri>,
    ) -> Arc<Self> {
        let place = |other: Service| {
            let given = upstreams.get(&other).map(|url| url.to_string().trim_end_matches('/').to_owned());
            (other, given.unwrap_or_else(|| format!("http://{other}:8080")))
        };
        Arc::new(Self {
            service,
            version,
            instance,
            upstreams: Service::value_variants().iter().copied().map(place).collect(),
            client: Client::new(proxy),
            chaos: Mutex::default(),
            stopping: AtomicBool::new(false),
            requests: COUNTED.into_iter().map(|path| (path, AtomicU64::new(0))).collect(),
            orders: AtomicU64::new(0),
        })
    }

    pub(super) fn service(&self) -> Service {
        self.service
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// The URL of a path at another service.
    pub(super) fn url(&self, service: Service, path: &str) -> String {
        format!("{}{path}", self.upstreams.get(&service).map_or("", String::as_str))
    }

    /// Who this is, for answers.
    pub(super) fn identity(&self) -> Value {
        json!({"service": self.service.name(), "version": self.version, "instance": self.instance})
    }

    pub(super) fn chaos(&self) -> MutexGuard<'_, Chaos> {
        self.chaos.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on `/ready` says no.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// The next order's number.
    pub(super) fn next_order(&self) -> u64 {
        self.orders.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Requests so far by path, without those that never came.
    pub(super) fn requests(&self) -> BTreeMap<&'static str, u64> {
        let counts = self.requests.iter().map(|(path, count)| (*path, count.load(Ordering::Relaxed)));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    fn count(&self, path: &str) {
        let end = path.char_indices().skip(1).find(|(_, c)| *c == '/').map_or(path.len(), |(index, _)| index);
        let counter = path.get(..end).and_then(|first| self.requests.get(first)).or_else(|| self.requests.get("other"));
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Counts the request and says in the response's headers who answered.
pub(super) async fn sign_and_count(State(shop): State<Arc<Shop>>, request: Request, next: Next) -> Response {
    shop.count(request.uri().path());
    let mut response = next.run(request).await;
    let marks = [
        ("x-shop-service", shop.service.name()),
        ("x-shop-version", shop.version.as_str()),
        ("x-shop-instance", shop.instance.as_str()),
    ];
    for (name, value) in marks {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
