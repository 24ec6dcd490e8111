//! What a client's answers change.

use std::{
    collections::{BTreeSet, btree_map::Entry},
    sync::Arc,
    time::Instant,
};

use ferro_xds_protos::{Kind, envoy::google::rpc::Status};

use super::{Answered, KindState, Reply};
use crate::{
    Item, Sent,
    session::{
        carried::{Refusals, Refused},
        flight::{Change, Held, InFlight, Role},
        isolate::mentions,
    },
};

/// Responses given up on whose answers are still waited for.
const GIVEN_UP: usize = 8;

// === impl KindState ===

impl KindState {
    /// Whether `nonce` is that of the latest response, answered or not.
    pub(in crate::session) fn is_latest(&self, nonce: &str) -> bool {
        self.last_nonce.as_deref() == Some(nonce)
    }

    /// The client answered the response with this nonce.
    pub(in crate::session) fn answer(&mut self, nonce: &str, reply: &Reply, now: Instant) -> Answered {
        if let Some(flight) = self.in_flight.take_if(|flight| *flight.nonce == *nonce) {
            let held_back = match reply {
                Reply::Accepted => self.accept(&flight, now),
                Reply::Refused(status) => self.refuse(&flight, status, now),
            };
            // What was refused may have changed while the refusal was under way.
            self.forget_old_refusals();
            return Answered::To { flight, held_back };
        }
        let given_up = self.superseded.iter().position(|flight| *flight.nonce == *nonce);
        if let Some(flight) = given_up.and_then(|at| self.superseded.remove(at)) {
            let held_back = self.answer_late(&flight, reply, now);
            self.forget_old_refusals();
            return Answered::To { flight, held_back };
        }
        // A refusal that comes after the acceptance (M5) changes nothing here, but people must see it.
        if let Reply::Refused(status) = reply {
            let version = self.sent.as_ref().map_or_else(|| Arc::from(""), |sent| Arc::clone(&sent.version));
            self.nack = Some((Sent { nonce: Arc::from(nonce), version, at: now }, status.message.clone()));
        }
        Answered::Stale
    }

    /// The transport took the last byte of a response.
    pub(in crate::session) fn written(&mut self, nonce: &str, now: Instant) {
        if let Some(flight) = self.in_flight.as_mut().filter(|flight| *flight.nonce == *nonce) {
            flight.written_at = Some(now);
        }
    }

    /// When the transport took the response that waits for its answer.
    pub(in crate::session) fn waits_since(&self) -> Option<Instant> {
        self.in_flight.as_ref()?.written_at
    }

    /// Gives up on the response that waits (rule 16): what it brought is taken back and not sent again until it changes.
    /// Returns what was taken back.
    pub(in crate::session) fn suspect(&mut self) -> Vec<Item> {
        let Some(flight) = self.in_flight.take() else { return Vec::new() };
        let mut items = Vec::new();
        for change in flight.changes.iter().filter(|change| change.role == Role::Content) {
            let Some(version) = change.version.clone().filter(|_| self.wants(&change.name)) else { continue };
            let updates = change.before.something();
            if updates && self.kind != Kind::Cluster {
                // Only clusters are known to keep Envoy from answering although it had them before (M5).
                continue;
            }
            let held = if updates { change.before.clone() } else { Held::Version(Arc::clone(&version)) };
            if updates {
                self.tainted.insert(Arc::clone(&change.name));
                self.cure_due = true;
            }
            self.rejected.insert(Arc::clone(&change.name), Arc::clone(&version));
            self.behind.insert(Arc::clone(&change.name), held);
            self.dirty.insert(Arc::clone(&change.name));
            items.push(Item { name: Arc::clone(&change.name), version: Some(version) });
        }
        self.superseded.push_back(flight);
        if self.superseded.len() > GIVEN_UP {
            self.superseded.pop_front();
        }
        items
    }

