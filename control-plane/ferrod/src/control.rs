//! Joins the pipeline, the registrations and the xDS server: the [`Source`] of every stream.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ferro_api::Timeline;
use ferro_model::mesh::{AddressTable, Mesh};
use ferro_model::{Change, ObjectKey, ObjectKind, Spec};
use ferro_translate::{Finding, Proxy, Settings};
use ferro_xds::{Attachment, Refusal, SessionEvent, Snapshot, Source, StreamId, Variant, What};
use ferro_xds_protos::envoy::envoy::config::core::v3::Node;
use ferro_xds_protos::{Kind, node as keys};
use tokio::sync::{Notify, watch};
use tracing::{debug, info, warn};

use crate::convergence::Convergence;
use crate::metrics::Metrics;
use crate::node;
use crate::pipeline::{Pipeline, Published};
use crate::registration::{Action, Health, Registrations};

/// What ferrod knows of everyone connected. One lock: every critical section is a few map operations, but for the first
/// proxy of a view, whose view is translated in it.
#[derive(Debug)]
pub struct Control {
    state: Mutex<State>,
    /// The revision that the views show; `None` until the sources were read once.
    served: watch::Sender<Option<u64>>,
    registrations: Notify,
    metrics: Metrics,
}

#[derive(Debug)]
struct State {
    pipeline: Pipeline,
    registrations: Registrations,
    nodes: HashMap<StreamId, Arc<Node>>,
    timeline: Timeline,
    convergence: Convergence,
}

// === impl Control ===

impl Control {
    /// Serves nobody until [`Self::serve_revision`] is called for the first time.
    pub fn new(pipeline: Pipeline, metrics: Metrics) -> Self {
        let state = State {
            pipeline,
            registrations: Registrations::default(),
            nodes: HashMap::new(),
            timeline: Timeline::default(),
            convergence: Convergence::default(),
        };
        Self { state: Mutex::new(state), served: watch::Sender::new(None), registrations: Notify::new(), metrics }
    }

    /// The metrics of the process, brought up to date as far as they are not events.
    pub fn metrics(&self) -> &Metrics {
        let mut state = self.lock();
        state.convergence.take(Instant::now()).into_iter().for_each(|after| self.metrics.converged(after));
        let connected = &self.metrics.connected;
        connected.reset();
        // Never without a series.
        connected.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(0);
        for node in state.nodes.values() {
            let version = node::text(node, keys::ISTIO_VERSION).unwrap_or("unknown");
            connected.with_label_values(&[version.trim_start_matches("ferromesh-")]).inc();
        }
        &self.metrics
    }

    /// The revision in force, once there is one.
    pub fn served(&self) -> watch::Receiver<Option<u64>> {
        self.served.subscribe()
    }

    /// Takes changes into the mesh and publishes what they touch.
    pub fn apply(&self, changes: &[Change], addresses: Option<AddressTable>) -> Published {
        let (started, committed_us) = (Instant::now(), micros());
        let mut state = self.lock();
        let published = state.pipeline.apply(changes, addresses);
        state.timeline = Timeline { committed_us, published_us: micros(), ..Timeline::default() };
        published.streams.iter().for_each(|stream| state.convergence.changed(*stream, started));
        for key in changes.iter().map(Change::key).filter(|key| key.kind == ObjectKind::WorkloadGroup) {
            let probed = probed(state.pipeline.mesh(), key);
            state.registrations.group_changed(&key.namespace, &key.name, probed);
        }
        self.metrics.views.set(i64::try_from(state.pipeline.parts()).unwrap_or(i64::MAX));
        drop(state);
        self.metrics.publish.observe(started.elapsed().as_secs_f64());
        self.registrations.notify_one();
        let Published { parts, units, resources, .. } = published;
        let streams = published.streams.len();
        debug!(parts, units, resources, streams, changes = changes.len(), elapsed = ?started.elapsed(), "published");
        published
    }

    /// Gives every filter a new configuration: how soon a Wasm VM that trapped is started again.
    pub fn set_filter_reload(&self, filter_reload: Duration) -> Published {
        let mut state = self.lock();
        let settings = Settings { filter_reload, ..state.pipeline.settings().clone() };
        state.pipeline.set_settings(settings)
    }

    /// From now on streams are served, and show this revision.
    pub fn serve_revision(&self, revision: u64) {
        self.metrics.revision.set(i64::try_from(revision).unwrap_or(i64::MAX));
        self.lock().timeline.revision = revision;
        self.served.send_replace(Some(revision));
    }

    /// How the newest revision travelled so far.
    pub fn timeline(&self) -> Timeline {
        self.lock().timeline
    }

    /// Looks at the pipeline.
    pub fn with_pipeline<T>(&self, look: impl FnOnce(&Pipeline) -> T) -> T {
        look(&self.lock().pipeline)
    }

    /// What translation has to say about the objects in force.
    pub fn findings(&self) -> Vec<Finding> {
        self.lock().pipeline.findings()
    }

    /// The node behind a stream.
    pub fn node(&self, stream: StreamId) -> Option<Arc<Node>> {
        self.lock().nodes.get(&stream).cloned()
    }

    /// What a stream is given.
    pub fn snapshot_of(&self, stream: StreamId) -> Option<Arc<Snapshot>> {
        self.lock().pipeline.snapshot_of(stream)
    }

    /// Changes the registrations.
    pub fn with_registrations<T>(&self, change: impl FnOnce(&mut Registrations) -> T) -> T {
        change(&mut self.lock().registrations)
    }

