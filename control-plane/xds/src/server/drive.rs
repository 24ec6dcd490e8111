use std::{sync::Arc, time::Duration};

use ferro_process::CancellationToken;
use ferro_xds_protos::envoy::envoy::config::core::v3::Node;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use tonic::{Code, Status, Streaming};
use tracing::debug;

use super::{Shared, link::Link, method::Request};
use crate::{
    Attachment, Closed, Refusal, Snapshot, StreamId, StreamScope, Variant, What,
    session::{Session, SessionError, Setup},
};

/// Waits of a stream that has nothing to wait for.
const FAR: Duration = Duration::from_secs(3600);

type Snapshots = watch::Receiver<Option<Arc<Snapshot>>>;

/// Reads one stream into its session, and watches the time.
pub(super) struct Driver {
    pub(super) shared: Arc<Shared>,
    pub(super) link: Arc<Link>,
    pub(super) variant: Variant,
    pub(super) scope: StreamScope,
    /// Closes the whole connection: the only way to get rid of a client that takes nothing.
    pub(super) closer: CancellationToken,
}

/// How a stream ends: what the source is told, and what the client is.
struct End {
    closed: Closed,
    status: Status,
}

// === impl Driver ===

impl Driver {
    pub(super) async fn run<R: Request>(self, mut requests: Streaming<R>) {
        let _broken = EndOnPanic(&self);
        let end = match self.greet(&mut requests).await {
            Ok(Greeted { first, node, snapshots, guard }) => {
                let end = match self.take(first) {
                    Ok(()) => self.serve(&mut requests, snapshots).await,
                    Err(end) => end,
                };
                self.part(&node, &end);
                drop(guard);
                end
            }
            Err(end) => end,
        };
        debug!(reason = %end.closed, "stream ended");
        let slow = end.closed == Closed::TooSlow;
        self.link.end(end.status);
        // The body still has to say how it ended, and a client that takes nothing never lets it.
        let flushed = timeout(self.shared.limits.send_deadline, self.link.body_gone.cancelled());
        if slow || flushed.await.is_err() {
            self.closer.cancel();
        }
    }

    /// Takes the first message, and the first snapshot for whoever it names.
    async fn greet<R: Request>(&self, requests: &mut Streaming<R>) -> Result<Greeted<R>, End> {
        let limits = &self.shared.limits;
        let message = timeout(limits.first_message, requests.message()).await;
        let Ok(message) = message else { return Err(End::refused(Code::DeadlineExceeded, "no first message")) };
        let mut first = match message {
            Ok(Some(first)) => first,
            Ok(None) => return Err(End::by_client()),
            Err(status) => return Err(End::broken(&status)),
        };
        let node = first.take_node().filter(|node| !node.id.is_empty());
        let Some(node) = node.map(Arc::new) else {
            return Err(End::refused(Code::InvalidArgument, "the first message must name the node and its id"));
        };
        let Attachment { mut snapshots, guard } =
            self.shared.source.attach(self.link.stream, &node, self.variant).map_err(End::from)?;
        let ready = timeout(limits.first_snapshot, snapshots.wait_for(Option::is_some));
        let snapshot = tokio::select! {
            ready = ready => match ready {
                Ok(Ok(snapshot)) => snapshot.clone().ok_or_else(|| End::from(Refusal::NotSynced))?,
                Ok(Err(_)) => return Err(End::withdrawn()),
                Err(_) => return Err(End::from(Refusal::NotSynced)),
            },
            () = self.link.body_gone.cancelled() => return Err(End::by_client()),
        };
        let id: Arc<str> = node.id.as_str().into();
        self.start(&id, node, snapshot);
        Ok(Greeted { first, node: id, snapshots, guard })
    }

    fn start(&self, id: &Arc<str>, node: Arc<Node>, snapshot: Arc<Snapshot>) {
        let session = Session::new(Setup {
            stream: self.link.stream,
            node: Arc::clone(id),
            variant: self.variant,
            scope: self.scope,
            salt: self.shared.salt,
            snapshot,
            carried: self.shared.streams.take_carried(id, self.scope),
            limits: self.shared.limits.clone(),
            now: Instant::now().into_std(),
        });
        self.link.start(Arc::clone(id), session);
        self.shared.streams.opened(&self.link);
        self.link.observe(What::Opened { node, variant: self.variant, scope: self.scope });
    }