    /// What was added and neither accepted nor refused.
    pub(in crate::session) fn unconfirmed(&self) -> Vec<Arc<str>> {
        let flights = self.in_flight.iter().chain(&self.superseded);
        let names: BTreeSet<_> = flights.flat_map(InFlight::added).map(|change| Arc::clone(&change.name)).collect();
        names.into_iter().collect()
    }

    /// What the client refused, and would be sent if it had not.
    pub(in crate::session) fn refused(&self) -> impl Iterator<Item = Item> {
        let item = |(name, version): (&Arc<str>, &Arc<str>)| Item {
            name: Arc::clone(name),
            version: Some(Arc::clone(version)),
        };
        self.rejected.iter().map(item)
    }

    /// What the next session should know of what was refused.
    pub(in crate::session) fn refusals(&self) -> Refusals {
        let rejected = self.rejected.iter().map(|(name, version)| {
            // A session that had no target yet knows what the one before it left.
            let held = self.behind.get(name).or_else(|| self.remembered.get(name)).cloned().unwrap_or(Held::Nothing);
            let last_good = self.lingering.of(name, &held).cloned();
            let refused = Refused { version: Arc::clone(version), held, last_good };
            (Arc::clone(name), refused)
        });
        Refusals { rejected: rejected.collect(), nack: self.nack.clone() }
    }

    /// These were refused on an earlier stream, and are not to be sent until they change.
    pub(in crate::session) fn quarantine(&mut self, refusals: Refusals) {
        for (name, Refused { version, held, last_good }) in refusals.rejected {
            last_good.iter().for_each(|resource| self.lingering.keep(resource));
            self.remembered.insert(Arc::clone(&name), held);
            self.rejected.insert(name, version);
        }
        self.nack = refusals.nack;
        self.forget_old_refusals();
    }

    /// Each of these is to go in a response of its own.
    pub(in crate::session) fn try_alone(&mut self, names: &[Arc<str>]) {
        self.isolation.try_alone(names);
    }

    /// Refusals of what is gone or has changed matter no more.
    pub(super) fn forget_old_refusals(&mut self) {
        let Some(target) = self.target.clone() else { return };
        let kind = self.kind;
        self.drop_refusals(|name, version| target.get(kind, name).is_none_or(|found| found.version() != version));
    }

    /// Forgets the refusals that `over` picks. When none is left, there is nothing to show any more.
    pub(super) fn drop_refusals(&mut self, over: impl Fn(&str, &Arc<str>) -> bool) {
        let before = self.rejected.len();
        self.rejected.retain(|name, version| !over(name, version));
        if self.rejected.len() < before && !self.has_refusals() {
            self.nack = None;
        }
    }

    fn accept(&mut self, flight: &InFlight, now: Instant) -> Vec<Arc<str>> {
        for change in flight.changes.iter().filter(|change| change.role == Role::Content) {
            if self.rejected.get(&change.name) == change.version.as_ref() {
                self.rejected.remove(&change.name);
            }
            self.lingering.settle(&change.name, self.behind.get(&change.name));
        }
        self.rejected_digest = None;
        self.isolation.accepted();
        if self.rejected.is_empty() {
            self.nack = None;
        }
        self.acked = Some(Sent { nonce: Arc::clone(&flight.nonce), version: Arc::clone(&flight.version), at: now });
        Vec::new()
    }

