//! The content of the store at one revision.

use std::{fmt, sync::Arc};

use ferro_model::object::{Change, Object, ObjectKey, ObjectKind};
use imbl::{OrdMap, ordmap::DiffItem};
use xxhash_rust::xxh3::xxh3_128;

use crate::{owner::Owner, revision::Revision};

/// One object with what the store knows about it.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The object. Its creation time is the one that the store remembers.
    pub object: Arc<Object>,
    /// Who may change it.
    pub owner: Owner,
    /// The revision of its last change: the resource version for optimistic concurrency.
    pub version: Revision,
    /// Of its text.
    pub hash: ContentHash,
}

/// A hash of a document's text, to tell whether it changed. No defence against forgery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ContentHash(u128);

/// Everything that the store holds at one revision. Immutable; clones share their content.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub(crate) revision: Revision,
    pub(crate) objects: OrdMap<ObjectKey, Arc<Stored>>,
}

// === impl Stored ===

/// Two records of one key in one store are the same if the same revision wrote them.
impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        self.version == other.version && self.object.key == other.object.key
    }
}

impl Eq for Stored {}

// === impl ContentHash ===

impl ContentHash {
    /// The hash of a text.
    pub fn of(text: &str) -> Self {
        Self(xxh3_128(text.as_bytes()))
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// The revision of this content.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// One object.
    pub fn get(&self, key: &ObjectKey) -> Option<&Arc<Stored>> {
        self.objects.get(key)
    }

    /// Every object, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&ObjectKey, &Arc<Stored>)> {
        self.objects.iter()
    }

    /// The objects of a kind, in the order of namespace and name.
    pub fn of_kind(&self, kind: ObjectKind) -> impl Iterator<Item = (&ObjectKey, &Arc<Stored>)> {
        self.objects.iter().filter(move |(key, _)| key.kind == kind)
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// What leads from `older` to this content, in the order of the keys. The cost follows the difference, as the two
    /// share what is equal.
    pub fn changes_since(&self, older: &Self) -> Vec<Change> {
        older.objects.diff(&self.objects).map(|item| to_change(&item)).collect()
    }
}

fn to_change(item: &DiffItem<'_, '_, ObjectKey, Arc<Stored>>) -> Change {
    match item {
        DiffItem::Add(_, stored) | DiffItem::Update { new: (_, stored), .. } => {
            Change::Applied(Arc::clone(&stored.object))
        }
        DiffItem::Remove(key, _) => Change::Deleted((*key).clone()),
    }
}
