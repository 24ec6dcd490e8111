use std::{mem, sync::Arc};

use ferro_xds_protos::Kind;

use crate::Item;

/// What a session leaves to the next one of the same node: a client that only lost its connection has not forgotten what
/// it was sent. A client that starts anew has, and gets everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Clusters sent and neither accepted nor refused (rule 17).
    pub unconfirmed: Vec<Arc<str>>,
    /// What was refused and has not changed since (rule 13).
    pub refused: Vec<(Kind, Item)>,
}

// === impl Carried ===

impl Carried {
    /// Whether there is nothing to carry.
    pub fn is_empty(&self) -> bool {
        self.unconfirmed.is_empty() && self.refused.is_empty()
    }

    /// Takes out what was refused of one kind.
    pub(super) fn take_refused(&mut self, kind: Kind) -> Vec<Item> {
        let (of_kind, others) = mem::take(&mut self.refused).into_iter().partition(|(found, _)| *found == kind);
        self.refused = others;
        Vec::into_iter(of_kind).map(|(_, item)| item).collect()
    }
}