    /// The document to write for an action, or `None` while its WorkloadGroup is not there.
    pub fn entry_of(&self, action: &Action) -> Option<Result<ferro_model::Object, crate::entry::InvalidEntry>> {
        let Action::Put(said, health) = action else { return None };
        let state = self.lock();
        let key = ObjectKey::new(ObjectKind::WorkloadGroup, Arc::clone(&said.namespace), Arc::clone(&said.group));
        let Some(Spec::WorkloadGroup(group)) = state.pipeline.mesh().object(&key).map(|object| &object.spec) else {
            return None;
        };
        Some(crate::entry::entry(group, said, health))
    }

    /// Wakes when registrations are to be written.
    pub async fn registrations_changed(&self) {
        self.registrations.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held has ended its task and with it the process; what follows is shutdown.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn detach(&self, stream: StreamId) {
        let mut state = self.lock();
        state.pipeline.detach(stream);
        state.nodes.remove(&stream);
        state.registrations.disconnected(stream, Instant::now());
        state.convergence.gone(stream);
        drop(state);
        self.registrations.notify_one();
    }

    fn sent(&self, stream: StreamId, kind: Kind, bytes: u64) {
        let mut state = self.lock();
        state.timeline.note_sent(bytes, micros());
        let since = state.convergence.sent(stream, Instant::now());
        drop(state);
        self.metrics.sent(kind, bytes, since);
    }

    fn answered(&self, stream: StreamId, note: impl FnOnce(&mut Timeline)) {
        let mut state = self.lock();
        note(&mut state.timeline);
        state.convergence.answered(stream, Instant::now());
    }

    fn reported(&self, stream: StreamId, health: Health) {
        self.lock().registrations.reported(stream, health);
        self.registrations.notify_one();
    }
}

/// Takes a stream out of the control when its session ends.
struct Attached {
    control: Arc<Control>,
    stream: StreamId,
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.control.detach(self.stream);
    }
}

/// The [`Source`] over a shared control.
#[derive(Debug)]
pub struct ControlSource(pub Arc<Control>);

impl Source for ControlSource {
    fn attach(&self, stream: StreamId, node: &Arc<Node>, variant: Variant) -> Result<Attachment, Refusal> {
        if self.0.served.borrow().is_none() {
            return Err(Refusal::NotSynced);
        }
        let proxy =
            Proxy::from_node(node, node::variant(variant)).map_err(|error| Refusal::Invalid(error.to_string()))?;
        node::admit(node).inspect_err(|reason| warn!(node = %proxy.id, %reason, "refused"))?;
        let announcement = node::announcement(node, &proxy);
        info!(%stream, node = %proxy.id, ?variant, "connected");
        let mut state = self.0.lock();
        if let Some(announcement) = announcement {
            let key = ObjectKey::new(
                ObjectKind::WorkloadGroup,
                Arc::clone(&announcement.namespace),
                Arc::clone(&announcement.group),
            );
            let probed = probed(state.pipeline.mesh(), &key);
            state.registrations.connected(stream, announcement, probed);
        }
        let snapshots = state.pipeline.attach(stream, proxy);
        state.nodes.insert(stream, Arc::clone(node));
        drop(state);
        self.0.registrations.notify_one();
        let guard = Box::new(Attached { control: Arc::clone(&self.0), stream });
        Ok(Attachment { snapshots, guard })
    }

    fn observe(&self, event: SessionEvent) {
        let SessionEvent { stream, node, what } = event;
        match what {
            What::Sent { kind, bytes, .. } => self.0.sent(stream, kind, u64::try_from(bytes).unwrap_or(u64::MAX)),
            What::Acked { .. } => self.0.answered(stream, |timeline| timeline.note_acked(micros())),
            What::Stale { kind } => self.0.metrics.answered_late(kind),
            What::Nacked { kind, status, held_back, .. } => {
                self.0.answered(stream, Timeline::note_refused);
                self.0.metrics.refused(kind, &node, status.code);
                let names: Vec<&str> = held_back.iter().map(|name| &**name).take(10).collect();
                warn!(%node, kind = kind.short(), ?names, reason = %status.message, "refused by the proxy; held back until changed");
            }
            What::Suspected { kind, items } => {
                // No answer is waited for any more.
                self.0.answered(stream, |_| ());
                let names: Vec<&str> = items.iter().map(|item| &*item.name).take(10).collect();
                warn!(%node, kind = kind.short(), ?names, "neither accepted nor refused in time; taken back from this proxy");
            }
            What::Health { error } => {
                let health = error.map_or(Health::Healthy, |status| Health::Unhealthy(status.message));
                info!(%node, ?health, "workload health");
                self.0.reported(stream, health);
            }
            What::UnknownType { type_url } => warn!(%node, type_url, "asked for a type nobody serves"),
            What::Closed { reason } => {
                info!(%node, %stream, %reason, "disconnected");
                self.0.metrics.gone(&node);
            }
            What::Opened { .. } | What::Subscribed { .. } | What::Unsent { .. } => {}
        }
    }
}

/// Whether a WorkloadGroup has a probe. One that is not there may turn out to have one: nothing is sent to its workloads
/// before they report.
fn probed(mesh: &Mesh, group: &ObjectKey) -> bool {
    match mesh.object(group).map(|object| &object.spec) {
        Some(Spec::WorkloadGroup(group)) => group.probe.is_some(),
        _ => true,
    }
}

/// Now, in microseconds since 1970.
fn micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
