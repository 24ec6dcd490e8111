//! The order between kinds: make before break.
//!
//! ```text
//! latest ── EDS, SDS, RTDS, names: always from the newest snapshot
//!   │  CDS idle
//!   ▼
//! front ─── CDS: one snapshot after the other
//!   │  CDS of it and the CLAs it needs are answered
//!   ▼
//! back ──── ECDS, LDS, RDS, virtual hosts
//!   │  all of them answered, none refused
//!   ▼
//! removals: RDS and hosts after the LDS that dropped them, then CDS, then EDS and SDS
//! ```
//!
//! So a route never goes out before its clusters were taken (rule 44), a cluster never leaves before its routes have
//! (rule 39, M8), and endpoints never wait for either. Newer snapshots do not restart the chain: CDS moves to the newest
//! one each time it is answered, and what comes behind it follows, so neither starves.
//!
//! Rejected: waiting by reference, resource by resource. It needs to know what refers to what, which only the
//! translation knows, and what it would gain, routes that pass clusters they do not use, is a few milliseconds.

use std::{collections::BTreeSet, mem, sync::Arc, time::Instant};

use ferro_xds_protos::Kind;

use super::{
    Session,
    flight::{Change, Held, InFlight},
    kind_state::{Draft, KindState, Rules},
    response::Response,
};
use crate::{Item, Snapshot, StreamScope, Variant, What};

/// Kinds that follow the newest snapshot.
const FREE: [Kind; 4] = [Kind::Endpoint, Kind::Secret, Kind::Runtime, Kind::NameTable];
/// Kinds that may refer to clusters, and to one another in this order.
const REFERRING: [Kind; 4] = [Kind::ExtensionConfig, Kind::Listener, Kind::Route, Kind::VirtualHost];
/// Kinds whose removals wait for others, those that refer before those referred to.
const REMOVED_LAST: [Kind; 5] = [Kind::Route, Kind::VirtualHost, Kind::Cluster, Kind::Endpoint, Kind::Secret];

/// Which snapshot which kind is served from.
#[derive(Debug)]
pub(super) struct Stages {
    latest: Arc<Snapshot>,
    front: Arc<Snapshot>,
    /// Something of the front was sent, so what is behind it has to follow before the front moves on.
    front_begun: bool,
    /// `None` until a client that comes back with old state has the clusters of the front.
    back: Option<Arc<Snapshot>>,
    /// CLAs that belong to clusters re-sent from the front, and are not answered yet.
    needed: BTreeSet<Arc<str>>,
    /// The client has had time to name what it holds, so removals may go.
    settled: bool,
    /// The client has had time to ask for CDS (rule 17).
    waited_for_cds: bool,
}

// === impl Stages ===

impl Stages {
    pub(super) fn new(snapshot: Arc<Snapshot>) -> Self {
        let front = Arc::clone(&snapshot);
        Self {
            latest: snapshot,
            front,
            front_begun: false,
            back: None,
            needed: BTreeSet::new(),
            settled: false,
            waited_for_cds: false,
        }
    }

    pub(super) fn latest(&self) -> &Snapshot {
        &self.latest
    }

    /// Whether all that is served comes from the newest snapshot.
    fn level(&self) -> bool {
        Arc::ptr_eq(&self.latest, &self.front) && self.back.as_ref().is_none_or(|back| Arc::ptr_eq(back, &self.front))
    }
}

// === impl Session ===

impl Session {
    /// The client should have this now.
    pub fn on_snapshot(&mut self, snapshot: Arc<Snapshot>) {
        for kind in FREE {
            self.kind_mut(kind).retarget(&snapshot);
        }
        self.stages.latest = snapshot;
        self.advance();
    }

