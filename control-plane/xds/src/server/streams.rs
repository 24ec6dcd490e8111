use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use super::link::Link;
use crate::{SessionStatus, StreamId, StreamScope, session::Carried};

/// Nodes whose refusals and doubts are remembered; beyond it those of the first in order are forgotten.
const CARRIED_NODES: usize = 1024;

/// The open streams of a server, and what closed ones left.
#[derive(Default)]
pub(super) struct Streams {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: BTreeMap<StreamId, Weak<Link>>,
    /// What the last session of a node left to the next.
    carried: BTreeMap<Arc<str>, Carried>,
}

// === impl Streams ===

impl Streams {
    pub(super) fn opened(&self, link: &Arc<Link>) {
        self.lock().open.insert(link.stream, Arc::downgrade(link));
    }

    pub(super) fn closed(&self, stream: StreamId, node: &Arc<str>, carried: Carried) {
        let mut state = self.lock();
        state.open.remove(&stream);
        if !carried.is_empty() {
            state.carried.entry(Arc::clone(node)).or_default().merge(carried);
        }
        while state.carried.len() > CARRIED_NODES {
            state.carried.pop_first();
        }
    }

    pub(super) fn take_carried(&self, node: &str, scope: StreamScope) -> Carried {
        let mut state = self.lock();
        let Some(left) = state.carried.get_mut(node) else { return Carried::default() };
        let taken = left.take(scope);
        if left.is_empty() {
            state.carried.remove(node);
        }
        taken
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
