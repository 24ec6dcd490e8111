//! Where Envoy's streams, the driver and those who ask for the status meet.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ferro_process::{CancellationToken, clock::Clock};
use ferro_xds::{
    Attachment, Limits, Refusal, SessionEvent, Snapshot, Source, StreamId, Variant,
    client::{ClientSession, Handle},
    server::Server,
};
use ferro_xds_protos::{envoy::envoy::config::core::v3::Node, node as key, wkt};
use tokio::{
    net::UnixListener,
    sync::{Notify, watch},
};

use super::{
    Error,
    core::Core,
    names::NameTable,
    status::{CacheStatus, Status},
};
use crate::cache::CacheFile;

type Snapshots = watch::Sender<Option<Arc<Snapshot>>>;

/// The state, and who must hear of changes to it.
pub(super) struct Shared {
    state: Mutex<State>,
    handle: Handle,
    names: watch::Sender<Option<Arc<NameTable>>>,
    clock: Clock,
    /// The driver looks at the state again.
    pub(super) wake: Notify,
}

struct State {
    core: Core,
    /// What the current stream of Envoy serves from. Dropping it ends the stream.
    snapshots: Option<Snapshots>,
    file: FileReport,
}

/// What became of the last-known-good file.
#[derive(Debug, Default)]
pub(super) struct FileReport {
    pub(super) path: Option<String>,
    pub(super) saved_unix_millis: Option<u64>,
    pub(super) discarded: Option<String>,
    pub(super) writes: u64,
    /// A write is under way: what is newest is not on the disk yet.
    pub(super) writing: bool,
    pub(super) write_error: Option<String>,
}

// === impl Shared ===

impl Shared {
    pub(super) fn new(
        core: Core,
        handle: Handle,
        names: watch::Sender<Option<Arc<NameTable>>>,
        clock: Clock,
        file: FileReport,
    ) -> Self {
        let state = Mutex::new(State { core, snapshots: None, file });
        Self { state, handle, names, clock, wake: Notify::new() }
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Changes the state and tells Envoy's stream and the DNS proxy what came of it.
    pub(super) fn update<R>(&self, change: impl FnOnce(&mut Core, &mut ClientSession) -> R) -> R {
        let mut state = self.lock();
        let result = self.handle.update(|session| change(&mut state.core, session));
        self.publish(&mut state);
        result
    }

    fn publish(&self, state: &mut State) {
        if let (Some(snapshot), Some(snapshots)) = (state.core.changed_snapshot(), &state.snapshots) {
            snapshots.send_replace(Some(snapshot));
        }
        if let Some(names) = state.core.changed_names() {
            self.names.send_replace(Some(names));
        }
    }

    /// What ferrod is told about this proxy from the next stream on: `node`, and how old the cache is that Envoy runs with.
    pub(super) fn describe(&self, node: &Node) {
        let mut node = node.clone();
        let now = self.clock.unix_millis();
        self.update(|core, session| {
            if let Some(unix_millis) = core.served_from_cache() {
                let age = Duration::from_millis(now.saturating_sub(unix_millis)).as_secs();
                let age = wkt::number_value(u32::try_from(age).unwrap_or(u32::MAX).into());
                node.metadata.get_or_insert_default().fields.insert(key::FERRO_CACHE_AGE.to_owned(), age);
            }
            session.set_node(node);
        });
    }

    pub(super) fn report_file(&self, change: impl FnOnce(&mut FileReport)) {
        change(&mut self.lock().file);
    }

    pub(super) fn status(&self) -> Status {
        let state = self.lock();
        let now = self.clock.unix_millis();
        let age = |unix_millis: u64| now.saturating_sub(unix_millis) / 1000;
        let State { core, file, .. } = &*state;
        Status {
            upstream: core.upstream_status(),
            envoy_connected: core.envoy_connected(),
            cache: CacheStatus {
                path: file.path.clone(),
                file_age_seconds: file.saved_unix_millis.map(age),
                complete: core.is_saved() && !file.writing,
                discarded: file.discarded.clone(),
                serving_age_seconds: core.served_from_cache().map(age),
                fills: core.counters().cache_fills,
                writes: file.writes,
                write_error: file.write_error.clone(),
            },
            kinds: self.handle.update(|session| core.kind_statuses(session)),
            module_failures: core.counters().module_failures,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held has already failed its task, and with it the agent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Shared {
    fn attach(&self, stream: StreamId, _node: &Arc<Node>, variant: Variant) -> Result<Attachment, Refusal> {
        if variant != Variant::Delta {
            return Err(Refusal::Invalid("the agent serves delta ADS only".to_owned()));
        }
        let (now, unix_millis) = (self.clock.now(), self.clock.unix_millis());
        let mut state = self.lock();
        self.handle.update(|session| state.core.opened(session, stream, now, unix_millis));
        self.publish(&mut state);
        let (sender, receiver) = watch::channel(Some(state.core.snapshot()));
        state.snapshots = Some(sender);
        self.wake.notify_one();
        Ok(Attachment::new(receiver))
    }

    fn observe(&self, event: SessionEvent) {
        let (now, unix_millis) = (self.clock.now(), self.clock.unix_millis());
        self.update(|core, session| core.observe(session, event, now, unix_millis));
        self.wake.notify_one();
    }
}

/// Reads the last-known-good file.
pub(super) fn load(file: &CacheFile, core: &mut Core, session: &mut ClientSession) -> FileReport {
    let mut report = FileReport { path: Some(file.path().display().to_string()), ..FileReport::default() };
    match file.load() {
        Ok(None) => {}
        Ok(Some(saved)) => {
            report.saved_unix_millis = Some(saved.unix_millis);
            core.load(session, saved.unix_millis, saved.resources);
        }
        Err(unusable) => {
            let reason = ferro_process::supervise::Chain(&unusable).to_string();
            tracing::warn!(path = report.path, reason, "the last-known-good file is discarded");
            report.discarded = Some(reason);
        }
    }
    report
}

/// Serves Envoy.
pub(super) async fn serve(
    source: Arc<Shared>,
    listener: UnixListener,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let server = Server::new(source, limits());
    server.serve(listener.into(), server.routes(), shutdown).await.map_err(Error::Serve)
}

/// Envoy is the only client and may ask as fast as it can; it is not kept waiting when the agent stops.
fn limits() -> Limits {
    Limits {
        changes_per_second: 100_000,
        drain: Duration::ZERO,
        identity: Arc::from("ferro-agent"),
        ..Limits::default()
    }
}
