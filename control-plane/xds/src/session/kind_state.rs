use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    mem,
    sync::Arc,
};

use ferro_xds_protos::{Kind, envoy::google::rpc::Status};

use super::{
    flight::{Held, InFlight},
    isolate::Isolation,
    placeholder::placeholder,
};
use crate::{Interest, KindStatus, Lookup, Nack, Sent, Snapshot, Variant, status::LISTED};

mod answer;
mod compose;
mod lingering;
mod subscribe;

pub(super) use compose::{Draft, Rules};
use lingering::Lingering;

/// Everything a session knows of one kind.
///
/// A wanted name that is not in `behind` is in step: the client has what `target` says, or was sent it.
///
/// ```text
///                 touched ──► behind + dirty ──send──► in step, in flight ──ACK──► in step
///                                │   ▲                        │
///  refused, or not known yet ◄───┘   └──────────NACK──────────┘
///  (behind, not dirty) ──its content changes──► dirty
///                                │
///  to be removed, but not yet ◄──┘ (behind + departed) ──nobody uses it──► dirty
/// ```
#[derive(Clone, Debug)]
pub(super) struct KindState {
    kind: Kind,
    variant: Variant,
    /// `None` until the client's first request of this kind.
    interest: Option<Interest>,
    /// Whether the client has named something on this stream (state of the world).
    named: bool,
    /// What the client should have; `None` until it may be told.
    target: Option<Arc<Snapshot>>,
    /// What a client that comes back said it has, until there is a target to compare with.
    claim: Claim,
    /// What an earlier stream knew of what the client has of refused names, until there is a target.
    remembered: BTreeMap<Arc<str>, Held>,
    behind: BTreeMap<Arc<str>, Held>,
    dirty: BTreeSet<Arc<str>>,
    departed: BTreeSet<Arc<str>>,
    /// What the client has of names whose newest state it does not have. Full lists (CDS and LDS in state of the world)
    /// delete by leaving out, so they name this where the newest state is refused (rule 13) or not due yet (rule 39); a
    /// refused change to a cluster is cured with it.
    lingering: Lingering,
    /// Name and version of what the client refused: not sent again until it changes (rule 13).
    rejected: BTreeMap<Arc<str>, Arc<str>>,
    /// Clusters the client refused. Envoy may keep such a cluster warming, and then answers no later CDS response that
    /// brings a new one until the first is removed or repaired (M5): the next response does so.
    tainted: BTreeSet<Arc<str>>,
    /// The client is to be freed of what is tainted even if there is nothing else to send (rule 16).
    cure_due: bool,
    /// A full response the client refused without saying what for.
    rejected_digest: Option<u128>,
    isolation: Isolation,
    /// Names that were not sent and will not be as things are, until somebody asks.
    unsent: BTreeSet<Arc<str>>,
    in_flight: Option<InFlight>,
    /// Responses given up on, whose answers may still come (rule 16); the oldest are forgotten.
    superseded: VecDeque<InFlight>,
    /// An answer is owed even if it is empty (rule 34).
    reply_due: bool,
    last_nonce: Option<Arc<str>>,
    sent: Option<Sent>,
    acked: Option<Sent>,
    nack: Option<(Sent, String)>,
}

/// What a client said it has when it began.
#[derive(Clone, Debug, Default)]
pub(super) enum Claim {
    #[default]
    Nothing,
    /// Delta: names and versions.
    Versions(Arc<BTreeMap<Arc<str>, Arc<str>>>),
    /// State of the world: the version of everything.
    Version(String),
}

/// What a response's answer says.
pub(super) enum Reply {
    Accepted,
    Refused(Status),
}

/// What became of an answer.
pub(super) enum Answered {
    /// It belongs to the latest response, or to one that was given up.
    To {
        flight: InFlight,
        /// Names held back until they change.
        held_back: Vec<Arc<str>>,
    },
    /// It belongs to no response that waits.
    Stale,
}

// === impl KindState ===

impl KindState {
    pub(super) fn new(kind: Kind, variant: Variant) -> Self {
        Self {
            kind,
            variant,
            interest: None,
            named: false,
            target: None,
            claim: Claim::Nothing,
            remembered: BTreeMap::new(),
            behind: BTreeMap::new(),
            dirty: BTreeSet::new(),
            departed: BTreeSet::new(),
            lingering: Lingering::default(),
            rejected: BTreeMap::new(),
            tainted: BTreeSet::new(),
            cure_due: false,
            rejected_digest: None,
            isolation: Isolation::default(),
            unsent: BTreeSet::new(),
            in_flight: None,
            superseded: VecDeque::new(),
            reply_due: false,
            last_nonce: None,
            sent: None,
            acked: None,
            nack: None,
        }
    }

    /// Whether the client has asked for this kind.
    pub(super) fn active(&self) -> bool {
        self.interest.is_some()
    }

    pub(super) fn interest(&self) -> Option<&Interest> {
        self.interest.as_ref()
    }

    /// Whether the client has ever named something, now or before (rule 20).
    pub(super) fn named(&mut self, now: bool) -> bool {
        self.named |= now;
        self.named
    }

    /// Whether `name` is still to be looked at.
    pub(super) fn pending(&self, name: &str) -> bool {
        self.dirty.contains(name)
    }

