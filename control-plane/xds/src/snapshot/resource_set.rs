use std::sync::Arc;

use ferro_xds_protos::{Kind, Resource};

use super::{TypeSet, Update};

/// One part of a view: a [`TypeSet`] per kind. Applying a change to one kind leaves the others shared.
#[derive(Clone, Debug)]
pub struct ResourceSet {
    types: [Arc<TypeSet>; Kind::ALL.len()],
}

// === impl ResourceSet ===

impl ResourceSet {
    /// A part that knows all its names: what it does not hold does not exist.
    pub fn whole() -> Self {
        Self { types: Kind::ALL.map(|_| Arc::new(TypeSet::whole())) }
    }

    /// A part that is still learning: what it was not told of is unknown (see [`super::Coverage::Partial`]).
    pub fn partial() -> Self {
        Self { types: Kind::ALL.map(|_| Arc::new(TypeSet::partial())) }
    }

    /// The resources of one kind.
    pub fn of(&self, kind: Kind) -> &Arc<TypeSet> {
        // `types` has one entry per kind, in the order of `Kind::ALL`.
        &self.types[kind.index()]
    }

    /// The set after these updates. Kinds they do not touch stay the same objects.
    #[must_use]
    pub fn apply(&self, updates: impl IntoIterator<Item = (Kind, Update)>) -> Self {
        let mut per_kind: [Vec<Update>; Kind::ALL.len()] = Default::default();
        for (kind, update) in updates {
            per_kind[kind.index()].push(update);
        }
        let mut next = self.clone();
        for (kind, updates) in Kind::ALL.into_iter().zip(per_kind) {
            if !updates.is_empty() {
                next.replace(kind, self.of(kind).apply(updates));
            }
        }
        next
    }

    /// The set with one kind exchanged.
    #[must_use]
    pub fn with(mut self, kind: Kind, types: TypeSet) -> Self {
        self.replace(kind, types);
        self
    }

    /// The resource, if it is there.
    pub fn get(&self, kind: Kind, name: &str) -> Option<&Resource> {
        self.of(kind).get(name)
    }

    fn replace(&mut self, kind: Kind, types: TypeSet) {
        if !self.of(kind).same(&types) {
            self.types[kind.index()] = Arc::new(types);
        }
    }
}

impl Default for ResourceSet {
    fn default() -> Self {
        Self::whole()
    }
}