    /// Returns the names held back until they change.
    fn refuse(&mut self, flight: &InFlight, status: &Status, now: Instant) -> Vec<Arc<str>> {
        self.record_refusal(flight, status, now);
        let (content, cures) = flight.changes.iter().partition::<Vec<_>, _>(|change| change.role == Role::Content);
        self.tainted.extend(cures.into_iter().map(|change| Arc::clone(&change.name)));
        let sent: Vec<_> = content.iter().copied().filter(|change| change.version.is_some()).collect();
        let names: Vec<_> = sent.iter().map(|change| Arc::clone(&change.name)).collect();
        let removed = content.iter().filter(|change| change.version.is_none());
        let gone: Vec<_> = removed.map(|change| Arc::clone(&change.name)).collect();
        // Refusing removals alone makes no sense; saying them again would only be refused again.
        if names.is_empty() && flight.full_digest.is_none() {
            return gone;
        }
        content.into_iter().for_each(|change| self.restore(change));
        let guilty: BTreeSet<_> = if let Some(digest) = flight.full_digest {
            let named: BTreeSet<_> = names.into_iter().filter(|name| mentions(&status.message, name)).collect();
            self.rejected_digest = named.is_empty().then_some(digest);
            named
        } else {
            self.isolation.judge(&names, &gone, &status.message)
        };
        sent.into_iter().filter(|change| guilty.contains(&change.name)).for_each(|change| self.hold_back(change));
        guilty.into_iter().collect()
    }

    /// The answer to a response that was given up on came after all. One that names nothing teaches nothing: each of its
    /// resources is tried alone then.
    fn answer_late(&mut self, flight: &InFlight, reply: &Reply, now: Instant) -> Vec<Arc<str>> {
        let mut guilty = BTreeSet::new();
        if let Reply::Refused(status) = reply {
            self.record_refusal(flight, status, now);
            let suspects: Vec<_> = flight.changes.iter().filter(|change| self.is_rejected(change)).collect();
            let named = suspects.iter().filter(|change| mentions(&status.message, &change.name));
            guilty = named.map(|change| Arc::clone(&change.name)).collect();
            let names: Vec<_> = suspects.iter().map(|change| Arc::clone(&change.name)).collect();
            match names.len() {
                1 => guilty.extend(names),
                _ if guilty.is_empty() => self.isolation.try_alone(&names),
                _ => {}
            }
        }
        for change in &flight.changes {
            if guilty.contains(&change.name) {
                self.restore(change);
                self.hold_back(change);
            } else if self.is_rejected(change) {
                self.rejected.remove(&change.name);
                self.dirty.insert(Arc::clone(&change.name));
            }
        }
        guilty.into_iter().collect()
    }

    /// Whether the content of this change is held back.
    fn is_rejected(&self, change: &Change) -> bool {
        change.version.is_some() && self.rejected.get(&change.name) == change.version.as_ref()
    }

    fn record_refusal(&mut self, flight: &InFlight, status: &Status, now: Instant) {
        let refused = Sent { nonce: Arc::clone(&flight.nonce), version: Arc::clone(&flight.version), at: now };
        self.nack = Some((refused, status.message.clone()));
    }

    fn hold_back(&mut self, change: &Change) {
        let Some(version) = change.version.as_ref().filter(|_| self.wants(&change.name)) else { return };
        self.rejected.insert(Arc::clone(&change.name), Arc::clone(version));
        if self.kind == Kind::Cluster {
            self.tainted.insert(Arc::clone(&change.name));
        }
    }

    /// The client has what it had before this change, and must be looked at again.
    fn restore(&mut self, change: &Change) {
        if !self.wants(&change.name) {
            return;
        }
        // It may have taken some of what it refused (M5): should the name vanish, the client is told.
        let before = if change.before.something() { change.before.clone() } else { Held::Untold };
        let assumed = change.version.clone().map_or(Held::Nothing, Held::Version);
        match self.behind.entry(Arc::clone(&change.name)) {
            Entry::Vacant(vacant) => {
                vacant.insert(before);
            }
            // Newer state came meanwhile, on the assumption that this change would be accepted.
            Entry::Occupied(mut occupied) if *occupied.get() == assumed => {
                occupied.insert(before);
            }
            Entry::Occupied(_) => {}
        }
        self.lingering.settle(&change.name, self.behind.get(&change.name));
        self.departed.remove(&change.name);
        self.dirty.insert(Arc::clone(&change.name));
    }
}
