//! The relay without sockets and clocks: what Envoy asks for and thinks of what it got, what ferrod says, and what
//! follows for the other side.
//!
//! ```text
//!            subscribe, ACK, NACK                        interest, ACK, NACK, initial_resource_versions
//!   Envoy ────────────────────────►  Core (a Table a kind)  ───────────────────────────────► ferrod
//!         ◄──────────────────────          ▲                ◄───────────────────────────────
//!             snapshot (served)             └ last-known-good          resources, removed
//! ```
//! Towards Envoy stands a server session over `served`, towards ferrod a client session; both are those of ferro-xds,
//! and each has its own nonces. A stream of Envoy begins with nothing served: what it gets comes from ferrod, or, when
//! ferrod cannot be reached, from what an Envoy of this agent last accepted ([`Core::fill`]).

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use ferro_xds::{
    Item, ResourceSet, SessionEvent, Snapshot, StreamId, Update, What,
    client::{ClientSession, Interest, Received},
};
use ferro_xds_protos::{Kind, envoy::google::rpc::Status};
use tokio::time::Instant;

use super::{
    names::{NameEntry, NameTable},
    wasm,
};
use crate::modules::ModuleDigest;

mod last_known_good;
mod report;
mod table;
#[cfg(test)]
mod tests;

use last_known_good::{Origin, Saving};
pub(super) use report::Counters;
use table::{Outcome, Table};

const WILDCARD: &str = "*";
/// `google.rpc.Code.INVALID_ARGUMENT`, what Envoy's own NACKs carry too.
const INVALID_ARGUMENT: i32 = 3;

/// The state of the relay. Every method that may have something to say to ferrod takes the client session.
#[derive(Debug)]
pub(super) struct Core {
    tables: [Table; Kind::ALL.len()],
    served: ResourceSet,
    names: NameTable,
    envoy: Option<EnvoyStream>,
    upstream: Upstream,
    /// When ferrod was there for the last time, in milliseconds since 1970.
    heard_unix_millis: u64,
    /// How long ferrod may stay silent before the last-known-good content is served.
    patience: Duration,
    cold: Option<Origin>,
    /// Envoy serves content of the cache since then; in milliseconds since 1970, the time the content is from.
    served_from_cache: Option<u64>,
    saving: Saving,
    counters: Counters,
    changed: Changed,
}

/// What the driver has not looked at yet.
#[derive(Debug, Default)]
struct Changed {
    served: bool,
    names: bool,
    /// The stream to ferrod must be opened anew.
    reset: bool,
}

#[derive(Debug)]
struct EnvoyStream {
    id: StreamId,
    opened: Instant,
    /// When it last asked for something new.
    asked: Instant,
}

#[derive(Clone, Debug)]
enum Upstream {
    Up {
        since: Instant,
        unix_millis: u64,
        /// Since when nothing was heard of ferrod; `None` once it has answered on this stream.
        silent: Option<Instant>,
    },
    Down {
        /// Since when nothing was heard of ferrod. A stream that it accepts and closes again does not count.
        silent: Instant,
        reason: String,
    },
    /// Closed by the relay, which opens another at once.
    Reopening { since: Instant },
}

// === impl Core ===

impl Core {
    pub(super) fn new(patience: Duration, now: Instant) -> Self {
        Self {
            tables: Kind::ALL.map(Table::new),
            served: ResourceSet::partial(),
            names: NameTable::default(),
            envoy: None,
            upstream: Upstream::Down { silent: now, reason: "not connected yet".to_owned() },
            heard_unix_millis: 0,
            patience,
            cold: None,
            served_from_cache: None,
            saving: Saving::default(),
            counters: Counters::default(),
            changed: Changed::default(),
        }
    }

