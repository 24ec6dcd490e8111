//! What a writer asks of the store, and what comes of it. Pure: [`plan`] decides, the writer thread writes.

use std::{collections::BTreeMap, sync::Arc};

use ferro_model::object::{Change, Object, ObjectKey, Timestamp};

use crate::{
    owner::Owner,
    revision::Revision,
    snapshot::{ContentHash, Snapshot, Stored},
};

#[cfg(test)]
mod tests;

/// A set of changes that take effect together, as one revision, or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction {
    /// Who asks, for the journal.
    pub author: String,
    /// The revision that the author has seen, if nothing may have changed since.
    pub expected: Option<Revision>,
    /// The changes, in the order in which new objects are older or younger than each other.
    pub edits: Vec<Edit>,
}

/// One change of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// Who owns the object afterwards, or owned it before its deletion.
    pub owner: Owner,
    /// What must be true of the object before.
    pub expected: Expected,
    /// What to do.
    pub action: Action,
}

/// What to do with an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Create it or replace it. A creation time that the document does not give is filled in by the store.
    Apply(Arc<Object>),
    /// Remove it. Nothing happens if it is not there.
    Delete(ObjectKey),
}

/// A condition on an object for optimistic concurrency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Whatever there is.
    #[default]
    Any,
    /// It does not exist.
    Absent,
    /// It exists in this version.
    Version(Revision),
}

/// What came of a transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Committed {
    /// The revision in force afterwards: a new one if anything changed, else the one before.
    pub revision: Revision,
    /// One for each edit, in their order.
    pub outcomes: Vec<Outcome>,
    /// What changed, for the mesh.
    pub changes: Vec<Change>,
}

/// What came of one edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did not exist before.
    Created,
    /// It replaced an older version, or changed hands.
    Configured,
    /// It is as it was.
    Unchanged,
    /// It is gone.
    Deleted,
}

/// Why a transaction was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Something was committed since the author looked.
    #[error("the store is at revision {current}, not at {expected}; read again and repeat")]
    Revision {
        /// What the author had seen.
        expected: Revision,
        /// What is in force.
        current: Revision,
    },
    /// The object changed since the author looked.
    #[error("{key} has version {current}, not {expected}; read it again and repeat")]
    Version {
        /// The object.
        key: ObjectKey,
        /// What the author had seen.
        expected: Revision,
        /// What is in force.
        current: Revision,
    },
    /// The object that the author saw is gone.
    #[error("{key} is gone; it had version {expected}")]
    Gone {
        /// The object.
        key: ObjectKey,
        /// What the author had seen.
        expected: Revision,
    },
    /// The object that the author wants to create is there.
    #[error("{key} exists already, in version {current}")]
    Exists {
        /// The object.
        key: ObjectKey,
        /// What is in force.
        current: Revision,
    },
    /// The object belongs to somebody else.
    #[error("{key} belongs to {owner}; {}", hint(owner))]
    Owned {
        /// The object.
        key: ObjectKey,
        /// Whose it is.
        owner: Owner,
    },
    /// Two edits of one transaction name the same object.
    #[error("{key} is named twice in one change; name it once")]
    Twice {
        /// The object.
        key: ObjectKey,
    },
}

/// What a transaction would do.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) snapshot: Snapshot,
    pub(crate) youngest: u64,
    pub(crate) steps: Vec<Step>,
    pub(crate) committed: Committed,
}

/// One object before and after.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) key: ObjectKey,
    pub(crate) before: Option<Arc<Stored>>,
    pub(crate) after: Option<Arc<Stored>>,
}

// === impl Edit ===

impl Edit {
    /// The object that it names.
    pub fn key(&self) -> &ObjectKey {
        match &self.action {
            Action::Apply(object) => &object.key,
            Action::Delete(key) => key,
        }
    }

    fn check(&self, current: Option<&Stored>) -> Result<(), Conflict> {
        if let Some(stored) = current
            && stored.owner.family() != self.owner.family()
        {
            return Err(Conflict::Owned { key: self.key().clone(), owner: stored.owner.clone() });
        }
        let key = || self.key().clone();
        match (self.expected, current.map(|stored| stored.version)) {
            (Expected::Any, _) | (Expected::Absent, None) => Ok(()),
            (Expected::Absent, Some(current)) => Err(Conflict::Exists { key: key(), current }),
            (Expected::Version(expected), None) => Err(Conflict::Gone { key: key(), expected }),
            (Expected::Version(expected), Some(current)) if expected != current => {
                Err(Conflict::Version { key: key(), expected, current })
            }
            (Expected::Version(_), Some(_)) => Ok(()),
        }
    }
}

