use std::{collections::BTreeSet, sync::Arc};

/// The name that means everything.
pub(crate) const WILDCARD: &str = "*";

/// What a client wants of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// Everything.
    pub wildcard: bool,
    /// These names.
    pub names: BTreeSet<Arc<str>>,
}

// === impl Interest ===

impl Interest {
    /// Exactly these names.
    pub fn of(names: impl IntoIterator<Item = Arc<str>>) -> Self {
        Self { wildcard: false, names: names.into_iter().collect() }
    }

    /// Everything.
    pub fn all() -> Self {
        Self { wildcard: true, names: BTreeSet::new() }
    }

    /// Whether a resource of this name is wanted.
    pub fn wants(&self, name: &str) -> bool {
        self.wildcard || self.names.contains(name)
    }
}
