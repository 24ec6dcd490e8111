//! Following the store: every change in order, at the reader's pace.

use ferro_model::object::Change;
use tokio::sync::watch;

use crate::snapshot::Snapshot;

/// What happened since the last look.
#[derive(Clone, Debug)]
pub struct Advance {
    /// The content now.
    pub snapshot: Snapshot,
    /// What leads to it from the content of the last look, each object once.
    pub changes: Vec<Change>,
}

/// The store was closed, and everything that it committed was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store is closed")]
pub struct Closed;

/// One reader's place in the history of the store.
///
/// The reader holds a snapshot, not a queue: a slow one gets several revisions as one, and costs nothing meanwhile.
#[derive(Debug)]
pub struct Feed {
    seen: Snapshot,
    snapshots: watch::Receiver<Snapshot>,
}

// === impl Feed ===

impl Feed {
    /// A reader that has seen nothing: its first [`next`](Self::next) returns all there is, at once.
    pub(crate) fn new(mut snapshots: watch::Receiver<Snapshot>) -> Self {
        snapshots.mark_changed();
        Self { seen: Snapshot::default(), snapshots }
    }

    /// Waits for a revision that was not seen yet. Dropping the future loses nothing.
    ///
    /// # Errors
    /// If the store was closed.
    pub async fn next(&mut self) -> Result<Advance, Closed> {
        self.snapshots.changed().await.map_err(|_| Closed)?;
        let snapshot = self.snapshots.borrow_and_update().clone();
        let changes = snapshot.changes_since(&self.seen);
        self.seen = snapshot.clone();
        Ok(Advance { snapshot, changes })
    }
}
