//! Which file speaks for which object: pure.
//!
//! Every file claims the objects of its documents. If several files claim one object, the first in the order of the paths
//! has it, whichever was there earlier, so that a restart decides alike; the others are told. A file whose removal was
//! just seen yields to every other.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ferro_model::object::{Object, ObjectKey};

use crate::{
    owner::{Family, Owner},
    snapshot::Snapshot,
    transaction::{Action, Edit, Expected},
};

#[cfg(test)]
mod tests;

/// A document in force: an object and the line where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Document {
    pub(super) object: Arc<Object>,
    pub(super) line: u32,
}

/// The claims of all files.
#[derive(Debug, Default)]
pub(super) struct Claims {
    by_file: BTreeMap<Arc<str>, Vec<Document>>,
    /// The files that claim an object, and where in them it stands.
    by_key: BTreeMap<ObjectKey, BTreeMap<Arc<str>, usize>>,
}

/// A file's claim that is not honoured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rejected {
    pub(super) key: ObjectKey,
    pub(super) line: u32,
    pub(super) reason: Reason,
}

/// Why a claim is not honoured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Another file has it.
    Duplicate { file: Arc<str>, line: u32 },
    /// It does not belong to files.
    Owned(Owner),
}

/// What the store has to do for some objects.
#[derive(Debug, Default)]
pub(super) struct Resolution {
    pub(super) edits: Vec<Edit>,
    /// Objects that files claim and others own.
    pub(super) blocked: BTreeSet<ObjectKey>,
}

// === impl Claims ===

impl Claims {
    /// The files with claims, in the order of their paths.
    pub(super) fn files(&self) -> impl Iterator<Item = &Arc<str>> {
        self.by_file.keys()
    }

    /// The documents of a file.
    pub(super) fn of(&self, file: &str) -> &[Document] {
        self.by_file.get(file).map_or(&[], Vec::as_slice)
    }

    /// The files that claim an object.
    pub(super) fn claimants(&self, key: &ObjectKey) -> impl Iterator<Item = &Arc<str>> {
        self.by_key.get(key).into_iter().flat_map(BTreeMap::keys)
    }

    /// The objects that a file and others claim.
    pub(super) fn contested(&self, file: &str) -> impl Iterator<Item = ObjectKey> {
        let is_contested = |key: &ObjectKey| self.by_key.get(key).is_some_and(|claimants| claimants.len() > 1);
        self.of(file).iter().map(|document| &document.object.key).filter(move |key| is_contested(key)).cloned()
    }

    /// Adds a document to a file, as the store remembers it.
    pub(super) fn adopt(&mut self, file: &Arc<str>, object: Arc<Object>) {
        let documents = self.by_file.entry(Arc::clone(file)).or_default();
        self.by_key.entry(object.key.clone()).or_default().insert(Arc::clone(file), documents.len());
        documents.push(Document { object, line: 1 });
    }

    /// Replaces the documents of a file, each object at most once, and returns the objects that this may change.
    pub(super) fn replace(&mut self, file: &Arc<str>, mut documents: Vec<Document>) -> BTreeSet<ObjectKey> {
        let old = self.by_file.remove(file).unwrap_or_default();
        let old: BTreeMap<&ObjectKey, &Document> =
            old.iter().map(|document| (&document.object.key, document)).collect();
        let mut affected: BTreeSet<ObjectKey> = old.keys().map(|key| (*key).clone()).collect();
        for key in &affected {
            self.drop_claimant(key, file);
        }
        for (position, document) in documents.iter_mut().enumerate() {
            let key = document.object.key.clone();
            self.by_key.entry(key.clone()).or_default().insert(Arc::clone(file), position);
            match old.get(&key) {
                Some(old) if old.object.source_text == document.object.source_text => {
                    document.object = Arc::clone(&old.object);
                    affected.remove(&key);
                }
                Some(_) | None => drop(affected.insert(key)),
            }
        }
        if !documents.is_empty() {
            self.by_file.insert(Arc::clone(file), documents);
        }
        affected
    }

