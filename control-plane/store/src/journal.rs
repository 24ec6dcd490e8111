//! The past, as far back as the journal goes.

use ferro_model::object::ObjectKey;

use crate::{
    disk::{Entry, EntryChange, Record},
    record,
    revision::Revision,
};

/// One revision: who changed what, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionRecord {
    /// Its number.
    pub revision: Revision,
    /// When it was committed, in milliseconds since 1970.
    pub at: u64,
    /// Who asked for it.
    pub author: String,
    /// What changed, each object once.
    pub changes: Vec<RecordedChange>,
}

/// One object of a revision, before and after: enough to go forwards and back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedChange {
    /// The object, as the journal names it: `Kind/namespace/name`.
    pub name: String,
    /// The object, unless its kind is unknown to this version.
    pub key: Option<ObjectKey>,
    /// Absent if it was created.
    pub before: Option<RecordedObject>,
    /// Absent if it was deleted.
    pub after: Option<RecordedObject>,
}

/// An object as it was at a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedObject {
    /// The document.
    pub text: String,
    /// Whose it was.
    pub owner: String,
    /// Milliseconds since 1970.
    pub created: u64,
    /// Its resource version.
    pub version: Revision,
}

pub(crate) fn from_entry((revision, entry): (Revision, Entry)) -> RevisionRecord {
    let changes = entry.changes.into_iter().map(RecordedChange::from).collect();
    RevisionRecord { revision, at: entry.at, author: entry.author, changes }
}

// === impl RecordedChange ===

impl From<EntryChange> for RecordedChange {
    fn from(change: EntryChange) -> Self {
        Self {
            key: record::parse_object_key(&change.key),
            name: change.key,
            before: change.before.map(RecordedObject::from),
            after: change.after.map(RecordedObject::from),
        }
    }
}

// === impl RecordedObject ===

impl From<Record> for RecordedObject {
    fn from(record: Record) -> Self {
        Self { text: record.text, owner: record.owner, created: record.created, version: record.version }
    }
}
