//! What the relay knows of one kind: each resource, what Envoy thinks of it, and which of ferrod's responses wait for
//! Envoy's verdict.
//!
//! ```text
//! resource:  unknown ──ferrod or cache──► offered ──Envoy ACKs──► good          (good is what the cache keeps)
//!                                            └──Envoy NACKs──► rejected         (good stays what it was)
//! response:  received ──every resource in it is judged──► ACK, or NACK with the reasons
//! ```

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use ferro_xds::{
    Item, Update,
    client::{Interest, Received},
    session::owners,
};
use ferro_xds_protos::{Kind, Resource};

use super::super::wasm;
use crate::modules::ModuleDigest;

mod entry;
mod pending;

use entry::{Entry, Latest, Refuser, Rejected};
pub(in crate::relay) use pending::Decision;
use pending::Pending;

type Text = Arc<str>;

/// The resources of one kind.
#[derive(Debug)]
pub(in crate::relay) struct Table {
    kind: Kind,
    entries: HashMap<Arc<str>, Entry>,
    pending: VecDeque<Pending>,
}

/// What Envoy thinks of a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::relay) enum Verdict {
    Accepted,
    Rejected(Text),
}

/// What follows from an event, for the caller to carry out.
#[derive(Debug, Default)]
pub(in crate::relay) struct Outcome {
    /// For the snapshot that Envoy's session serves from.
    pub(in crate::relay) updates: Vec<Update>,
    /// Names the snapshot shall know nothing of.
    pub(in crate::relay) forgotten: Vec<Arc<str>>,
    /// Names whose entry in `initial_resource_versions` may have changed.
    pub(in crate::relay) touched: Vec<Arc<str>>,
    /// Upstream responses that are judged now.
    pub(in crate::relay) decisions: Vec<Decision>,
    /// Names that ferrod holds to be refused, and that Envoy has accepted after all.
    pub(in crate::relay) healed: Vec<Arc<str>>,
    /// The last-known-good content changed.
    pub(in crate::relay) good_changed: bool,
}

// === impl Table ===

impl Table {
    pub(in crate::relay) fn new(kind: Kind) -> Self {
        Self { kind, entries: HashMap::new(), pending: VecDeque::new() }
    }

    /// Takes in what an earlier process saved. Nobody is offered it before [`Table::fill`].
    pub(in crate::relay) fn load(&mut self, resource: Resource) {
        let entry = self.entries.entry(Arc::clone(resource.name())).or_default();
        entry.good = Some(resource);
    }

    /// A response of ferrod, reduced to the names that are subscribed.
    pub(in crate::relay) fn received(&mut self, received: Received) -> Outcome {
        let mut outcome = Outcome::default();
        self.pending.push_back(Pending::new(&received));
        let names: Vec<_> = received.items().into_iter().map(|item| item.name).collect();
        for name in received.removed {
            let entry = self.entries.entry(Arc::clone(&name)).or_default();
            entry.renew(None);
            entry.module = None;
            outcome.good_changed |= entry.let_go();
            outcome.updates.push(Update::gone(name));
        }
        for resource in received.resources {
            self.offer(resource, &mut outcome);
        }
        for name in names {
            self.settle(&name);
            outcome.touched.push(name);
        }
        self.decide(&mut outcome);
        outcome
    }

    /// Offers Envoy the last-known-good content of names that ferrod has not spoken of.
    pub(in crate::relay) fn fill(&mut self) -> Outcome {
        let mut outcome = Outcome::default();
        // What Envoy holds already is not older than what is remembered here.
        let wanted = |entry: &&Entry| matches!(entry.latest, Latest::Unknown) && entry.held.is_none();
        let cold: Vec<_> = self.entries.values().filter(wanted).filter_map(|entry| entry.good.clone()).collect();
        for resource in cold {
            self.offer(resource, &mut outcome);
        }
        outcome
    }

    /// A module is on disk, or will not be: offers the resources that waited for it, or refuses them.
    pub(in crate::relay) fn module(&mut self, digest: ModuleDigest, file: Result<&std::path::Path, &Text>) -> Outcome {
        let mut outcome = Outcome::default();
        let failed = |entry: &Entry| entry.failed_module() == Some(digest) && file.is_ok();
        let waits = |entry: &Entry| entry.module == Some(digest) || failed(entry);
        let waiting: Vec<_> =
            self.entries.iter().filter(|(_, entry)| waits(entry)).map(|(name, _)| Arc::clone(name)).collect();
        for name in waiting {
            self.provide(&name, digest, file, &mut outcome);
            self.settle(&name);
            outcome.touched.push(name);
        }
        self.decide(&mut outcome);
        outcome
    }

