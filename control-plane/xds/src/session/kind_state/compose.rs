//! What goes into the next response.

use std::{collections::BTreeSet, mem, sync::Arc, time::Instant};

use ferro_xds_protos::{Kind, Resource};

use super::{KindState, placeholder};
use crate::{
    Item, Lookup, Sent, Variant,
    session::{
        flight::{Change, Held, InFlight, Role},
        response::Response,
    },
    snapshot::{entry_digest, version_of},
};

/// What the other kinds of the stream allow this one.
pub(in crate::session) struct Rules<'a> {
    /// The most bytes of resources in one response; a single one may exceed it.
    pub(in crate::session) budget: usize,
    /// Whether the client can use a resource of this name yet (virtual hosts: has its route configuration).
    pub(in crate::session) visible: &'a dyn Fn(&str) -> bool,
    /// Whether this name may be removed now, or only after what refers to it.
    pub(in crate::session) may_remove: &'a dyn Fn(&str) -> bool,
}

/// The content of a response.
#[derive(Debug, Default)]
pub(in crate::session) struct Draft {
    resources: Vec<Resource>,
    removed: Vec<Arc<str>>,
    pub(in crate::session) changes: Vec<Change>,
    bytes: usize,
    full_digest: Option<u128>,
}

/// What to do about one name the client is behind in.
enum Step {
    /// Nothing: it has what it should have.
    Settled,
    Send(Resource),
    Remove,
    /// Take back what is under suspicion; it is not to be sent again.
    TakeBack,
    /// Remove it once nothing refers to it.
    RemoveLater,
    /// It was refused, or is not known yet: wait until it changes.
    Wait,
    /// The client has no use for it.
    Invisible,
}

// === impl KindState ===

impl KindState {
    /// What can be sent now, or `None`.
    pub(in crate::session) fn compose(&mut self, rules: &Rules<'_>) -> Option<Draft> {
        if self.waits() || self.target.is_none() || !self.active() {
            return None;
        }
        let draft = if self.full() { self.compose_full(rules) } else { self.compose_changes(rules) };
        if draft.as_ref().is_some_and(|draft| !draft.changes.is_empty()) {
            self.reply_due = false;
            return draft;
        }
        self.compose_empty(draft)
    }

    /// The empty answer to a wildcard that matches nothing, if one is owed and it is certain (rule 34).
    fn compose_empty(&mut self, draft: Option<Draft>) -> Option<Draft> {
        let certain = self.target.as_ref().is_some_and(|target| target.answered(self.kind)) && self.behind.is_empty();
        (certain && mem::take(&mut self.reply_due)).then(|| draft.unwrap_or_default())
    }

    fn compose_changes(&mut self, rules: &Rules<'_>) -> Option<Draft> {
        let mut draft = Draft::default();
        self.compose_group(rules, &mut draft);
        if draft.changes.is_empty() {
            while draft.bytes < rules.budget {
                let Some(name) = self.dirty.pop_first() else { break };
                self.compose_name(&name, rules, &mut draft);
            }
        }
        self.cure_tainted(&mut draft);
        Some(draft)
    }

    /// While the guilty part of a refused response is searched for, its pieces go one after the other.
    fn compose_group(&mut self, rules: &Rules<'_>, draft: &mut Draft) {
        while let Some(mut group) = self.isolation.next_group() {
            while draft.bytes < rules.budget {
                let Some(name) = group.pop_first() else { break };
                if self.dirty.remove(&name) {
                    self.compose_name(&name, rules, draft);
                }
            }
            self.isolation.put_back(group);
            if !draft.changes.is_empty() {
                return;
            }
        }
    }

    /// Along with whatever else is sent, has the client drop clusters it refused, or go back to those it has.
    fn cure_tainted(&mut self, draft: &mut Draft) {
        if draft.changes.is_empty() && !mem::take(&mut self.cure_due) {
            return;
        }
        for name in mem::take(&mut self.tainted) {
            if draft.changes.iter().any(|change| change.name == name) {
                continue;
            }
            match (self.behind.get(&name).cloned(), self.last_good(&name), self.lookup(&name)) {
                (Some(held), Some(last_good), _) => draft.send(&name, held, last_good.clone(), Role::Cure),
                // It has what it should have again, for instance because the refused change was undone.
                (None, _, Lookup::Found(resource)) => {
                    let held = Held::Version(Arc::clone(resource.version()));
                    draft.send(&name, held, resource.clone(), Role::Cure);
                }
                (None, ..) => draft.remove(&name, Held::Nothing, Role::Cure),
                (Some(held), None, _) if !held.something() => draft.remove(&name, held, Role::Cure),
                // What it has is not at hand: it came by another stream, or was replaced twice in one flight.
                (Some(_), None, _) => {}
            }
        }
    }

