use std::{
    fmt,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use ferro_process::{
    CancellationToken,
    backoff::{Backoff, Policy},
};
use ferro_xds_protos::envoy::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, aggregated_discovery_service_client::AggregatedDiscoveryServiceClient,
};
use futures::{Stream, task::AtomicWaker};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};
use tracing::debug;

use super::{ClientSession, Received};

/// Servers split responses at 2 MiB, but a single resource may be larger.
const RESPONSE_LIMIT: usize = 64 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// `http://host:port`.
    Tcp(http::Uri),
    /// The path of a unix socket.
    Unix(PathBuf),
}

/// What the runner tells its caller, in order.
#[derive(Debug)]
pub enum ClientEvent {
    /// A stream is open and the first requests are on their way.
    Connected,
    /// A response waits for a decision: [`ClientSession::ack`] or [`ClientSession::nack`].
    Received(Received),
    /// A response could not be used, and was refused where the protocol allows; for the log.
    Unusable(super::Unusable),
    /// The stream is gone, or could not be opened.
    Disconnected {
        /// Why, in plain words.
        reason: String,
        /// When the next attempt is made.
        retry_in: Duration,
    },
}

/// The session of a running client. Clones share it.
#[derive(Clone, Debug)]
pub struct Handle {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// The request side of the open stream waits here for something to say.
    asks: AtomicWaker,
}

struct State {
    session: ClientSession,
    /// Which stream may speak: a request side of an older one ends itself.
    epoch: u64,
}

/// The request side of one stream: pulls from the session whenever the transport takes more, so nothing queues.
struct Requests {
    shared: Arc<Shared>,
    epoch: u64,
}

// === impl Handle ===

impl Handle {
    /// A handle to a session that [`run`] will drive.
    pub fn new(session: ClientSession) -> Self {
        let state = Mutex::new(State { session, epoch: 0 });
        Self { shared: Arc::new(Shared { state, asks: AtomicWaker::new() }) }
    }

    /// Changes the session: subscribes, accepts, refuses. What it then has to say goes out at once. Never blocks on the
    /// network.
    pub fn update<R>(&self, change: impl FnOnce(&mut ClientSession) -> R) -> R {
        let result = change(&mut self.shared.lock().session);
        self.shared.asks.wake();
        result
    }

    fn open(&self) -> Requests {
        let mut state = self.shared.lock();
        state.session.connected();
        state.epoch += 1;
        Requests { shared: Arc::clone(&self.shared), epoch: state.epoch }
    }

    fn close(&self) {
        self.shared.lock().epoch += 1;
        self.shared.asks.wake();
    }
}

// === impl Shared ===

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held has already failed its task; the session itself has no broken in-between.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shared").finish_non_exhaustive()
    }
}

// === impl Requests ===

impl Stream for Requests {
    type Item = DeltaDiscoveryRequest;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.shared.asks.register(context.waker());
        let mut state = self.shared.lock();
        if state.epoch != self.epoch {
            return Poll::Ready(None);
        }
        state.session.next_request().map_or(Poll::Pending, |request| Poll::Ready(Some(request)))
    }
}

/// Keeps one delta ADS stream to `upstream` alive until `shutdown`, and tells `events` what happens on it. `opening` is
/// called before every stream: the time to describe oneself anew.
///
/// Attempts are spaced by `policy`, which starts over after a response, not after a mere connection (rule 56). The
/// stream is read no faster than `events` is; what the session has to say goes out meanwhile.
pub async fn run(
    upstream: Upstream,
    handle: Handle,
    events: mpsc::Sender<ClientEvent>,
    policy: Policy,
    opening: impl Fn(),
    shutdown: CancellationToken,
) {
    let mut backoff = Backoff::new(policy);
    loop {
        let reason = tokio::select! {
            () = shutdown.cancelled() => break,
            ended = one_stream(&upstream, &handle, &events, &mut backoff, &opening) => match ended {
                Ended::Stream(reason) => reason,
                Ended::Caller => break,
            },
        };
        handle.close();
        let retry_in = backoff.next_delay();
        debug!(%reason, ?retry_in, "upstream stream ended");
        if events.send(ClientEvent::Disconnected { reason, retry_in }).await.is_err() {
            break;
        }
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = sleep(retry_in) => {}
        }
    }
    handle.close();
}

/// Why [`one_stream`] returned.
enum Ended {
    Stream(String),
    /// Nobody listens to events any more.
    Caller,
}

async fn one_stream(
    upstream: &Upstream,
    handle: &Handle,
    events: &mpsc::Sender<ClientEvent>,
    backoff: &mut Backoff,
    opening: &impl Fn(),
) -> Ended {
    let channel = match connect(upstream).await {
        Ok(channel) => channel,
        Err(reason) => return Ended::Stream(reason),
    };
    let mut client = AggregatedDiscoveryServiceClient::new(channel).max_decoding_message_size(RESPONSE_LIMIT);
    opening();
    let requests = handle.open();
    let mut responses = match timeout(CONNECT_TIMEOUT, client.delta_aggregated_resources(requests)).await {
        Ok(Ok(response)) => response.into_inner(),
        Ok(Err(status)) => return Ended::Stream(describe(&status)),
        Err(_) => return Ended::Stream(format!("no answer to the opened stream within {CONNECT_TIMEOUT:?}")),
    };
    if events.send(ClientEvent::Connected).await.is_err() {
        return Ended::Caller;
    }
    loop {
        let response = match responses.message().await {
            Ok(Some(response)) => response,
            Ok(None) => return Ended::Stream("closed by the server".to_owned()),
            Err(status) => return Ended::Stream(describe(&status)),
        };
        backoff.reset();
        let event = match handle.update(|session| session.on_response(response)) {
            Ok(received) => ClientEvent::Received(received),
            Err(unusable) => ClientEvent::Unusable(unusable),
        };
        if events.send(event).await.is_err() {
            return Ended::Caller;
        }
    }
}

/// Connects to a server, with the keepalive every connection to it has.
///
/// # Errors
/// When the address cannot be used or nobody answers there, in plain words.
pub async fn connect(upstream: &Upstream) -> Result<Channel, String> {
    let endpoint = match upstream {
        Upstream::Tcp(uri) => Endpoint::from(uri.clone()),
        Upstream::Unix(path) => Endpoint::from_shared(format!("unix:{}", path.display()))
            .map_err(|error| format!("bad address: {error}"))?,
    };
    endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .connect()
        .await
        .map_err(|error| ferro_process::supervise::Chain(&error).to_string())
}

fn describe(status: &Status) -> String {
    format!("{}: {}", status.code(), status.message())
}
