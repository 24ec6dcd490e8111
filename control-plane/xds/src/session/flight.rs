use std::{sync::Arc, time::Instant};

use crate::Item;

/// What a client has of one name, as far as its session knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// It has nothing, and nobody promised an answer.
    Nothing,
    /// It has nothing, and must be told whatever there is to tell, even if that is "nothing".
    Untold,
    /// It has something, and must be told again whatever there is to tell.
    Again,
    /// It has this version.
    Version(Arc<str>),
}

/// One name in a response.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) name: Arc<str>,
    /// What the client had before.
    pub(crate) before: Held,
    /// What it was sent; `None` is a removal.
    pub(crate) version: Option<Arc<str>>,
    pub(crate) role: Role,
}

/// Why a name is in a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The client is to have it, or is to lose it.
    Content,
    /// It frees the client of something it refused (M5): says again what it has.
    Cure,
}

/// A response the client has not answered yet.
#[derive(Clone, Debug)]
pub(crate) struct InFlight {
    pub(crate) nonce: Arc<str>,
    pub(crate) version: Arc<str>,
    pub(crate) items: Arc<[Item]>,
    pub(crate) changes: Vec<Change>,
    pub(crate) handed_at: Instant,
    /// When the transport took its last byte.
    pub(crate) written_at: Option<Instant>,
    /// The content of a full state-of-the-world response.
    pub(crate) full_digest: Option<u128>,
}

// === impl Held ===

impl Held {
    /// Whether the client has some version.
    pub(crate) fn something(&self) -> bool {
        matches!(self, Self::Again | Self::Version(_))
    }

    /// Whether the client has exactly this version, and need not be told.
    pub(crate) fn is(&self, version: &str) -> bool {
        matches!(self, Self::Version(held) if **held == *version)
    }
}

// === impl InFlight ===

impl InFlight {
    /// The changes that gave the client a resource it had nothing of before.
    pub(crate) fn added(&self) -> impl Iterator<Item = &Change> {
        let content = self.changes.iter().filter(|change| change.role == Role::Content);
        content.filter(|change| change.version.is_some() && !change.before.something())
    }
}
