use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use super::link::Link;
use crate::{SessionStatus, StreamId};

/// Nodes whose unconfirmed clusters are remembered; beyond it those of the first in order are forgotten.
const DOUBTFUL_NODES: usize = 1024;

/// The open streams of a server, and what closed ones left in doubt.
#[derive(Default)]
pub(super) struct Streams {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: BTreeMap<StreamId, Weak<Link>>,
    /// Clusters a node was sent and had not confirmed when its stream ended (rule 17).
    doubtful: BTreeMap<Arc<str>, Vec<Arc<str>>>,
}

// === impl Streams ===

impl Streams {
    pub(super) fn opened(&self, link: &Arc<Link>) {
        self.lock().open.insert(link.stream, Arc::downgrade(link));
    }

    pub(super) fn closed(&self, stream: StreamId, node: &Arc<str>, unconfirmed: Vec<Arc<str>>) {
        let mut state = self.lock();
        state.open.remove(&stream);
        if !unconfirmed.is_empty() {
            state.doubtful.insert(Arc::clone(node), unconfirmed);
        }
        while state.doubtful.len() > DOUBTFUL_NODES {
            state.doubtful.pop_first();
        }
    }

    pub(super) fn take_doubtful(&self, node: &str) -> Vec<Arc<str>> {
        self.lock().doubtful.remove(node).unwrap_or_default()
    }

    pub(super) fn statuses(&self) -> Vec<SessionStatus> {
        let links: Vec<_> = self.lock().open.values().filter_map(Weak::upgrade).collect();
        links.iter().filter_map(|link| link.status()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change to the maps is complete before the lock is released.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
