//! The gRPC server around the sessions.
//!
//! ```text
//!             ┌──────────── one stream ────────────┐
//!  requests ─►│ driver task ──► Link ◄── body      │─► responses
//!             │ (reads, timers) session  (writes)  │
//!             └─────▲──────────────────────────────┘
//!                   └── watch: newest snapshot
//! ```
//!
//! The driver reads requests and snapshots into the session and pokes the body; the body is polled by the transport when
//! it can take more, and pulls the next response from the session then. Neither ever waits for the other (rule 53), and
//! what waits for a slow client is state, not messages (rule 51).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ferro_process::{CancellationToken, supervise::Chain};
use tonic::{service::Routes, transport::Server as Transport};
use tracing::warn;

use crate::{Limits, SessionStatus, Source, StreamId};

mod body;
mod connection;
mod drive;
mod link;
mod method;
mod streams;

pub use connection::{Listener, Peer};

use self::{method::METHODS, streams::Streams};

/// Clients are probed this often, and must answer within [`KEEPALIVE_TIMEOUT`] (rule 55).
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// A reconnecting client sends every name it holds; the default window would take it eight round trips.
const STREAM_WINDOW: u32 = 1024 * 1024;
const HEADER_LIMIT: u32 = 64 * 1024;
/// How long connections may outlive their streams at shutdown.
const LINGER: Duration = Duration::from_secs(1);

/// An xDS server. Clones are the same server.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

/// Why a server stopped serving.
#[derive(Debug, thiserror::Error)]
#[error("serving xDS failed: {}", Chain(.0))]
pub struct ServeError(tonic::transport::Error);

struct Shared {
    source: Arc<dyn Source>,
    limits: Limits,
    streams: Streams,
    next_stream: AtomicU64,
    /// Distinguishes this process's nonces from those of an earlier one.
    salt: u64,
    drain: CancellationToken,
}

// === impl Server ===

impl Server {
    /// A server for the clients that `source` accepts.
    pub fn new(source: Arc<dyn Source>, limits: Limits) -> Self {
        let salt = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0_u8);
        let (streams, drain) = (Streams::default(), CancellationToken::new());
        Self { shared: Arc::new(Shared { source, limits, streams, next_stream: AtomicU64::new(1), salt, drain }) }
    }

    /// The aggregated service and the service of each kind, state of the world and delta. Other gRPC services can be
    /// added to them.
    pub fn routes(&self) -> Routes {
        let mut routes = Routes::default();
        let router = std::mem::take(routes.axum_router_mut());
        let router = METHODS.iter().fold(router, |router, method| {
            router.route_service(method.path, method::MethodService::new(self.clone(), method))
        });
        *routes.axum_router_mut() = router;
        routes
    }

    /// What every open stream was sent, and what became of it.
    pub fn statuses(&self) -> Vec<SessionStatus> {
        self.shared.streams.statuses()
    }

    /// Serves `routes` on `listener` until `shutdown`. Then it accepts nothing more, closes its streams one by one over
    /// [`Limits::drain`], and the connections after them (rule 55).
    ///
    /// # Errors
    /// When the transport fails as a whole; a failing connection is only logged.
    pub async fn serve(
        &self,
        listener: Listener,
        routes: Routes,
        shutdown: CancellationToken,
    ) -> Result<(), ServeError> {
        let connections = CancellationToken::new();
        let _closed_at_last = connections.clone().drop_guard();
        let transport = Transport::builder()
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(4 * STREAM_WINDOW)
            .http2_max_header_list_size(HEADER_LIMIT)
            .add_routes(routes);
        let incoming = listener.incoming(connections.clone());
        let serving = transport.serve_with_incoming_shutdown(incoming, shutdown.clone().cancelled_owned());
        tokio::pin!(serving);
        tokio::select! {
            result = &mut serving => return result.map_err(ServeError),
            () = shutdown.cancelled() => self.shared.drain.cancel(),
        }
        match tokio::time::timeout(self.shared.limits.drain + LINGER, serving).await {
            Ok(result) => result.map_err(ServeError),
            Err(_) => {
                warn!("connections are still open after the drain, closing them");
                Ok(())
            }
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Server").field("limits", &self.shared.limits).finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    fn next_stream(&self) -> StreamId {
        StreamId(self.next_stream.fetch_add(1, Ordering::Relaxed))
    }
}
