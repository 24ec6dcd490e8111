//! What the clients of one view should have: immutable, shared, cheap to compare.
//!
//! ```text
//! Snapshot = parts: [outbound part, local part, ...]   names of the parts are disjoint
//! part     = ResourceSet: one TypeSet per Kind
//! TypeSet  = persistent map name -> resource, generation, bounded log of what changed
//! ```
//!
//! A change makes a new `TypeSet` that shares everything but the changed entries with the old one, and a session that
//! holds the old one learns from the log which names to look at: the cost follows the change, not the mesh.

use std::{collections::BTreeSet, sync::Arc};

use ferro_xds_protos::{Kind, Resource};

mod resource_set;
#[cfg(test)]
mod tests;
mod type_set;

pub use resource_set::ResourceSet;
pub use type_set::{Coverage, Lookup, TypeSet, Update};
pub(crate) use type_set::{entry_digest, version_of};

/// Everything one client can be sent: the parts of its view, each shared with all clients of that part.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    parts: Vec<Arc<ResourceSet>>,
}

// === impl Snapshot ===

impl Snapshot {
    /// A snapshot of these parts. A name that two parts of one kind hold is taken from the first.
    pub fn new(parts: Vec<Arc<ResourceSet>>) -> Self {
        Self { parts }
    }

    /// The parts, in order.
    pub fn parts(&self) -> &[Arc<ResourceSet>] {
        &self.parts
    }

    /// What is known of `name`. Absent only if no part could still learn of it.
    pub fn lookup(&self, kind: Kind, name: &str) -> Lookup<'_> {
        let mut unknown = false;
        let mut tombstone = false;
        for part in &self.parts {
            match part.of(kind).lookup(name) {
                Lookup::Found(resource) => return Lookup::Found(resource),
                Lookup::Absent => tombstone |= part.of(kind).coverage() == Coverage::Partial,
                Lookup::Unknown => unknown = true,
            }
        }
        if unknown && !tombstone { Lookup::Unknown } else { Lookup::Absent }
    }

    /// The resource, if it is there.
    pub fn get(&self, kind: Kind, name: &str) -> Option<&Resource> {
        match self.lookup(kind, name) {
            Lookup::Found(resource) => Some(resource),
            Lookup::Absent | Lookup::Unknown => None,
        }
    }

    /// Every resource of a kind; ordered by name within a part.
    pub fn iter(&self, kind: Kind) -> impl Iterator<Item = &Resource> {
        self.parts.iter().enumerate().flat_map(move |(index, part)| {
            part.of(kind).iter().filter(move |resource| !self.holds_before(index, kind, resource.name()))
        })
    }

    /// The resources of a kind whose names begin with `prefix`, ordered by name within a part.
    pub fn with_prefix<'a>(&'a self, kind: Kind, prefix: &'a str) -> impl Iterator<Item = &'a Resource> {
        self.parts.iter().flat_map(move |part| part.of(kind).with_prefix(prefix))
    }

    /// How many resources of a kind there are.
    pub fn len(&self, kind: Kind) -> usize {
        self.parts.iter().map(|part| part.of(kind).len()).sum()
    }

    /// Whether there is no resource of this kind.
    pub fn is_empty(&self, kind: Kind) -> bool {
        self.len(kind) == 0
    }

    /// Whether a wildcard subscription that matches nothing may be answered with "nothing", because every part either
    /// knows all its names or was told that the list is complete.
    pub fn answered(&self, kind: Kind) -> bool {
        self.parts.iter().all(|part| part.of(kind).answered())
    }

    /// A hash of every (name, version) of a kind: equal content, equal digest, on every replica (rule 6).
    pub fn digest(&self, kind: Kind) -> u128 {
        self.parts.iter().fold(0, |digest, part| digest.wrapping_add(part.of(kind).digest()))
    }

    /// The digest as text, short enough to read: the version of a kind as a whole.
    pub fn version(&self, kind: Kind) -> String {
        version_of(self.digest(kind))
    }

    /// The names of a kind that may differ between two snapshots: never too few, sometimes too many.
    pub fn changed(kind: Kind, before: &Self, after: &Self) -> BTreeSet<Arc<str>> {
        let mut names = BTreeSet::new();
        for index in 0..before.parts.len().max(after.parts.len()) {
            match (before.parts.get(index), after.parts.get(index)) {
                (Some(old), Some(new)) => new.of(kind).changed_since(old.of(kind), &mut names),
                (Some(only), None) | (None, Some(only)) => names.extend(only.of(kind).names().cloned()),
                (None, None) => {}
            }
        }
        names
    }

    fn holds_before(&self, index: usize, kind: Kind, name: &str) -> bool {
        self.parts.iter().take(index).any(|part| matches!(part.of(kind).lookup(name), Lookup::Found(_)))
    }
}
