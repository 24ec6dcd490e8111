use std::sync::Arc;

use ferro_model::object::{Change, Timestamp};

use super::{Conflict, Expected, Outcome, Plan, Transaction, plan};
use crate::{
    owner::Owner,
    revision::Revision,
    snapshot::Snapshot,
    testing::{apply, delete, file, key, object, transaction},
};

const NOW: u64 = 1_000;

fn commit(base: &Snapshot, transaction: &Transaction) -> Plan {
    plan(base, 0, transaction, NOW).expect("no conflict")
}

fn store_of(owner: &Owner, names: &[&str]) -> Snapshot {
    commit(&Snapshot::default(), &transaction(names.iter().map(|name| apply(owner, object(name, 1))))).snapshot
}

fn created(snapshot: &Snapshot, name: &str) -> Timestamp {
    snapshot.get(&key(name)).expect("it is there").object.meta.created
}

#[test]
fn every_touched_object_gets_the_new_revision_and_the_others_keep_theirs() {
    let base = store_of(&Owner::Api, &["a", "b"]);
    let after = commit(&base, &transaction([apply(&Owner::Api, object("b", 2)), apply(&Owner::Api, object("c", 1))]));
    let version = |name: &str| after.snapshot.get(&key(name)).map(|stored| stored.version);
    assert_eq!(after.committed.revision, Revision(2));
    assert_eq!(after.committed.outcomes, [Outcome::Configured, Outcome::Created]);
    assert_eq!([version("a"), version("b"), version("c")], [Some(Revision(1)), Some(Revision(2)), Some(Revision(2))]);
}

#[test]
fn the_same_content_makes_no_revision() {
    let base = store_of(&Owner::Api, &["a"]);
    let again = commit(&base, &transaction([apply(&Owner::Api, object("a", 1)), delete(&Owner::Api, "absent")]));
    assert_eq!(again.committed.revision, base.revision());
    assert_eq!(again.committed.outcomes, [Outcome::Unchanged, Outcome::Unchanged]);
    assert!(again.committed.changes.is_empty() && again.steps.is_empty());
}

#[test]
fn a_deletion_is_a_change_that_names_the_object() {
    let base = store_of(&Owner::Api, &["a", "b"]);
    let after = commit(&base, &transaction([delete(&Owner::Api, "a")]));
    assert_eq!(after.committed.changes, [Change::Deleted(key("a"))]);
    assert_eq!(after.snapshot.changes_since(&base), [Change::Deleted(key("a"))]);
    assert_eq!(after.snapshot.len(), 1);
}

#[test]
fn objects_that_appear_together_are_older_in_the_order_in_which_they_stand() {
    let both = store_of(&Owner::Api, &["z", "a"]);
    assert!(created(&both, "z") < created(&both, "a"));
}

#[test]
fn a_clock_that_is_set_back_makes_no_newcomer_the_oldest() {
    let first =
        plan(&Snapshot::default(), 0, &transaction([apply(&Owner::Api, object("a", 1))]), 50_000).expect("fits");
    let second =
        plan(&first.snapshot, first.youngest, &transaction([apply(&Owner::Api, object("b", 1))]), 7).expect("fits");
    assert!(created(&second.snapshot, "a") < created(&second.snapshot, "b"));
}

#[test]
fn a_creation_time_survives_changes_and_moves_to_another_file() {
    let base = store_of(&file("/a.yaml"), &["a"]);
    let changed = plan(&base, NOW, &transaction([apply(&file("/b.yaml"), object("a", 9))]), 77_000).expect("fits");
    assert_eq!(created(&changed.snapshot, "a"), created(&base, "a"));
    assert_eq!(changed.snapshot.get(&key("a")).map(|stored| stored.owner.clone()), Some(file("/b.yaml")));
}

#[test]
fn a_creation_time_that_the_document_gives_is_kept() {
    let mut given = object("a", 1);
    Arc::make_mut(&mut given).meta.created = Timestamp::from_unix_millis(5);
    let after = commit(&Snapshot::default(), &transaction([apply(&Owner::Api, given)]));
    assert_eq!(created(&after.snapshot, "a"), Timestamp::from_unix_millis(5));
}

#[test]
fn nobody_changes_what_belongs_to_another_family() {
    let owners = [file("/a.yaml"), Owner::Api, Owner::Registration("node".into())];
    for owner in &owners {
        let base = store_of(owner, &["a"]);
        for other in owners.iter().filter(|other| *other != owner) {
            let expected = Conflict::Owned { key: key("a"), owner: owner.clone() };
            for edit in [apply(other, object("a", 2)), delete(other, "a")] {
                let result = plan(&base, 0, &transaction([edit]), NOW);
                assert_eq!(result.map(|plan| plan.committed), Err(expected.clone()));
            }
        }
    }
}

#[test]
fn the_refusal_of_a_change_of_a_file_owned_object_names_the_file() {
    let base = store_of(&file("/etc/mesh/shop.yaml"), &["a"]);
    let refused = plan(&base, 0, &transaction([delete(&Owner::Api, "a")]), NOW).map(|plan| plan.committed);
    let text = refused.expect_err("it belongs to a file").to_string();
    assert_eq!(text, "VirtualService shop/a belongs to file:/etc/mesh/shop.yaml; change it in that file");
}

#[test]
fn a_stale_version_is_a_conflict_and_changes_nothing_of_the_rest() {
    let base = store_of(&Owner::Api, &["a"]);
    let base = commit(&base, &transaction([apply(&Owner::Api, object("a", 2))])).snapshot;
    let at = |expected, name| {
        let edit = super::Edit { expected, ..apply(&Owner::Api, object(name, 3)) };
        let edits = transaction([apply(&Owner::Api, object("other", 1)), edit]);
        plan(&base, 0, &edits, NOW).map(|plan| plan.committed.revision)
    };
    let (expected, current) = (Revision(1), Revision(2));
    assert_eq!(at(Expected::Version(expected), "a"), Err(Conflict::Version { key: key("a"), expected, current }));
    assert_eq!(at(Expected::Version(expected), "new"), Err(Conflict::Gone { key: key("new"), expected }));
    assert_eq!(at(Expected::Absent, "a"), Err(Conflict::Exists { key: key("a"), current }));
    assert_eq!(at(Expected::Version(current), "a"), Ok(Revision(3)));
    assert_eq!(at(Expected::Absent, "new"), Ok(Revision(3)));
}

#[test]
fn a_stale_revision_is_a_conflict() {
    let base = store_of(&Owner::Api, &["a"]);
    let at = |expected| {
        let transaction = Transaction { expected: Some(expected), ..transaction([delete(&Owner::Api, "a")]) };
        plan(&base, 0, &transaction, NOW).map(|plan| plan.committed.revision)
    };
    assert_eq!(at(Revision(0)), Err(Conflict::Revision { expected: Revision(0), current: Revision(1) }));
    assert_eq!(at(Revision(1)), Ok(Revision(2)));
}

#[test]
fn an_object_is_named_once_in_a_transaction() {
    let twice = transaction([apply(&Owner::Api, object("a", 1)), delete(&Owner::Api, "a")]);
    let result = plan(&Snapshot::default(), 0, &twice, NOW).map(|plan| plan.committed);
    assert_eq!(result, Err(Conflict::Twice { key: key("a") }));
}