    /// The next response that may go out, if there is one. Call it when the transport is ready for it, until `None`.
    pub fn next_response(&mut self, now: Instant) -> Option<Response> {
        if let Some(response) = self.take_back_doubtful(now) {
            return Some(response);
        }
        loop {
            self.advance();
            if let Some(response) = Kind::ALL.into_iter().find_map(|kind| self.respond(kind, now)) {
                return Some(response);
            }
            // That there was nothing to send may be all that something else waited for.
            if !self.advance() && !self.reopen_removals() {
                self.note_unsent();
                return None;
            }
        }
    }

    /// When [`Self::on_deadline`] wants to be called next.
    pub fn deadline(&self) -> Option<Instant> {
        let removals = !self.stages.settled && self.kinds.iter().any(KindState::has_departed);
        let settle = removals.then(|| self.opened + self.limits.settle);
        let cds = (!self.stages.waited_for_cds && self.doubts()).then(|| self.opened + self.limits.silent_cds);
        let suspect = [Kind::Cluster, Kind::Listener].into_iter().filter_map(|kind| self.suspect_at(kind)).min();
        [settle, cds, suspect].into_iter().flatten().min()
    }

    /// Time has passed. Afterwards [`Self::next_response`] may have something.
    pub fn on_deadline(&mut self, now: Instant) {
        self.stages.settled |= self.opened + self.limits.settle <= now;
        self.stages.waited_for_cds |= self.opened + self.limits.silent_cds <= now;
        for kind in [Kind::Cluster, Kind::Listener] {
            if self.suspect_at(kind).is_some_and(|at| at <= now) {
                let items = self.kind_mut(kind).suspect();
                self.events.push(What::Suspected { kind, items });
            }
        }
    }

    /// A response was accepted or refused.
    pub(super) fn on_answer(&mut self, kind: Kind, flight: &InFlight) {
        if kind == Kind::Endpoint {
            for change in &flight.changes {
                self.stages.needed.remove(&change.name);
            }
        }
    }

    /// The first request of a kind came. A client that says it has nothing of CDS has no routes to break either, so
    /// what it asks for next need not wait for its clusters.
    pub(super) fn on_first_request(&mut self, kind: Kind, holds_something: bool) {
        let refusals = self.carried.take_refusals(kind);
        if holds_something {
            self.kind_mut(kind).quarantine(refusals);
        } else if kind == Kind::Cluster && self.stages.back.is_none() {
            self.set_back(Arc::clone(&self.stages.front));
        }
    }

    /// The client wants these names no more.
    pub(super) fn on_dropped(&mut self, kind: Kind, names: &BTreeSet<Arc<str>>) {
        match kind {
            Kind::Endpoint => self.stages.needed.retain(|name| !names.contains(name)),
            // Its hosts went with the route configuration, and are sent again if it comes back (M15).
            Kind::Route => {
                let of_dropped = |host: &str| owners(host).any(|route| names.contains(route));
                self.kind_mut(Kind::VirtualHost).forget_where(of_dropped);
            }
            _ => {}
        }
    }

    /// Whether the client is an agent, whose relay sees to its Envoy itself: it asks for names, and for clusters only
    /// while its Envoy is there.
    fn is_agent(&self) -> bool {
        self.kind(Kind::NameTable).active()
    }

    /// When an unanswered CDS or LDS response is given up (rule 16): never while a CLA it needs is.
    fn suspect_at(&self, kind: Kind) -> Option<Instant> {
        if self.is_agent() {
            return None;
        }
        let incomplete = kind == Kind::Cluster && !self.stages.needed.is_empty();
        let since = self.kind(kind).waits_since().filter(|_| !incomplete)?;
        Some(since + self.limits.suspect_after)
    }

    /// Whether clusters of an earlier stream are in doubt, and the client says nothing about clusters.
    fn doubts(&self) -> bool {
        let clusters = self.kind(Kind::Cluster);
        let silent = !self.is_agent() && !clusters.active() && !clusters.waits();
        let possible = self.variant == Variant::Delta && self.scope == StreamScope::Aggregated;
        possible && silent && !self.carried.unconfirmed.is_empty()
    }