    /// What Envoy's session serves from.
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::new(Snapshot::new(vec![Arc::new(self.served.clone())]))
    }

    /// The snapshot, if it changed since the last call.
    pub(super) fn changed_snapshot(&mut self) -> Option<Arc<Snapshot>> {
        std::mem::take(&mut self.changed.served).then(|| self.snapshot())
    }

    /// The name table, if it changed since the last call.
    pub(super) fn changed_names(&mut self) -> Option<Arc<NameTable>> {
        std::mem::take(&mut self.changed.names).then(|| Arc::new(self.names.clone()))
    }

    /// Whether the stream to ferrod must be opened anew, because it speaks for an Envoy that is gone.
    pub(super) fn take_reset(&mut self) -> bool {
        std::mem::take(&mut self.changed.reset)
    }

    // --- Envoy ---

    /// A stream of Envoy begins. The one before it, should its end not have been noticed, is over.
    pub(super) fn opened(&mut self, session: &mut ClientSession, id: StreamId, now: Instant, unix_millis: u64) {
        if let Some(before) = &self.envoy {
            self.closed(session, before.id, unix_millis);
        }
        self.envoy = Some(EnvoyStream { id, opened: now, asked: now });
    }

    /// Something happened on a stream of Envoy. What happens on one that another has replaced is of no interest.
    pub(super) fn observe(&mut self, session: &mut ClientSession, event: SessionEvent, now: Instant, unix_millis: u64) {
        if self.envoy.as_ref().is_none_or(|envoy| envoy.id != event.stream) {
            return;
        }
        match event.what {
            What::Subscribed { kind, added, removed, initial } => {
                if let Some(envoy) = &mut self.envoy {
                    envoy.asked = now;
                }
                self.subscribed(session, kind, &added, &removed, initial.as_deref());
            }
            What::Sent { kind, items, resources, .. } => self.table(kind).sent(&items, &resources),
            What::Acked { kind, items, .. } => self.acked(session, kind, &items),
            What::Nacked { kind, items, held_back, status, .. } => {
                self.nacked(session, kind, &items, &held_back, &status.message);
            }
            What::Suspected { kind, items } => self.suspected(session, kind, &items),
            What::Unsent { kind, names } => self.unsent(session, kind, &names),
            What::Closed { .. } => self.closed(session, event.stream, unix_millis),
            What::Opened { .. } | What::UnknownType { .. } | What::Health { .. } | What::Stale { .. } => {}
        }
    }

    fn subscribed(
        &mut self,
        session: &mut ClientSession,
        kind: Kind,
        added: &[Arc<str>],
        removed: &[Arc<str>],
        initial: Option<&BTreeMap<Arc<str>, Arc<str>>>,
    ) {
        // The agent keeps its own subscription to the names, whatever Envoy asks for.
        if kind == Kind::NameTable {
            return;
        }
        if let Some(initial) = initial {
            if initial.is_empty() {
                self.table(kind).forget_refusals();
            } else {
                // An Envoy that has something is not waiting for an answer, and ferrod need not give one.
                self.answered(kind);
            }
            let outcome = self.table(kind).declared(initial);
            self.carry_out(session, kind, outcome);
        }
        for name in added {
            let table = &self.tables[kind.index()];
            if &**name == WILDCARD {
                session.subscribe_all(kind);
            } else if !session.interest(kind).names.contains(name) || !table.knows(name) {
                session.subscribe(kind, [Arc::clone(name)]);
            }
        }
        for name in removed {
            if &**name == WILDCARD {
                session.unsubscribe_all(kind);
            } else {
                session.unsubscribe(kind, [Arc::clone(name)]);
            }
        }
        if initial.is_some() {
            self.claim_all(session, kind);
        }
        if !removed.is_empty() {
            let interest = session.interest(kind);
            let table = self.table(kind);
            let unwanted = removed.iter().any(|name| &**name == WILDCARD);
            let dropped = if unwanted {
                table.spare(interest)
            } else {
                removed.iter().filter(|name| !covers(interest, name)).cloned().collect()
            };
            let routes = routes_among(kind, &dropped);
            let outcome = table.dropped(dropped);
            self.carry_out(session, kind, outcome);
            self.drop_hosts(session, &routes);
        }
    }

    fn acked(&mut self, session: &mut ClientSession, kind: Kind, items: &[Item]) {
        let interest = session.interest(kind);
        let outcome = self.table(kind).acked(items, |name| interest.names.contains(name));
        self.carry_out(session, kind, outcome);
    }

    /// A response was refused. Those of its resources that are not held back for it go to Envoy once more, without the
    /// bad ones.
    fn nacked(
        &mut self,
        session: &mut ClientSession,
        kind: Kind,
        items: &[Item],
        held_back: &[Arc<str>],
        reason: &str,
    ) {
        self.counters.nacked(kind, items, reason);
        tracing::warn!(kind = kind.short(), names = %Names(items), reason, "configuration was refused");
        let outcome = self.table(kind).nacked(items, held_back, &reason.into());
        self.carry_out(session, kind, outcome);
    }

    fn suspected(&mut self, session: &mut ClientSession, kind: Kind, items: &[Item]) {
        let reason: Arc<str> = "Envoy neither accepted nor refused it in time; it was taken back".into();
        let names: Vec<_> = items.iter().map(|item| Arc::clone(&item.name)).collect();
        self.counters.nacked(kind, items, &reason);
        tracing::warn!(kind = kind.short(), names = %Names(items), "{reason}");
        let outcome = self.table(kind).nacked(items, &names, &reason);
        self.carry_out(session, kind, outcome);
    }

    /// Envoy has no use for these as things are: ferrod need not wait for what it thinks of them.
    fn unsent(&mut self, session: &mut ClientSession, kind: Kind, names: &[Arc<str>]) {
        let outcome = self.table(kind).unsent(names);
        self.carry_out(session, kind, outcome);
    }

    /// Route configurations went: their virtual hosts went with them (M15), and are sent again should they come back.
    fn drop_hosts(&mut self, session: &mut ClientSession, routes: &[Arc<str>]) {
        if routes.is_empty() {
            return;
        }
        let hosts = self.table(Kind::VirtualHost).owned_by(routes);
        let outcome = self.table(Kind::VirtualHost).dropped(hosts);
        self.carry_out(session, Kind::VirtualHost, outcome);
    }

    /// Envoy's stream is over. What it accepted stays for the next; ferrod is asked for nothing but names meanwhile.
    fn closed(&mut self, session: &mut ClientSession, id: StreamId, unix_millis: u64) {
        if self.envoy.take_if(|envoy| envoy.id == id).is_none() {
            return;
        }
        for kind in envoy_kinds() {
            self.table(kind).closed();
            session.replace(kind, Interest::default(), BTreeMap::new());
        }
        let heard = if self.silent_since().is_none() { unix_millis } else { self.heard_unix_millis };
        let from = self.served_from_cache.take().unwrap_or(heard);
        self.cold.get_or_insert(Origin::Memory { unix_millis: from });
        self.served = ResourceSet::partial();
        self.saving.complete = false;
        self.changed.served = true;
        self.changed.reset = true;
    }

    // --- ferrod ---

    pub(super) fn connected(&mut self, now: Instant, unix_millis: u64) {
        self.upstream = Upstream::Up { since: now, unix_millis, silent: Some(self.silent_since().unwrap_or(now)) };
        self.counters.connects += 1;
    }

    /// The stream to ferrod ended, or an attempt to open one failed.
    pub(super) fn disconnected(&mut self, reason: String, now: Instant, unix_millis: u64) {
        let silent = self.silent_since();
        if silent.is_none() {
            self.heard_unix_millis = unix_millis;
        }
        self.upstream = Upstream::Down { silent: silent.unwrap_or(now), reason };
        self.tables.iter_mut().for_each(Table::disconnected);
    }

    /// Since when nothing was heard of ferrod, if it is not there.
    fn silent_since(&self) -> Option<Instant> {
        match self.upstream {
            Upstream::Up { silent, .. } => silent,
            Upstream::Down { silent, .. } => Some(silent),
            Upstream::Reopening { since } => Some(since),
        }
    }

    /// The relay closes the stream to ferrod and opens another.
    pub(super) fn reopening(&mut self, now: Instant) {
        self.upstream = Upstream::Reopening { since: now };
        self.tables.iter_mut().for_each(Table::disconnected);
    }

    /// A response of ferrod.
    pub(super) fn received(&mut self, session: &mut ClientSession, mut received: Received) {
        let kind = received.kind;
        if let Upstream::Up { silent, .. } = &mut self.upstream {
            *silent = None;
        }
        // What Envoy stopped asking for while the response was under way.
        let interest = session.interest(kind);
        received.resources.retain(|resource| covers(interest, resource.name()));
        received.removed.retain(|name| covers(interest, name));
        let routes = routes_among(kind, &received.removed);
        let outcome = self.table(kind).received(received);
        self.carry_out(session, kind, outcome);
        self.drop_hosts(session, &routes);
        self.answered(kind);
    }

    /// The list of this kind is known, even if it is empty.
    fn answered(&mut self, kind: Kind) {
        if !self.served.of(kind).answered() {
            let answered = self.served.of(kind).with_answered(true);
            self.served = self.served.clone().with(kind, answered);
            self.changed.served = true;
        }
    }

    // --- modules ---

    /// The modules that resources wait for.
    pub(super) fn awaited_modules(&self) -> HashSet<ModuleDigest> {
        self.tables[Kind::ExtensionConfig.index()].awaited_modules().collect()
    }

    /// The modules for want of which resources were refused.
    pub(super) fn failed_modules(&self) -> HashSet<ModuleDigest> {
        self.tables[Kind::ExtensionConfig.index()].failed_modules().collect()
    }

    /// The modules that resources name, whether Envoy has them already or not.
    pub(super) fn used_modules(&self) -> HashSet<ModuleDigest> {
        let table = &self.tables[Kind::ExtensionConfig.index()];
        let named = table.good().into_iter().filter_map(|good| wasm::module_of(Kind::ExtensionConfig, &good).ok()?);
        named.chain(self.awaited_modules()).collect()
    }

    /// A module is on disk, or it cannot be had.
    pub(super) fn module(&mut self, session: &mut ClientSession, digest: ModuleDigest, file: Result<&Path, &Arc<str>>) {
        if let Err(reason) = file {
            tracing::warn!(%digest, %reason, "a Wasm module cannot be had");
            self.counters.module_failures += 1;
        }
        let outcome = self.table(Kind::ExtensionConfig).module(digest, file);
        self.carry_out(session, Kind::ExtensionConfig, outcome);
    }

    // --- consequences ---

    fn carry_out(&mut self, session: &mut ClientSession, kind: Kind, outcome: Outcome) {
        let Outcome { updates, forgotten, touched, decisions, good_changed, healed } = outcome;
        session.ask_again(kind, healed);
        for decision in decisions {
            match decision.refusal {
                None => session.ack(kind, &decision.nonce),
                Some(message) => {
                    let status = Status { code: INVALID_ARGUMENT, message, details: Vec::new() };
                    session.nack(kind, &decision.nonce, status);
                }
            }
        }
        self.saving.dirty |= good_changed;
        self.record(session, kind, &touched);
        if kind == Kind::NameTable {
            self.take_names(session, updates);
        } else {
            self.serve(kind, updates, &forgotten);
        }
    }

    fn serve(&mut self, kind: Kind, updates: Vec<Update>, forgotten: &[Arc<str>]) {
        if updates.is_empty() && forgotten.is_empty() {
            return;
        }
        let types = self.served.of(kind).apply(updates).forget(forgotten.iter().map(|name| &**name));
        self.served = self.served.clone().with(kind, types);
        self.changed.served = true;
    }

    /// The agent is the one who accepts names.
    fn take_names(&mut self, session: &mut ClientSession, updates: Vec<Update>) {
        let mut accepted = Vec::with_capacity(updates.len());
        for Update { name, resource } in updates {
            let version = resource.as_ref().map(|resource| Arc::clone(resource.version()));
            let item = Item { name: Arc::clone(&name), version };
            match resource.as_ref().map(NameEntry::read).transpose() {
                Ok(Some(entry)) => self.names.put(&name, entry),
                Ok(None) => self.names.remove(&name),
                Err(invalid) => {
                    let reason = ferro_process::supervise::Chain(&invalid).to_string();
                    self.nacked(session, Kind::NameTable, &[item], &[name], &reason);
                    continue;
                }
            }
            accepted.push(item);
        }
        if !accepted.is_empty() {
            self.changed.names = true;
            self.acked(session, Kind::NameTable, &accepted);
        }
    }

    fn claim_all(&self, session: &mut ClientSession, kind: Kind) {
        let names: Vec<_> = self.tables[kind.index()].names().cloned().collect();
        self.record(session, kind, &names);
    }

    /// Brings `initial_resource_versions` of the next stream up to date.
    fn record(&self, session: &mut ClientSession, kind: Kind, names: &[Arc<str>]) {
        for name in names {
            let claim = self.tables[kind.index()].claim(name).filter(|_| covers(session.interest(kind), name));
            session.record(kind, Arc::clone(name), claim);
        }
    }

    fn table(&mut self, kind: Kind) -> &mut Table {
        // `tables` has one entry per kind, in the order of `Kind::ALL`.
        &mut self.tables[kind.index()]
    }
}

/// The names a log line is about.
struct Names<'a>(&'a [Item]);

impl std::fmt::Display for Names<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const SHOWN: usize = 5;
        for (index, item) in self.0.iter().take(SHOWN).enumerate() {
            write!(formatter, "{}{}", if index == 0 { "" } else { ", " }, item.name)?;
        }
        if self.0.len() > SHOWN {
            write!(formatter, " and {} more", self.0.len() - SHOWN)?;
        }
        Ok(())
    }
}

fn covers(interest: &Interest, name: &str) -> bool {
    interest.wildcard || interest.names.contains(name)
}

/// The names of route configurations among names of a kind.
fn routes_among(kind: Kind, names: &[Arc<str>]) -> Vec<Arc<str>> {
    if kind == Kind::Route { names.to_vec() } else { Vec::new() }
}

fn envoy_kinds() -> impl Iterator<Item = Kind> {
    Kind::ALL.into_iter().filter(|kind| *kind != Kind::NameTable)
}
