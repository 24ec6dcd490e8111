use std::{any::Any, fmt, sync::Arc};

use ferro_xds_protos::envoy::envoy::config::core::v3::Node;
use tokio::sync::watch;

use crate::{SessionEvent, Snapshot, StreamId, Variant};

mod shared_view;

pub use shared_view::SharedView;

/// Where a server's streams get what they send.
pub trait Source: Send + Sync + 'static {
    /// A client came. Called once a stream, with the node of its first message; it must not block.
    ///
    /// # Errors
    /// When this client is not to be served; the stream ends with the status the [`Refusal`] names.
    fn attach(&self, stream: StreamId, node: &Arc<Node>, variant: Variant) -> Result<Attachment, Refusal>;

    /// Something happened on a stream. Called in the order it happened, with no lock of the session and no borrow of
    /// the `watch` held; it must not block.
    fn observe(&self, event: SessionEvent);
}

/// One client's view.
pub struct Attachment {
    /// The newest snapshot. `None` while the view is being made: the stream waits, and ends as UNAVAILABLE if that takes
    /// longer than [`Limits::first_snapshot`](crate::Limits). A dropped sender ends the stream.
    pub snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    /// Dropped when the stream has ended.
    pub guard: Box<dyn Any + Send>,
}

/// Why a client is not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The sources are not read yet: an empty answer would wipe a client's configuration (rule 5). UNAVAILABLE.
    #[error("the control plane has not read its sources yet, try again")]
    NotSynced,
    /// The node's description cannot be used. INVALID_ARGUMENT.
    #[error("{0}")]
    Invalid(String),
    /// The client speaks a version of our own protocol that is too far from ours. FAILED_PRECONDITION.
    #[error("{0}")]
    Incompatible(String),
    /// This node may not be served to this client. PERMISSION_DENIED.
    #[error("{0}")]
    Denied(String),
    /// A limit is reached. RESOURCE_EXHAUSTED.
    #[error("{0}")]
    Exhausted(String),
}

// === impl Attachment ===

impl Attachment {
    /// A view with nothing to clean up.
    pub fn new(snapshots: watch::Receiver<Option<Arc<Snapshot>>>) -> Self {
        Self { snapshots, guard: Box::new(()) }
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Attachment").field("snapshots", &self.snapshots).finish_non_exhaustive()
    }
}