    /// Tells a client that came back without asking for CDS to drop what it never confirmed (rule 17, M5). Freed, it asks,
    /// and gets each of them once more, alone.
    fn take_back_doubtful(&mut self, now: Instant) -> Option<Response> {
        if !(self.stages.waited_for_cds && self.doubts()) {
            return None;
        }
        let names = mem::take(&mut self.carried.unconfirmed);
        let draft = Draft::removing(&names);
        self.kind_mut(Kind::Cluster).try_alone(&names);
        let items = names.into_iter().map(|name| Item { name, version: None }).collect();
        self.events.push(What::Suspected { kind: Kind::Cluster, items });
        Some(self.launch(Kind::Cluster, draft, now))
    }

    /// Moves front and back on as far as the answers allow. Returns whether anything moved.
    fn advance(&mut self) -> bool {
        let mut moved = false;
        while self.step_forward() {
            moved = true;
        }
        moved
    }

    fn step_forward(&mut self) -> bool {
        let clusters = self.kind(Kind::Cluster);
        let answered = !clusters.active() || (clusters.settled() && self.stages.needed.is_empty());
        let back_lags = match &self.stages.back {
            Some(back) => !Arc::ptr_eq(back, &self.stages.front),
            // Until the first of them is asked for, a request for CDS may still come that it has to wait for.
            None => REFERRING.into_iter().any(|kind| self.kind(kind).active()),
        };
        if answered && back_lags {
            self.set_back(Arc::clone(&self.stages.front));
            return true;
        }
        let latest = Arc::clone(&self.stages.latest);
        let free = answered || !self.stages.front_begun;
        if !free || Arc::ptr_eq(&latest, &self.stages.front) {
            return false;
        }
        self.kind_mut(Kind::Cluster).retarget(&latest);
        self.stages.front = latest;
        self.stages.front_begun = false;
        true
    }

    fn set_back(&mut self, snapshot: Arc<Snapshot>) {
        for kind in REFERRING {
            self.kind_mut(kind).retarget(&snapshot);
        }
        self.stages.back = Some(snapshot);
    }

    fn respond(&mut self, kind: Kind, now: Instant) -> Option<Response> {
        let draft = self.draft(kind);
        if kind == Kind::Endpoint {
            self.prune_needed(draft.as_ref());
        }
        let draft = draft?;
        self.follow_up(kind, &draft.changes);
        Some(self.launch(kind, draft, now))
    }

    fn launch(&mut self, kind: Kind, draft: Draft, now: Instant) -> Response {
        let nonce = self.next_nonce();
        let identity = Arc::clone(&self.limits.identity);
        let (response, items) = self.kind_mut(kind).launch(draft, nonce, identity, now);
        self.stages.front_begun |= kind == Kind::Cluster;
        let (nonce, bytes) = (Arc::clone(&response.nonce), response.len());
        let resources = Arc::clone(&response.resources);
        self.events.push(What::Sent { kind, nonce, items, resources, bytes });
        response
    }

    fn draft(&mut self, kind: Kind) -> Option<Draft> {
        // State of the world cannot be split: the next part would replace the first.
        let budget = if self.variant == Variant::Delta { self.limits.response_bytes } else { usize::MAX };
        let open = self.removals_open(kind);
        let (before, rest) = self.kinds.split_at_mut(kind.index());
        let state = rest.first_mut()?;
        let routes = before.get(Kind::Route.index()).filter(|routes| kind == Kind::VirtualHost && routes.active());
        let back = self.stages.back.as_deref();
        let lives =
            |host: &str| back.is_some_and(|back| owners(host).any(|name| back.get(Kind::Route, name).is_some()));
        state.compose(&Rules {
            budget,
            visible: &|host| routes.is_none_or(|routes| owners(host).any(|route| routes.delivered(route))),
            may_remove: &|name| open || (kind == Kind::VirtualHost && lives(name)),
        })
    }