    /// Takes over the objects of the store that say the same, so that each is in memory once.
    pub(super) fn share(&mut self, keys: &BTreeSet<ObjectKey>, snapshot: &Snapshot) {
        for key in keys {
            let Some(stored) = snapshot.get(key) else { continue };
            for (file, &position) in self.by_key.get(key).into_iter().flatten() {
                let document = self.by_file.get_mut(file).and_then(|documents| documents.get_mut(position));
                if let Some(document) = document
                    && document.object.source_text == stored.object.source_text
                {
                    document.object = Arc::clone(&stored.object);
                }
            }
        }
    }

    /// What the store has to do for `keys`, so that each object is what the file that has it says. `is_leaving` tells
    /// files whose removal was seen.
    pub(super) fn resolve(
        &self,
        keys: &BTreeSet<ObjectKey>,
        snapshot: &Snapshot,
        is_leaving: impl Fn(&str) -> bool,
    ) -> Resolution {
        let mut resolution = Resolution::default();
        let mut winners = Vec::new();
        for key in keys {
            let owner = snapshot.get(key).map(|stored| &stored.owner);
            let is_ours = owner.is_none_or(|owner| owner.family() == Family::File);
            match (self.winner(key, &is_leaving), owner) {
                (Some(_), Some(_)) if !is_ours => drop(resolution.blocked.insert(key.clone())),
                (Some(winner), _) => winners.push(winner),
                (None, Some(owner)) if is_ours => resolution.edits.push(delete(key, owner)),
                (None, _) => {}
            }
        }
        // Of objects that appear together, the one that stands first is the older.
        winners.sort_by_key(|(file, position, _)| (*file, *position));
        resolution.edits.extend(winners.into_iter().map(|(file, _, document)| apply(file, document)));
        resolution
    }

    /// The claims of `file` that are not honoured.
    pub(super) fn rejected(&self, file: &str, snapshot: &Snapshot, is_leaving: impl Fn(&str) -> bool) -> Vec<Rejected> {
        let reject = |document: &Document| {
            let key = &document.object.key;
            let owner = snapshot.get(key).map(|stored| &stored.owner);
            let reason = match (owner.filter(|owner| owner.family() != Family::File), self.winner(key, &is_leaving)) {
                (Some(owner), _) => Reason::Owned(owner.clone()),
                (None, Some((winner, _, other))) if &**winner != file => {
                    Reason::Duplicate { file: Arc::clone(winner), line: other.line }
                }
                (None, _) => return None,
            };
            Some(Rejected { key: key.clone(), line: document.line, reason })
        };
        self.of(file).iter().filter_map(reject).collect()
    }

    /// The file that has an object, and the position and content of its document.
    fn winner(&self, key: &ObjectKey, is_leaving: &impl Fn(&str) -> bool) -> Option<(&Arc<str>, usize, &Document)> {
        let claimants = self.by_key.get(key)?;
        let first = claimants.iter().find(|(file, _)| !is_leaving(file)).or_else(|| claimants.first_key_value());
        let (file, &position) = first?;
        self.of(file).get(position).map(|document| (file, position, document))
    }

    fn drop_claimant(&mut self, key: &ObjectKey, file: &str) {
        if let Some(claimants) = self.by_key.get_mut(key) {
            claimants.remove(file);
            if claimants.is_empty() {
                self.by_key.remove(key);
            }
        }
    }
}

fn apply(file: &Arc<str>, document: &Document) -> Edit {
    Edit {
        owner: Owner::File(Arc::clone(file)),
        expected: Expected::Any,
        action: Action::Apply(Arc::clone(&document.object)),
    }
}

fn delete(key: &ObjectKey, owner: &Owner) -> Edit {
    Edit { owner: owner.clone(), expected: Expected::Any, action: Action::Delete(key.clone()) }
}