    fn provide(
        &mut self,
        name: &Arc<str>,
        digest: ModuleDigest,
        file: Result<&std::path::Path, &Text>,
        outcome: &mut Outcome,
    ) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        if file.is_ok() && entry.failed_module() == Some(digest) {
            entry.rejected = None;
            entry.module = Some(digest);
            outcome.healed.push(Arc::clone(name));
        }
        // The last known good may wait for one module while the newest content lacks another.
        if entry.module.take_if(|awaited| *awaited == digest).is_none() {
            return;
        }
        let Some(content) = entry.content() else { return };
        match file.map(|file| wasm::with_module(content, file)) {
            Ok(Some(rewritten)) => outcome.updates.push(Update::put(rewritten)),
            Ok(None) => self.refuse(name, &"the path of the module cache is not UTF-8".into(), None, outcome),
            Err(reason) => self.refuse(name, reason, Some(digest), outcome),
        }
    }

    /// Envoy has just started: what an earlier one refused, it may accept.
    pub(in crate::relay) fn forget_refusals(&mut self) {
        self.entries.values_mut().for_each(|entry| entry.rejected = None);
    }

    /// Envoy says what it holds, at the start of its stream. Where that is what the relay remembers, its content is
    /// known again.
    pub(in crate::relay) fn declared(&mut self, held: &BTreeMap<Arc<str>, Arc<str>>) -> Outcome {
        let mut outcome = Outcome::default();
        for (name, version) in held {
            let entry = self.entries.entry(Arc::clone(name)).or_default();
            entry.held = Some(Arc::clone(version));
            if let Some(good) = entry.good.clone().filter(|good| good.version() == version) {
                self.offer(good, &mut outcome);
            }
        }
        outcome
    }

    /// These names are under way to Envoy.
    pub(in crate::relay) fn sent(&mut self, items: &[Item], resources: &[Resource]) {
        for Item { name, .. } in items {
            if let Some(entry) = self.entries.get_mut(name) {
                entry.in_flight = true;
                entry.unsent = false;
            }
        }
        // What Envoy is sent of a filter names a file of this machine, which is not for the cache.
        for resource in resources.iter().filter(|_| self.kind != Kind::ExtensionConfig) {
            if let Some(entry) = self.entries.get_mut(resource.name()) {
                entry.sent = Some(resource.clone());
            }
        }
    }

    /// Envoy accepted these. `keeps` tells whether a name is subscribed by itself, so that its absence matters.
    pub(in crate::relay) fn acked(&mut self, items: &[Item], keeps: impl Fn(&str) -> bool) -> Outcome {
        let mut outcome = Outcome::default();
        for Item { name, version } in items {
            let Some(entry) = self.entries.get_mut(name) else { continue };
            entry.in_flight = false;
            entry.held.clone_from(version);
            if version.as_ref() == entry.latest_version() {
                // It differed meanwhile: what was refused may be tried again.
                if entry.rejected.take().is_some_and(|rejected| Some(&rejected.version) == version.as_ref()) {
                    outcome.healed.push(Arc::clone(name));
                }
            }
            outcome.good_changed |= entry.accept(version.as_ref());
            entry.sent = None;
            let gone = entry.is_gone();
            self.judge(name, version.as_ref(), &Verdict::Accepted);
            self.settle(name);
            if gone && !keeps(name) {
                self.entries.remove(name);
                outcome.forgotten.push(Arc::clone(name));
            }
            outcome.touched.push(Arc::clone(name));
        }
        self.decide(&mut outcome);
        outcome
    }

    /// Envoy refused a response with these. Those that are not held back will be sent again, and judged then.
    pub(in crate::relay) fn nacked(&mut self, items: &[Item], held_back: &[Arc<str>], reason: &Text) -> Outcome {
        let mut outcome = Outcome::default();
        let held_back: HashSet<_> = held_back.iter().collect();
        for Item { name, version } in items {
            let Some(entry) = self.entries.get_mut(name) else { continue };
            entry.in_flight = false;
            entry.sent = None;
            if !held_back.contains(name) {
                continue;
            }
            if let Some(version) = version {
                outcome.good_changed |= entry.reject(version, reason);
            }
            self.judge(name, version.as_ref(), &Verdict::Rejected(Arc::clone(reason)));
            self.settle(name);
            self.fall_back(name, &mut outcome);
            outcome.touched.push(Arc::clone(name));
        }
        self.decide(&mut outcome);
        outcome
    }

    /// These will not reach Envoy as things are: no response waits for its verdict on them.
    pub(in crate::relay) fn unsent(&mut self, names: &[Arc<str>]) -> Outcome {
        let mut outcome = Outcome::default();
        for name in names {
            if let Some(entry) = self.entries.get_mut(name) {
                entry.unsent = true;
            }
            self.settle(name);
        }
        self.decide(&mut outcome);
        outcome
    }

    /// The names of virtual hosts that belong to one of these route configurations.
    pub(in crate::relay) fn owned_by(&self, routes: &[Arc<str>]) -> Vec<Arc<str>> {
        let routes: HashSet<&str> = routes.iter().map(|route| &**route).collect();
        let owned = |host: &&Arc<str>| owners(host).any(|route| routes.contains(route));
        self.entries.keys().filter(owned).cloned().collect()
    }

    /// These names are not wanted any more: they are dropped, and no response waits for them.
    pub(in crate::relay) fn dropped(&mut self, names: Vec<Arc<str>>) -> Outcome {
        let mut outcome = Outcome::default();
        for name in names {
            let entry = self.entries.remove(&name);
            outcome.good_changed |= entry.is_some_and(|entry| entry.good.is_some());
            self.settle(&name);
            outcome.touched.push(Arc::clone(&name));
            outcome.forgotten.push(name);
        }
        self.decide(&mut outcome);
        outcome
    }

    /// The names that nobody needs: not wanted, or gone and not asked for by name.
    pub(in crate::relay) fn spare(&self, interest: &Interest) -> Vec<Arc<str>> {
        let needed = |(name, entry): &(&Arc<str>, &Entry)| {
            interest.names.contains(*name) || (interest.wildcard && (!entry.is_gone() || entry.in_flight))
        };
        self.entries.iter().filter(|entry| !needed(entry)).map(|(name, _)| Arc::clone(name)).collect()
    }

    /// Envoy's stream ended: what stays is what it had accepted, for the next one.
    pub(in crate::relay) fn closed(&mut self) {
        self.pending.clear();
        self.entries.retain(|_, entry| {
            let rejected = entry.rejected.take_if(|rejected| rejected.by == Refuser::Envoy);
            *entry = Entry { good: entry.good.take(), rejected, ..Entry::default() };
            entry.good.is_some() || entry.rejected.is_some()
        });
    }

    /// ferrod's stream ended: nobody waits for an answer to its responses.
    pub(in crate::relay) fn disconnected(&mut self) {
        self.pending.clear();
    }

    /// What `initial_resource_versions` says of a name: what Envoy last ACKed. An empty version, which fits nothing, for
    /// what is on its way to Envoy and for what only Envoy still has, so that ferrod sends it or says that it is gone.
    pub(in crate::relay) fn claim(&self, name: &str) -> Option<Arc<str>> {
        let entry = self.entries.get(name)?;
        let concerns = entry.held.is_some() || entry.has_content() || entry.in_flight;
        let held = entry.held.as_ref().filter(|held| entry.has_version(held));
        held.cloned().or_else(|| concerns.then(|| Arc::from("")))
    }

    pub(in crate::relay) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.entries.keys()
    }

    /// Whether ferrod or the cache has said anything of a name in this stream.
    pub(in crate::relay) fn knows(&self, name: &str) -> bool {
        self.entries.get(name).is_some_and(|entry| !matches!(entry.latest, Latest::Unknown))
    }

    /// Whether Envoy has a name, or knows that it does not exist.
    pub(in crate::relay) fn is_served(&self, name: &str) -> bool {
        self.knows(name) || self.entries.get(name).is_some_and(|entry| entry.held.is_some())
    }

    /// What Envoy last accepted.
    pub(in crate::relay) fn good(&self) -> Vec<Resource> {
        self.entries.values().filter_map(|entry| entry.good.clone()).collect()
    }

    /// The modules that resources wait for.
    pub(in crate::relay) fn awaited_modules(&self) -> impl Iterator<Item = ModuleDigest> {
        self.entries.values().filter_map(|entry| entry.module)
    }

    /// The modules that could not be had, and for which resources were refused.
    pub(in crate::relay) fn failed_modules(&self) -> impl Iterator<Item = ModuleDigest> {
        self.entries.values().filter_map(Entry::failed_module)
    }

    /// How many resources Envoy holds.
    pub(in crate::relay) fn accepted(&self) -> usize {
        self.entries.values().filter(|entry| entry.held.is_some()).count()
    }

    /// How many of ferrod's responses wait for Envoy's verdict.
    pub(in crate::relay) fn undecided(&self) -> usize {
        self.pending.len()
    }

    /// Takes in the newest content of a name, and serves it unless Envoy has refused it already.
    fn offer(&mut self, resource: Resource, outcome: &mut Outcome) {
        let name = Arc::clone(resource.name());
        let entry = self.entries.entry(Arc::clone(&name)).or_default();
        // One copy of equal content, whoever brought it.
        let same = entry.good.as_ref().filter(|good| good.version() == resource.version()).cloned();
        entry.renew(Some(same.unwrap_or(resource)));
        entry.rejected.take_if(|rejected| rejected.by != Refuser::Envoy);
        if let Some(held) = entry.held.clone() {
            // Envoy may have accepted just this before the relay had it.
            outcome.good_changed |= entry.accept(Some(&held));
        }
        self.serve(&name, outcome);
    }

    /// Serves what [`Entry::content`] says, as soon as its module is on disk.
    fn serve(&mut self, name: &Arc<str>, outcome: &mut Outcome) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        entry.module = None;
        let Some(content) = entry.content() else { return };
        match wasm::module_of(self.kind, content) {
            Ok(None) => outcome.updates.push(Update::put(content.clone())),
            Ok(waits_for) => entry.module = waits_for,
            Err(invalid) => self.refuse(name, &invalid.to_string().into(), None, outcome),
        }
    }

    /// Refuses the content that was to be served, in Envoy's place; if a module is missing, until it can be had.
    fn refuse(&mut self, name: &Arc<str>, reason: &Text, missing: Option<ModuleDigest>, outcome: &mut Outcome) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        entry.module = None;
        if entry.refusal().is_some() {
            // It was the last known good already.
            outcome.updates.push(Update::gone(Arc::clone(name)));
            return;
        }
        if let Some(version) = entry.latest_version().cloned() {
            entry.rejected = Some(Rejected { by: Refuser::Relay { missing }, version, reason: Arc::clone(reason) });
        }
        self.fall_back(name, outcome);
    }

    /// After a refusal Envoy keeps what it has. One that has nothing gets the last known good; if there is none, it is
    /// told so where it would wait for it in vain.
    fn fall_back(&mut self, name: &Arc<str>, outcome: &mut Outcome) {
        let Some(entry) = self.entries.get(name) else { return };
        let by_relay = entry.rejected.as_ref().is_some_and(|rejected| rejected.by != Refuser::Envoy);
        if entry.content().is_some() {
            self.serve(name, outcome);
        } else if by_relay && entry.held.is_none() {
            outcome.updates.push(Update::gone(Arc::clone(name)));
        }
    }

    /// Applies the verdict on the newest content of a name, if there is one already.
    fn settle(&mut self, name: &Arc<str>) {
        let Some(entry) = self.entries.get(name) else {
            return self.judge(name, None, &Verdict::Accepted);
        };
        if let Some(verdict) = entry.verdict() {
            let version = entry.latest_version().cloned();
            self.judge(name, version.as_ref(), &verdict);
        }
    }

    /// Applies a verdict on one content of a name to the responses that wait for it. What came before that content is
    /// superseded: nobody will judge it any more.
    fn judge(&mut self, name: &Arc<str>, version: Option<&Arc<str>>, verdict: &Verdict) {
        let Some(last) = self.pending.iter().rposition(|pending| pending.waits_for(name, version)) else {
            if !self.entries.contains_key(name) {
                self.pending.iter_mut().for_each(|pending| pending.judge(name, &Verdict::Accepted));
            }
            return;
        };
        for pending in self.pending.iter_mut().take(last + 1) {
            let exactly = pending.waits_for(name, version);
            pending.judge(name, if exactly { verdict } else { &Verdict::Accepted });
        }
    }

    fn decide(&mut self, outcome: &mut Outcome) {
        while let Some(decided) = self.pending.pop_front_if(|pending| pending.is_judged()) {
            let decision = decided.decision();
            outcome.touched.extend(decision.names.iter().cloned());
            outcome.decisions.push(decision);
        }
    }

    /// Names whose newest content was refused, and why; in order.
    pub(in crate::relay) fn refusals(&self) -> BTreeMap<String, String> {
        let refused = |(name, entry): (&Arc<str>, &Entry)| Some((name.to_string(), entry.refusal()?.to_string()));
        self.entries.iter().filter_map(refused).collect()
    }
}