    /// What one response obliges the server to send unasked.
    fn follow_up(&mut self, kind: Kind, changes: &[Change]) {
        let sent = changes.iter().filter(|change| change.version.is_some());
        match kind {
            // Rule 40: Envoy warms a changed cluster until its CLA comes, and does not ask for it (M3).
            Kind::Cluster => sent.for_each(|change| self.send_endpoints_of(&change.name)),
            // Rule 48: Envoy subscribes to hosts once, so those of a route configuration it did not have must follow.
            Kind::Route => {
                for change in sent.filter(|change| !matches!(change.before, Held::Version(_))) {
                    self.kind_mut(Kind::VirtualHost).force_prefix(&format!("{}/", change.name));
                }
            }
            _ => {}
        }
    }

    fn send_endpoints_of(&mut self, cluster: &Arc<str>) {
        if self.kind(Kind::Endpoint).interest().is_some_and(|interest| interest.wants(cluster)) {
            self.kind_mut(Kind::Endpoint).force(cluster);
            self.stages.needed.insert(Arc::clone(cluster));
        }
    }

    /// Forgets needed CLAs that turned out not to be there to send: nobody may wait for them.
    fn prune_needed(&mut self, draft: Option<&Draft>) {
        let endpoints = self.kind(Kind::Endpoint);
        if self.stages.needed.is_empty() || (draft.is_none() && endpoints.waits()) {
            return;
        }
        let sent: BTreeSet<_> = draft.into_iter().flat_map(|draft| &draft.changes).map(|change| &change.name).collect();
        let gone: Vec<_> = self
            .stages
            .needed
            .iter()
            .filter(|name| !sent.contains(name) && !endpoints.pending(name))
            .cloned()
            .collect();
        gone.iter().for_each(|name| {
            self.stages.needed.remove(name);
        });
    }

    /// Whether what was removed from a kind may be removed from the client now: after all that refers to it.
    fn removals_open(&self, kind: Kind) -> bool {
        if self.scope != StreamScope::Aggregated || matches!(kind, Kind::Listener | Kind::Runtime | Kind::NameTable) {
            return true;
        }
        let quiet = |kinds: &[Kind]| kinds.iter().all(|&kind| self.kind(kind).quiet());
        let referrers_quiet = match kind {
            Kind::Route => quiet(&[Kind::Listener]),
            Kind::VirtualHost => quiet(&[Kind::Listener, Kind::Route]),
            Kind::Cluster => quiet(&REFERRING),
            _ => quiet(&REFERRING) && self.kind(Kind::Cluster).settled() && !self.kind(Kind::Cluster).has_departed(),
        };
        self.stages.settled && self.stages.level() && referrers_quiet
    }

    /// Says what will not be sent as things are.
    fn note_unsent(&mut self) {
        let stuck = REFERRING.into_iter().any(|kind| self.kind(kind).has_refusals());
        for kind in Kind::ALL {
            let names = self.kind_mut(kind).take_unsent(stuck);
            if !names.is_empty() {
                self.events.push(What::Unsent { kind, names });
            }
        }
    }

    /// Has removals looked at again whose time has come. Returns whether there were any.
    fn reopen_removals(&mut self) -> bool {
        let open = |&kind: &Kind| self.kind(kind).has_departed() && self.removals_open(kind);
        let kinds: Vec<_> = REMOVED_LAST.into_iter().filter(open).collect();
        kinds.iter().for_each(|&kind| self.kind_mut(kind).reopen_departed());
        !kinds.is_empty()
    }
}

/// The route configurations that a virtual host named `<route config>/<host>` may belong to: either part may have
/// slashes of its own.
pub fn owners(host: &str) -> impl Iterator<Item = &str> {
    host.match_indices('/').map(|(at, _)| &host[..at])
}
