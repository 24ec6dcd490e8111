//! What a client asks for, and what it says it has already.

use std::{collections::BTreeSet, mem, sync::Arc};

use super::{Claim, KindState};
use crate::{Interest, Snapshot, session::flight::Held};

// === impl KindState ===

impl KindState {
    /// The first request of this kind on the stream.
    pub(in crate::session) fn begin(&mut self, interest: Interest, claim: Claim) {
        self.reply_due = interest.wildcard && claim.is_empty();
        // A client that has nothing of a name it asks for waits for an answer, even if it will refuse it again.
        let waits = |name: &str| interest.names.contains(name) && !claim.of(name).something();
        self.drop_refusals(|name, _| !interest.wants(name) || waits(name));
        self.interest = Some(interest);
        self.claim = claim;
        self.reconcile();
    }

    /// Compares what a client says it has with what it should have, once there is something to compare with.
    pub(super) fn reconcile(&mut self) {
        if self.target.is_none() || self.interest.is_none() {
            return;
        }
        let claim = mem::take(&mut self.claim);
        self.forget_old_refusals();
        let everything = self.has_everything(&claim);
        // What it says it has, it has accepted after all.
        self.drop_refusals(|name, version| everything || claim.of(name).is(version));
        let (Some(target), Some(interest)) = (&self.target, &self.interest) else { return };
        let lagging = if everything { Vec::new() } else { self.lagging(target, interest, &claim) };
        // A list that is another one is sent, even if nothing is left to list: that is what deletes.
        let listed_otherwise = matches!(&claim, Claim::Version(version) if *version != target.version(self.kind));
        self.reply_due |= self.full() && listed_otherwise;
        let mut remembered = mem::take(&mut self.remembered);
        for (name, claimed) in lagging {
            // An earlier stream knew more than a client tells that only says it has something.
            let known = remembered.remove(&name).filter(|_| claimed == Held::Again);
            let held = known.unwrap_or(claimed);
            self.dirty.insert(Arc::clone(&name));
            self.behind.insert(name, held);
        }
    }

    /// Rule 36: only a client that wants all, and nothing by name, has all by having that version.
    fn has_everything(&self, claim: &Claim) -> bool {
        let (Some(target), Some(interest)) = (&self.target, &self.interest) else { return false };
        matches!(claim, Claim::Version(version) if interest.names.is_empty() && *version == target.version(self.kind))
    }

    fn lagging(&self, target: &Snapshot, interest: &Interest, claim: &Claim) -> Vec<(Arc<str>, Held)> {
        let mut lagging = Vec::new();
        if interest.wildcard {
            for resource in target.iter(self.kind) {
                match claim.of(resource.name()) {
                    Held::Version(version) if version == *resource.version() => {}
                    held => lagging.push((Arc::clone(resource.name()), held)),
                }
            }
            let gone = claim.names().filter(|name| target.get(self.kind, name).is_none());
            lagging.extend(gone.map(|name| (Arc::clone(name), claim.of(name))));
        }
        for name in &interest.names {
            match (target.get(self.kind, name), claim.of(name)) {
                (Some(_), _) if interest.wildcard => {}
                (Some(resource), Held::Version(version)) if version == *resource.version() => {}
                (_, Held::Nothing) => lagging.push((Arc::clone(name), Held::Untold)),
                (_, held) => lagging.push((Arc::clone(name), held)),
            }
        }
        lagging
    }

    /// More names (delta). One already wanted is sent again (rule 24), refused or not.
    pub(in crate::session) fn add_names(&mut self, names: impl IntoIterator<Item = Arc<str>>) {
        for name in names {
            let Some(interest) = &mut self.interest else { return };
            let wanted = interest.wants(&name);
            interest.names.insert(Arc::clone(&name));
            self.rejected.remove(&name);
            if wanted {
                self.force(&name);
            } else {
                self.owe(&name, Held::Untold);
            }
        }
    }