    fn compose_name(&mut self, name: &Arc<str>, rules: &Rules<'_>, draft: &mut Draft) {
        self.unsent.remove(name);
        let Some(held) = self.behind.get(name) else { return };
        match self.step(name, held, rules) {
            Step::Settled | Step::Invisible => {
                self.behind.remove(name);
                self.unsent.insert(Arc::clone(name));
            }
            Step::Send(resource) => {
                let held = held.clone();
                self.behind.remove(name);
                draft.send(name, held, resource, Role::Content);
            }
            Step::Remove if self.variant == Variant::Sotw => {
                // Rule 31: these kinds cannot delete in state of the world.
                self.behind.remove(name);
            }
            Step::Remove => {
                draft.remove(name, held.clone(), Role::Content);
                self.behind.remove(name);
            }
            Step::TakeBack => {
                draft.remove(name, held.clone(), Role::Content);
                self.behind.insert(Arc::clone(name), Held::Nothing);
            }
            Step::RemoveLater => {
                self.departed.insert(Arc::clone(name));
                self.unsent.insert(Arc::clone(name));
            }
            Step::Wait => {}
        }
    }

    fn step(&self, name: &Arc<str>, held: &Held, rules: &Rules<'_>) -> Step {
        if !(rules.visible)(name) {
            return Step::Invisible;
        }
        let resource = match self.lookup(name) {
            Lookup::Found(resource) => Some(resource.clone()),
            Lookup::Absent => placeholder(self.kind, self.variant, name, held),
            Lookup::Unknown => return Step::Wait,
        };
        match (resource, held) {
            (Some(resource), held) => self.step_found(name, held, resource),
            (None, Held::Nothing) => Step::Settled,
            // Rule 27: delta says at once that a name does not exist, state of the world is silent.
            (None, Held::Untold) if self.variant == Variant::Sotw => Step::Settled,
            (None, Held::Untold) => Step::Remove,
            // Rule 46: a filter whose configuration is deleted answers 500 for as long as a listener refers to it.
            (None, _) if self.kind == Kind::ExtensionConfig => Step::Settled,
            (None, Held::Again | Held::Version(_)) if (rules.may_remove)(name) => Step::Remove,
            (None, Held::Again | Held::Version(_)) => Step::RemoveLater,
        }
    }

    fn step_found(&self, name: &Arc<str>, held: &Held, resource: Resource) -> Step {
        let has_it = held.is(resource.version());
        match self.rejected.get(name) == Some(resource.version()) {
            true if has_it => Step::TakeBack,
            true => Step::Wait,
            false if has_it => Step::Settled,
            false => Step::Send(resource),
        }
    }

    /// State of the world, CDS and LDS: everything, once anything has changed (rule 30).
    fn compose_full(&mut self, rules: &Rules<'_>) -> Option<Draft> {
        if self.dirty.is_empty() && !self.reply_due {
            return None;
        }
        self.dirty.clear();
        let mut draft = Draft::default();
        let mut outcome = Vec::new();
        for (name, held) in &self.behind {
            let step = self.step(name, held, rules);
            let version = match &step {
                Step::Send(resource) => Some(Arc::clone(resource.version())),
                Step::Remove | Step::TakeBack => None,
                // The client's version of what it refused is not at hand, and leaving it out would delete it.
                Step::Wait if held.something() && self.last_good(name).is_none() => return None,
                Step::Settled | Step::Invisible | Step::RemoveLater | Step::Wait => {
                    outcome.push((Arc::clone(name), step));
                    continue;
                }
            };
            draft.changes.push(Change { name: Arc::clone(name), before: held.clone(), version, role: Role::Content });
            outcome.push((Arc::clone(name), step));
        }
        let departed: BTreeSet<_> = outcome
            .iter()
            .filter(|(_, step)| matches!(step, Step::RemoveLater))
            .map(|(name, _)| Arc::clone(name))
            .collect();
        self.list_all(&departed, &mut draft);
        if draft.full_digest == self.rejected_digest {
            return None;
        }
        self.commit_full(outcome);
        self.departed = departed;
        if !draft.changes.is_empty() || mem::take(&mut self.cure_due) {
            draft.changes.extend(self.cured());
        }
        Some(draft)
    }