    async fn serve<R: Request>(&self, requests: &mut Streaming<R>, mut snapshots: Snapshots) -> End {
        let drain = drain_wait(self.link.stream, self.shared.limits.drain);
        let drained = async {
            self.shared.drain.cancelled().await;
            tokio::time::sleep(drain).await;
        };
        tokio::pin!(drained);
        loop {
            let now = Instant::now();
            let deadline = self.link.arm();
            let slow_at = self.link.waiting_since().map(|since| since + self.shared.limits.send_deadline);
            let step = tokio::select! {
                message = requests.message() => self.on_message(message),
                changed = snapshots.changed() => self.on_snapshot(changed.is_ok(), &mut snapshots),
                () = sleep_until(deadline.unwrap_or(now + FAR)) => {
                    self.link.update(|session| session.on_deadline(Instant::now().into_std()));
                    Ok(())
                }
                () = sleep_until(slow_at.unwrap_or(now + self.shared.limits.send_deadline)) => self.check_progress(),
                () = self.link.deadline_moved.notified() => Ok(()),
                () = self.link.body_gone.cancelled() => Err(End::by_client()),
                () = &mut drained => Err(End::drained()),
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    fn on_message<R: Request>(&self, message: Result<Option<R>, Status>) -> Result<(), End> {
        match message {
            Ok(Some(request)) => self.take(request),
            Ok(None) => Err(End::by_client()),
            Err(status) => Err(End::broken(&status)),
        }
    }

    fn take<R: Request>(&self, request: R) -> Result<(), End> {
        let taken = self.link.update(|session| request.hand_to(session, Instant::now().into_std()));
        taken.unwrap_or(Ok(())).map_err(End::from)
    }

    fn on_snapshot(&self, alive: bool, snapshots: &mut Snapshots) -> Result<(), End> {
        // The borrow ends here: the source may publish while the session works.
        let newest = snapshots.borrow_and_update().clone();
        match newest {
            _ if !alive => Err(End::withdrawn()),
            Some(snapshot) => {
                self.link.update(|session| session.on_snapshot(snapshot));
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn check_progress(&self) -> Result<(), End> {
        let limit = self.shared.limits.send_deadline;
        match self.link.waiting_since() {
            Some(since) if since.elapsed() >= limit => Err(End::too_slow(limit)),
            _ => Ok(()),
        }
    }

    fn part(&self, node: &Arc<str>, end: &End) {
        let carried = self.link.finish().map(|session| session.carry()).unwrap_or_default();
        self.shared.streams.closed(self.link.stream, node, carried);
        self.link.observe(What::Closed { reason: end.closed.clone() });
    }
}

/// A stream whose first message named a node that the source serves. From here on it has a session, which must be taken
/// leave of.
struct Greeted<R> {
    first: R,
    node: Arc<str>,
    snapshots: Snapshots,
    guard: Box<dyn std::any::Any + Send>,
}

/// Ends the stream, and its connection, should its task panic: nobody reads it any more, and a client that is not told
/// would keep what it has for ever.
struct EndOnPanic<'a>(&'a Driver);

// === impl EndOnPanic ===

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(stream = %self.0.link.stream, "a stream's task panicked; its client is cut off");
            self.0.link.end(Status::internal("an error of the server ended this stream"));
            self.0.closer.cancel();
        }
    }
}

// === impl End ===

impl End {
    fn by_client() -> Self {
        Self { closed: Closed::ByClient, status: Status::ok("") }
    }

    fn withdrawn() -> Self {
        Self { closed: Closed::Withdrawn, status: Status::unavailable("this node's configuration was withdrawn") }
    }

    fn drained() -> Self {
        Self { closed: Closed::Drained, status: Status::unavailable("the server shuts down, connect again") }
    }

    fn too_slow(limit: Duration) -> Self {
        let status = Status::deadline_exceeded(format!("nothing was taken for {limit:?}"));
        Self { closed: Closed::TooSlow, status }
    }

    fn broken(status: &Status) -> Self {
        // A message that is too large or does not decode is the client's doing and says so; a reset is only the end.
        let closed = match status.code() {
            Code::OutOfRange | Code::Internal | Code::InvalidArgument | Code::ResourceExhausted => {
                Closed::Refused(status.message().to_owned())
            }
            _ => Closed::Broken(status.message().to_owned()),
        };
        Self { closed, status: Status::new(status.code(), status.message()) }
    }

    fn refused(code: Code, reason: &str) -> Self {
        Self { closed: Closed::Refused(reason.to_owned()), status: Status::new(code, reason) }
    }
}

impl From<SessionError> for End {
    fn from(error: SessionError) -> Self {
        Self::refused(error.code(), &error.to_string())
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        let code = match &refusal {
            Refusal::NotSynced => Code::Unavailable,
            Refusal::Invalid(_) => Code::InvalidArgument,
            Refusal::Incompatible(_) => Code::FailedPrecondition,
            Refusal::Denied(_) => Code::PermissionDenied,
            Refusal::Exhausted(_) => Code::ResourceExhausted,
        };
        Self::refused(code, &refusal.to_string())
    }
}

/// When a stream ends within the drain: spread by its number, so that not all clients come back at once.
fn drain_wait(stream: StreamId, drain: Duration) -> Duration {
    /// The golden ratio of 2^32: consecutive numbers land far apart.
    const SPREAD: u32 = 0x9e37_79b9;
    let low = u32::try_from(stream.0 & u64::from(u32::MAX)).unwrap_or_default();
    drain.mul_f64(f64::from(low.wrapping_mul(SPREAD)) / f64::from(u32::MAX))
}