    /// Whether a response waits for its answer.
    pub(super) fn waits(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Whether all that can be sent was sent, and answered one way or the other; removals put off do not count.
    pub(super) fn settled(&self) -> bool {
        self.in_flight.is_none() && self.dirty.is_empty()
    }

    /// Whether the client surely has what it should have, so that nothing of before is in use.
    pub(super) fn quiet(&self) -> bool {
        let done = self.settled() && self.departed.is_empty() && self.rejected.is_empty() && !self.blocked();
        // Without a target it is not known yet what a client that came back has.
        !self.active() || (done && self.target.is_some())
    }

    pub(super) fn has_departed(&self) -> bool {
        !self.departed.is_empty()
    }

    fn blocked(&self) -> bool {
        self.rejected_digest.is_some()
    }

    /// Whether the client has, or was sent, some version of `name`.
    pub(super) fn delivered(&self, name: &str) -> bool {
        self.wants(name)
            && match self.behind.get(name) {
                Some(held) => held.something(),
                None => matches!(self.lookup(name), Lookup::Found(_)),
            }
    }

    /// The client should have `next` now. Costs as much as changed.
    pub(super) fn retarget(&mut self, next: &Arc<Snapshot>) {
        let Some(before) = self.target.replace(Arc::clone(next)) else { return self.reconcile() };
        if Arc::ptr_eq(&before, next) || !self.active() {
            return;
        }
        for name in Snapshot::changed(self.kind, &before, next) {
            self.touch(name, &before);
        }
        self.forget_old_refusals();
        if !before.answered(self.kind) && next.answered(self.kind) {
            self.dirty.extend(self.behind.keys().cloned());
        }
    }

    /// Looks at `name` again because its content may have changed since `before`.
    fn touch(&mut self, name: Arc<str>, before: &Snapshot) {
        if !self.wants(&name) {
            return;
        }
        if !self.behind.contains_key(&name) {
            // In step until now, so it has what the snapshot before had.
            let had = before.get(self.kind, &name);
            let held = had.map_or(Held::Nothing, |resource| Held::Version(Arc::clone(resource.version())));
            if let Some(resource) = had.filter(|_| self.full() || self.kind == Kind::Cluster) {
                self.lingering.keep(resource);
            }
            self.behind.insert(Arc::clone(&name), held);
        }
        self.departed.remove(&name);
        self.dirty.insert(name);
    }

    /// Has `name`, which the client wanted before, sent again.
    pub(super) fn force(&mut self, name: &Arc<str>) {
        let known = match self.behind.get(name) {
            Some(held) => held.something(),
            None => matches!(self.lookup(name), Lookup::Found(_)),
        };
        self.owe(name, if known { Held::Again } else { Held::Untold });
    }

    fn owe(&mut self, name: &Arc<str>, held: Held) {
        self.behind.insert(Arc::clone(name), held);
        self.departed.remove(name);
        self.dirty.insert(Arc::clone(name));
    }

    /// Has every resource whose name begins with `prefix` sent.
    pub(super) fn force_prefix(&mut self, prefix: &str) {
        let Some(target) = self.target.clone().filter(|_| self.active()) else { return };
        for resource in target.with_prefix(self.kind, prefix) {
            if self.wants(resource.name()) {
                self.force(resource.name());
            }
        }
    }

    /// Drops what is known of names that `gone` picks; the client has them no more.
    pub(super) fn forget_where(&mut self, gone: impl Fn(&str) -> bool) {
        self.behind.retain(|name, _| !gone(name));
        self.dirty.retain(|name| !gone(name));
        self.departed.retain(|name| !gone(name));
        self.unsent.retain(|name| !gone(name));
        self.lingering.forget_where(&gone);
        self.drop_refusals(|name, _| gone(name));
    }

    /// Names that were not sent and will not be as things are, since the last call. With `stuck`, what was refused
    /// elsewhere keeps removals waiting too.
    pub(super) fn take_unsent(&mut self, stuck: bool) -> Vec<Arc<str>> {
        if self.unsent.is_empty() {
            return Vec::new();
        }
        let (told, kept) = mem::take(&mut self.unsent)
            .into_iter()
            .partition::<Vec<_>, _>(|name| stuck || !self.departed.contains(name));
        self.unsent = kept.into_iter().collect();
        told
    }

    /// Whether the client refused something that it would be sent otherwise.
    pub(super) fn has_refusals(&self) -> bool {
        !self.rejected.is_empty() || self.blocked()
    }

    /// Has the removals that were put off looked at again.
    pub(super) fn reopen_departed(&mut self) {
        self.dirty.append(&mut self.departed);
    }

    fn wants(&self, name: &str) -> bool {
        self.interest.as_ref().is_some_and(|interest| interest.wants(name))
    }

    fn lookup(&self, name: &str) -> Lookup<'_> {
        self.target.as_ref().map_or(Lookup::Unknown, |target| target.lookup(self.kind, name))
    }

    /// Whether a response of this kind is the full list (rule 30).
    fn full(&self) -> bool {
        self.variant == Variant::Sotw && matches!(self.kind, Kind::Cluster | Kind::Listener)
    }

    pub(super) fn status(&self) -> Option<KindStatus> {
        let interest = self.interest.as_ref()?;
        let in_flight = self.in_flight.iter().flat_map(|flight| flight.changes.iter().map(|change| &change.name));
        let stale: BTreeSet<_> = self.behind.keys().chain(in_flight).cloned().collect();
        Some(KindStatus {
            kind: self.kind,
            wildcard: interest.wildcard,
            subscribed: interest.names.len(),
            sent: self.sent.clone(),
            acked: self.acked.clone(),
            nack: self.nack.as_ref().map(|(refused, message)| Nack {
                nonce: Arc::clone(&refused.nonce),
                message: message.clone(),
                at: refused.at,
                items: self.refused().take(LISTED).collect(),
            }),
            stale_count: stale.len(),
            stale: stale.into_iter().take(LISTED).collect(),
        })
    }
}