fn hint(owner: &Owner) -> &'static str {
    match owner {
        Owner::File(_) => "change it in that file",
        Owner::Api => "delete it through the API first, or remove it here",
        Owner::Registration(_) => "it comes and goes with that workload",
    }
}

// === impl Plan ===

/// What `transaction` does to `base`. New objects are created at `now` or just after the `youngest` object (milliseconds
/// since 1970), so that of any two objects one is older, whatever the clock does.
pub(crate) fn plan(base: &Snapshot, youngest: u64, transaction: &Transaction, now: u64) -> Result<Plan, Conflict> {
    if let Some(expected) = transaction.expected
        && expected != base.revision
    {
        return Err(Conflict::Revision { expected, current: base.revision });
    }
    let mut planner = Planner { base, revision: base.revision.next(), youngest, now, steps: BTreeMap::new() };
    let outcomes = transaction.edits.iter().map(|edit| planner.edit(edit)).collect::<Result<Vec<_>, _>>()?;
    Ok(planner.finish(outcomes))
}

struct Planner<'a> {
    base: &'a Snapshot,
    revision: Revision,
    youngest: u64,
    now: u64,
    /// By object, and absent for those that stay as they are.
    steps: BTreeMap<ObjectKey, Option<Step>>,
}

// === impl Planner ===

impl Planner<'_> {
    fn edit(&mut self, edit: &Edit) -> Result<Outcome, Conflict> {
        let key = edit.key();
        if self.steps.contains_key(key) {
            return Err(Conflict::Twice { key: key.clone() });
        }
        let before = self.base.objects.get(key).cloned();
        edit.check(before.as_deref())?;
        let (outcome, after) = match (&edit.action, &before) {
            (Action::Apply(object), Some(stored)) if is_same(object, &edit.owner, stored) => (Outcome::Unchanged, None),
            (Action::Apply(object), before) => {
                let outcome = if before.is_some() { Outcome::Configured } else { Outcome::Created };
                (outcome, Some(self.store(object, &edit.owner, before.as_deref())))
            }
            (Action::Delete(_), None) => (Outcome::Unchanged, None),
            (Action::Delete(_), Some(_)) => (Outcome::Deleted, None),
        };
        let step = (outcome != Outcome::Unchanged).then(|| Step { key: key.clone(), before, after });
        self.steps.insert(key.clone(), step);
        Ok(outcome)
    }

    fn store(&mut self, object: &Arc<Object>, owner: &Owner, before: Option<&Stored>) -> Arc<Stored> {
        let mut object = Object::clone(object);
        if !object.meta.has_creation_time() {
            object.meta.created = match before {
                Some(stored) => stored.object.meta.created,
                None => self.next_creation_time(),
            };
        }
        let hash = ContentHash::of(&object.source_text);
        Arc::new(Stored { object: Arc::new(object), owner: owner.clone(), version: self.revision, hash })
    }

    fn next_creation_time(&mut self) -> Timestamp {
        self.youngest = self.now.max(self.youngest.saturating_add(1));
        Timestamp::from_unix_millis(self.youngest)
    }

    fn finish(self, outcomes: Vec<Outcome>) -> Plan {
        let steps: Vec<Step> = self.steps.into_values().flatten().collect();
        let mut snapshot = self.base.clone();
        for step in &steps {
            match &step.after {
                Some(stored) => snapshot.objects.insert(step.key.clone(), Arc::clone(stored)),
                None => snapshot.objects.remove(&step.key),
            };
        }
        if !steps.is_empty() {
            snapshot.revision = self.revision;
        }
        let changes = steps.iter().map(Step::to_change).collect();
        let committed = Committed { revision: snapshot.revision, outcomes, changes };
        Plan { snapshot, youngest: self.youngest, steps, committed }
    }
}

/// Whether applying `object` would change nothing.
fn is_same(object: &Object, owner: &Owner, stored: &Stored) -> bool {
    stored.owner == *owner && stored.object.source_text == object.source_text
}

// === impl Step ===

impl Step {
    fn to_change(&self) -> Change {
        match &self.after {
            Some(stored) => Change::Applied(Arc::clone(&stored.object)),
            None => Change::Deleted(self.key.clone()),
        }
    }
}
