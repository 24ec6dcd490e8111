//! Random histories of a store, with restarts in between.

use std::{collections::BTreeMap, path::Path};

use ferro_store::{
    CommitError, Revision, Store,
    journal::{RecordedObject, RevisionRecord},
    owner::Owner,
    transaction::Conflict,
};
use proptest::{collection::vec, prelude::Strategy, prop_oneof, proptest, test_runner::Config};

use crate::support::{apply, delete, open, weights};

/// What may happen to a store.
#[derive(Clone, Debug)]
enum Step {
    Apply { owner: Owner, name: &'static str, weight: u64 },
    Delete { owner: Owner, name: &'static str },
    Restart,
}

/// What a store should hold: owner, weight and version by name.
type Expected = BTreeMap<String, (Owner, u64, u64)>;

fn owner() -> impl Strategy<Value = Owner> + Clone {
    prop_oneof![
        proptest::strategy::Just(Owner::Api),
        proptest::strategy::Just(Owner::File("/a.yaml".into())),
        proptest::strategy::Just(Owner::File("/b.yaml".into())),
        proptest::strategy::Just(Owner::Registration("node".into())),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let name = proptest::sample::select(vec!["a", "b", "c"]);
    prop_oneof![
        6 => (owner(), name.clone(), 0..3_u64).prop_map(|(owner, name, weight)| Step::Apply { owner, name, weight }),
        2 => (owner(), name).prop_map(|(owner, name)| Step::Delete { owner, name }),
        1 => proptest::strategy::Just(Step::Restart),
    ]
}

/// Does one step in the expectation; the answer is the revision after it, or `None` for a conflict.
fn expect(expected: &mut Expected, revision: u64, step: &Step) -> Option<u64> {
    let (Step::Apply { owner, name, .. } | Step::Delete { owner, name }) = step else { return Some(revision) };
    let current = expected.get(*name).cloned();
    if current.as_ref().is_some_and(|(current, ..)| current.family() != owner.family()) {
        return None;
    }
    match step {
        Step::Apply { weight, .. } => {
            let is_same = current.is_some_and(|(current, same, _)| current == *owner && same == *weight);
            if is_same {
                return Some(revision);
            }
            expected.insert((*name).to_owned(), (owner.clone(), *weight, revision + 1));
            Some(revision + 1)
        }
        Step::Delete { .. } | Step::Restart => Some(revision + u64::from(expected.remove(*name).is_some())),
    }
}

fn commit(store: &Store, step: &Step) -> Option<Revision> {
    let transaction = match step {
        Step::Apply { owner, name, weight } => apply(owner, name, *weight),
        Step::Delete { owner, name } => delete(owner, name),
        Step::Restart => return Some(store.snapshot().revision()),
    };
    match store.commit_blocking(transaction) {
        Ok(committed) => Some(committed.revision),
        Err(CommitError::Conflict(Conflict::Owned { .. })) => None,
        Err(other) => panic!("{other}"),
    }
}

fn assert_content(store: &Store, expected: &Expected) {
    let snapshot = store.snapshot();
    let plain: Vec<(String, u64)> = expected.iter().map(|(name, (_, weight, _))| (name.clone(), *weight)).collect();
    assert_eq!(weights(&snapshot), plain);
    for (key, stored) in snapshot.iter() {
        let (owner, _, version) = &expected[&*key.name];
        assert_eq!((&stored.owner, stored.version.0), (owner, *version), "{key}");
    }
}

/// What the journal says of the objects, played forwards and back again.
fn assert_journal(store: &Store, revision: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut records: Vec<RevisionRecord> = runtime.block_on(store.history(1_000)).expect("readable");
    records.reverse();
    let numbers: Vec<u64> = records.iter().map(|record| record.revision.0).collect();
    assert_eq!(numbers, (1..=revision).collect::<Vec<_>>());
    let mut state: BTreeMap<String, RecordedObject> = BTreeMap::new();
    let mut past = Vec::new();
    for record in &records {
        past.push(state.clone());
        for change in &record.changes {
            assert_eq!(state.get(&change.name), change.before.as_ref(), "{change:?}");
            match &change.after {
                Some(object) => state.insert(change.name.clone(), object.clone()),
                None => state.remove(&change.name),
            };
        }
    }
    let snapshot = store.snapshot();
    let texts = |text: &str, version: Revision| (text.to_owned(), version);
    let now: Vec<_> = snapshot.iter().map(|(_, stored)| texts(&stored.object.source_text, stored.version)).collect();
    assert_eq!(state.values().map(|object| texts(&object.text, object.version)).collect::<Vec<_>>(), now);
    for (record, before) in records.iter().zip(past).rev() {
        for change in &record.changes {
            match &change.before {
                Some(object) => state.insert(change.name.clone(), object.clone()),
                None => state.remove(&change.name),
            };
        }
        assert_eq!(state, before, "rolled back before {}", record.revision);
    }
}

fn play(folder: &Path, steps: &[Step]) {
    let mut store = open(folder);
    let (mut expected, mut revision) = (Expected::new(), 0);
    for step in steps {
        if matches!(step, Step::Restart) {
            drop(store);
            store = open(folder);
        }
        let wanted = expect(&mut expected, revision, step);
        assert_eq!(commit(&store, step), wanted.map(Revision), "{step:?}");
        revision = wanted.unwrap_or(revision);
        assert_content(&store, &expected);
    }
    assert_journal(&store, revision);
}

proptest! {
    #![proptest_config(Config { cases: 64, failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_history_is_kept_with_its_revisions_versions_and_journal(steps in vec(step(), 1..40)) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        play(folder.path(), &steps);
    }
}