    /// Everything (delta). Asked for once more, everything is sent again.
    pub(in crate::session) fn add_wildcard(&mut self) {
        let Some(interest) = &mut self.interest else { return };
        let again = mem::replace(&mut interest.wildcard, true);
        self.reply_due = true;
        for name in self.found_names() {
            if again {
                self.force(&name);
            } else if !self.interest.as_ref().is_some_and(|interest| interest.names.contains(&name)) {
                self.owe(&name, Held::Nothing);
            }
        }
    }

    /// Fewer names (delta). One that the wildcard still covers is answered (rule 22), others need no answer (rule 23).
    pub(in crate::session) fn drop_names(&mut self, names: &BTreeSet<Arc<str>>) {
        for name in names {
            let Some(interest) = &mut self.interest else { return };
            if interest.names.remove(name) && interest.wildcard {
                self.force(name);
            }
        }
        self.forget_unwanted(names);
    }

    /// No longer everything, only the names asked for (delta).
    pub(in crate::session) fn drop_wildcard(&mut self) {
        if let Some(interest) = &mut self.interest {
            interest.wildcard = false;
            self.reply_due = false;
            let unwanted: BTreeSet<_> = self.behind.keys().cloned().collect();
            self.forget_unwanted(&unwanted);
        }
    }

    /// The whole list of what is wanted (state of the world). New names are answered (rule 25), others need no answer.
    pub(in crate::session) fn set_interest(&mut self, next: Interest) {
        let Some(before) = self.interest.take() else { return };
        let (wildcard, new) = (next.wildcard, next.names.difference(&before.names).cloned().collect::<Vec<_>>());
        let dropped: BTreeSet<_> = before.names.difference(&next.names).cloned().collect();
        self.interest = Some(next);
        if wildcard && !before.wildcard {
            self.reply_due = true;
            let unsent = self.found_names().into_iter().filter(|name| !before.names.contains(name));
            unsent.for_each(|name| self.owe(&name, Held::Nothing));
        }
        for name in &new {
            self.owe(name, if before.wildcard { Held::Again } else { Held::Untold });
        }
        self.forget_unwanted(&dropped);
        if before.wildcard && !wildcard {
            let unwanted: BTreeSet<_> = self.behind.keys().cloned().collect();
            self.forget_unwanted(&unwanted);
        }
    }

    fn found_names(&self) -> Vec<Arc<str>> {
        let found = self.target.iter().flat_map(|target| target.iter(self.kind));
        found.map(|resource| Arc::clone(resource.name())).collect()
    }

    fn forget_unwanted(&mut self, names: &BTreeSet<Arc<str>>) {
        let gone: BTreeSet<Arc<str>> = names.iter().filter(|name| !self.wants(name)).cloned().collect();
        for name in &gone {
            self.behind.remove(name);
            self.dirty.remove(name);
            self.departed.remove(name);
            self.unsent.remove(name);
            self.lingering.settle(name, None);
            self.tainted.remove(name);
        }
        self.drop_refusals(|name, _| gone.contains(name));
    }
}

// === impl Claim ===

impl Claim {
    pub(in crate::session) fn is_empty(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Versions(versions) => versions.is_empty(),
            Self::Version(_) => false,
        }
    }

    /// What the client has of `name` if it says the truth. A name without a version is that of an agent which wants to be
    /// told, if need be that it is gone: it keeps the order of removals towards its Envoy itself. A state-of-the-world
    /// client has *something* of everything, of a version that equals none.
    fn of(&self, name: &str) -> Held {
        match self {
            Self::Nothing => Held::Nothing,
            Self::Versions(versions) => match versions.get(name) {
                None => Held::Nothing,
                Some(version) if version.is_empty() => Held::Untold,
                Some(version) => Held::Version(Arc::clone(version)),
            },
            Self::Version(_) => Held::Again,
        }
    }

    fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        match self {
            Self::Versions(versions) => Some(versions.keys()),
            Self::Nothing | Self::Version(_) => None,
        }
        .into_iter()
        .flatten()
    }
}
