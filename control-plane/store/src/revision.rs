//! Revisions: the store's only clock.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of a committed change set, and the version of every object that it touched.
///
/// It starts at zero for an empty store, grows by one with every commit that changed something, and never goes back,
/// not even over a crash: nobody sees a revision before it is durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

// === impl Revision ===

impl Revision {
    /// The revision of a store to which nothing was ever committed.
    pub const ZERO: Self = Self(0);

    /// The revision after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