    /// What a full list cures by listing it as the client has it, or by leaving it out.
    fn cured(&mut self) -> Vec<Change> {
        let tainted = mem::take(&mut self.tainted);
        let last_good = tainted.into_iter().filter_map(|name| self.last_good(&name).cloned());
        let cure = |resource: Resource| {
            let version = Arc::clone(resource.version());
            let before = Held::Version(Arc::clone(&version));
            Change { name: Arc::clone(resource.name()), before, version: Some(version), role: Role::Cure }
        };
        last_good.map(cure).collect()
    }

    /// Lists what the client should have; of what it refused, the version it has; and what must not leave yet.
    fn list_all(&self, departed: &BTreeSet<Arc<str>>, draft: &mut Draft) {
        let (Some(target), Some(interest)) = (&self.target, &self.interest) else { return };
        let wanted = target.iter(self.kind).filter(|resource| interest.wants(resource.name()));
        let listed = wanted.filter_map(|resource| {
            let refused = self.rejected.get(resource.name()) == Some(resource.version());
            if refused { self.last_good(resource.name()) } else { Some(resource) }
        });
        let kept = departed.iter().filter_map(|name| self.last_good(name));
        draft.resources = listed.chain(kept).cloned().collect();
        draft.full_digest = Some(draft.resources.iter().fold(0, |sum, next| entry_digest(next).wrapping_add(sum)));
    }

    /// The version of a refused resource that the client has, if it is at hand.
    fn last_good(&self, name: &str) -> Option<&Resource> {
        self.lingering.of(name, self.behind.get(name)?)
    }

    fn commit_full(&mut self, outcome: Vec<(Arc<str>, Step)>) {
        for (name, step) in outcome {
            match step {
                Step::Send(_) | Step::Settled | Step::Invisible | Step::Remove => {
                    self.behind.remove(&name);
                }
                Step::TakeBack => {
                    self.behind.insert(name, Held::Nothing);
                }
                Step::RemoveLater | Step::Wait => {}
            }
        }
    }

    /// Turns a draft into a response that now waits for its answer, and lists what it says.
    pub(in crate::session) fn launch(
        &mut self,
        draft: Draft,
        nonce: Arc<str>,
        identity: Arc<str>,
        now: Instant,
    ) -> (Response, Arc<[Item]>) {
        let version: Arc<str> = match (draft.full_digest, &self.target) {
            (Some(digest), _) => version_of(digest).into(),
            (None, Some(target)) => target.version(self.kind).into(),
            (None, None) => Arc::from(""),
        };
        let items = draft.items();
        self.last_nonce = Some(Arc::clone(&nonce));
        self.sent = Some(Sent { nonce: Arc::clone(&nonce), version: Arc::clone(&version), at: now });
        self.in_flight = Some(InFlight {
            nonce: Arc::clone(&nonce),
            version: Arc::clone(&version),
            items: Arc::clone(&items),
            changes: draft.changes,
            handed_at: now,
            written_at: None,
            full_digest: draft.full_digest,
        });
        let (kind, variant) = (self.kind, self.variant);
        let (resources, removed) = (draft.resources.into(), draft.removed);
        (Response { kind, variant, nonce, version, resources, removed, identity }, items)
    }
}

// === impl Draft ===

impl Draft {
    /// A draft that only removes names.
    pub(in crate::session) fn removing(names: &[Arc<str>]) -> Self {
        let mut draft = Self::default();
        names.iter().for_each(|name| draft.remove(name, Held::Again, Role::Content));
        draft
    }

    /// Everything it lists, and everything it says is gone: by name, or by leaving it out of a full list.
    fn items(&self) -> Arc<[Item]> {
        let found = self
            .resources
            .iter()
            .map(|resource| Item { name: Arc::clone(resource.name()), version: Some(Arc::clone(resource.version())) });
        let gone = self.changes.iter().filter(|change| change.version.is_none());
        found.chain(gone.map(|change| Item { name: Arc::clone(&change.name), version: None })).collect()
    }

    fn send(&mut self, name: &Arc<str>, before: Held, resource: Resource, role: Role) {
        self.bytes += resource.delta_frame().len();
        let version = Some(Arc::clone(resource.version()));
        self.changes.push(Change { name: Arc::clone(name), before, version, role });
        self.resources.push(resource);
    }

    fn remove(&mut self, name: &Arc<str>, before: Held, role: Role) {
        self.bytes += name.len();
        self.changes.push(Change { name: Arc::clone(name), before, version: None, role });
        self.removed.push(Arc::clone(name));
    }
}
