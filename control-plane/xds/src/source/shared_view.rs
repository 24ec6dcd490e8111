use std::sync::Arc;

use ferro_xds_protos::{Kind, envoy::envoy::config::core::v3::Node};
use tokio::sync::{broadcast, watch};

use crate::{Attachment, Refusal, ResourceSet, SessionEvent, Snapshot, Source, StreamId, Update, Variant};

/// Events kept for a listener that is behind.
const EVENTS: usize = 4096;

/// A source that gives every client the same view: for tests, benchmarks, and whoever serves fixed resources.
#[derive(Debug)]
pub struct SharedView {
    snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    events: broadcast::Sender<SessionEvent>,
}

// === impl SharedView ===

impl SharedView {
    /// A source that is not synced: clients are told to come again.
    pub fn unsynced() -> Self {
        Self { snapshots: watch::Sender::new(None), events: broadcast::Sender::new(EVENTS) }
    }

    /// A source with these resources.
    pub fn new(resources: ResourceSet) -> Self {
        let view = Self::unsynced();
        view.publish(resources);
        view
    }

    /// Gives every client these resources from now on.
    pub fn publish(&self, resources: ResourceSet) {
        self.snapshots.send_replace(Some(Arc::new(Snapshot::new(vec![Arc::new(resources)]))));
    }

    /// Changes the resources, as one change.
    pub fn apply(&self, updates: impl IntoIterator<Item = (Kind, Update)>) {
        self.publish(self.resources().apply(updates));
    }

    /// The resources clients are given.
    pub fn resources(&self) -> ResourceSet {
        let current = self.snapshots.borrow();
        let part = current.as_ref().and_then(|snapshot| snapshot.parts().first());
        part.map(|part| ResourceSet::clone(part)).unwrap_or_default()
    }

    /// What happens on streams from now on; a listener that is too far behind misses the oldest.
    pub fn events(&self) -> broadcast::Receiver<SessionEvent> {
        self.events.subscribe()
    }
}

impl Source for SharedView {
    fn attach(&self, _: StreamId, _: &Arc<Node>, _: Variant) -> Result<Attachment, Refusal> {
        let snapshots = self.snapshots.subscribe();
        let synced = snapshots.borrow().is_some();
        if synced { Ok(Attachment::new(snapshots)) } else { Err(Refusal::NotSynced) }
    }

    fn observe(&self, event: SessionEvent) {
        // An error means that nobody listens.
        let _ = self.events.send(event);
    }
}
