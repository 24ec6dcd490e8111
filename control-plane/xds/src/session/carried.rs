use std::{collections::BTreeMap, sync::Arc};

use ferro_xds_protos::{Kind, Resource};

use super::flight::Held;
use crate::{Sent, StreamScope};

/// What a session leaves to the next one of the same node: a client that only lost its connection has not forgotten what
/// it was sent. A client that starts anew has, and gets everything.
#[derive(Clone, Debug, Default)]
pub struct Carried {
    /// Clusters sent and neither accepted nor refused (rule 17).
    pub unconfirmed: Vec<Arc<str>>,
    refusals: BTreeMap<Kind, Refusals>,
}

/// What a client refused of one kind and what has not changed since (rule 13).
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals {
    pub(super) rejected: BTreeMap<Arc<str>, Refused>,
    /// The latest refusal, for people to see.
    pub(super) nack: Option<(Sent, String)>,
}

/// One name that was refused.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    /// The version refused.
    pub(super) version: Arc<str>,
    /// What the client has of it.
    pub(super) held: Held,
    /// The same as a resource, if it is at hand.
    pub(super) last_good: Option<Resource>,
}

// === impl Carried ===

impl Carried {
    /// Whether there is nothing to carry.
    pub fn is_empty(&self) -> bool {
        self.unconfirmed.is_empty() && self.refusals.is_empty()
    }

    /// Takes out what concerns a stream of this scope: the other streams of a node keep theirs.
    pub fn take(&mut self, scope: StreamScope) -> Self {
        let concerns = |kind: Kind| match scope {
            StreamScope::Aggregated => true,
            StreamScope::Single(own) => own == kind,
        };
        let kinds: Vec<_> = self.refusals.keys().copied().filter(|kind| concerns(*kind)).collect();
        let refusals = kinds.into_iter().filter_map(|kind| self.refusals.remove_entry(&kind)).collect();
        let unconfirmed = if concerns(Kind::Cluster) { std::mem::take(&mut self.unconfirmed) } else { Vec::new() };
        Self { unconfirmed, refusals }
    }

    /// Adds what another stream of the node left, which is newer.
    pub fn merge(&mut self, newer: Self) {
        if !newer.unconfirmed.is_empty() {
            self.unconfirmed = newer.unconfirmed;
        }
        self.refusals.extend(newer.refusals);
    }

    /// Takes out what was refused of one kind.
    pub(super) fn take_refusals(&mut self, kind: Kind) -> Refusals {
        self.refusals.remove(&kind).unwrap_or_default()
    }

    /// Notes what was refused of one kind, if anything was.
    pub(super) fn note(&mut self, kind: Kind, refusals: Refusals) {
        if refusals.rejected.is_empty() {
            self.refusals.remove(&kind);
        } else {
            self.refusals.insert(kind, refusals);
        }
    }
}
