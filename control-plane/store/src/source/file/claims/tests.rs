use std::{collections::BTreeSet, sync::Arc};

use super::{Claims, Document, Reason, Rejected};
use crate::{
    owner::Owner,
    snapshot::Snapshot,
    testing::{apply, delete, file, key, object, transaction},
    transaction::{Edit, plan},
};

const NOBODY: fn(&str) -> bool = |_| false;

fn documents(names: &[(&str, u32)]) -> Vec<Document> {
    let document = |(line, (name, weight)): (u32, &(&str, u32))| Document { object: object(name, *weight), line };
    (1..).zip(names).map(document).collect()
}

fn set(claims: &mut Claims, file: &str, names: &[(&str, u32)]) -> BTreeSet<ferro_model::object::ObjectKey> {
    claims.replace(&file.into(), documents(names))
}

fn keys(names: &[&str]) -> BTreeSet<ferro_model::object::ObjectKey> {
    names.iter().map(|name| key(name)).collect()
}

fn commit(base: &Snapshot, edits: Vec<Edit>) -> Snapshot {
    plan(base, 0, &transaction(edits), 1).expect("fits").snapshot
}

#[test]
fn only_documents_that_differ_are_affected() {
    let mut claims = Claims::default();
    assert_eq!(set(&mut claims, "/a", &[("x", 1), ("y", 1)]), keys(&["x", "y"]));
    assert_eq!(set(&mut claims, "/a", &[("y", 1), ("x", 1)]), keys(&[]));
    assert_eq!(set(&mut claims, "/a", &[("x", 2), ("y", 1), ("z", 1)]), keys(&["x", "z"]));
    assert_eq!(set(&mut claims, "/a", &[("z", 1)]), keys(&["x", "y"]));
    assert_eq!(set(&mut claims, "/a", &[]), keys(&["z"]));
    assert_eq!(claims.files().count(), 0);
}

#[test]
fn the_first_file_in_the_order_of_the_paths_has_the_object_whichever_came_first() {
    let mut claims = Claims::default();
    set(&mut claims, "/b", &[("x", 2)]);
    set(&mut claims, "/a", &[("other", 1), ("x", 1)]);
    let edits = claims.resolve(&keys(&["x"]), &Snapshot::default(), NOBODY).edits;
    assert_eq!(edits, [apply(&file("/a"), object("x", 1))]);

    let snapshot = commit(&Snapshot::default(), edits);
    assert_eq!(claims.rejected("/a", &snapshot, NOBODY), []);
    let reason = Reason::Duplicate { file: "/a".into(), line: 2 };
    assert_eq!(claims.rejected("/b", &snapshot, NOBODY), [Rejected { key: key("x"), line: 1, reason }]);
}

#[test]
fn the_next_file_takes_over_when_the_first_lets_go() {
    let mut claims = Claims::default();
    set(&mut claims, "/a", &[("x", 1)]);
    set(&mut claims, "/b", &[("x", 2)]);
    let affected = set(&mut claims, "/a", &[]);
    let edits = claims.resolve(&affected, &Snapshot::default(), NOBODY).edits;
    assert_eq!(edits, [apply(&file("/b"), object("x", 2))]);
}

#[test]
fn a_file_that_is_leaving_yields() {
    let mut claims = Claims::default();
    set(&mut claims, "/a", &[("x", 1)]);
    let is_leaving = |file: &str| file == "/a";
    let edits = claims.resolve(&keys(&["x"]), &Snapshot::default(), is_leaving).edits;
    assert_eq!(edits, [apply(&file("/a"), object("x", 1))], "alone it stays in force");
    set(&mut claims, "/b", &[("x", 2)]);
    let edits = claims.resolve(&keys(&["x"]), &Snapshot::default(), is_leaving).edits;
    assert_eq!(edits, [apply(&file("/b"), object("x", 2))]);
}

#[test]
fn what_no_file_says_any_more_is_deleted() {
    let mut claims = Claims::default();
    set(&mut claims, "/a", &[("x", 1)]);
    let snapshot = commit(&Snapshot::default(), vec![apply(&file("/a"), object("x", 1))]);
    let affected = set(&mut claims, "/a", &[]);
    assert_eq!(claims.resolve(&affected, &snapshot, NOBODY).edits, [delete(&file("/a"), "x")]);
}

#[test]
fn a_file_takes_nothing_from_the_api_and_is_told_so() {
    let mut claims = Claims::default();
    set(&mut claims, "/a", &[("x", 1)]);
    let snapshot = commit(&Snapshot::default(), vec![apply(&Owner::Api, object("x", 7))]);
    let resolution = claims.resolve(&keys(&["x"]), &snapshot, NOBODY);
    assert_eq!((resolution.edits, resolution.blocked), (vec![], keys(&["x"])));
    let rejected = Rejected { key: key("x"), line: 1, reason: Reason::Owned(Owner::Api) };
    assert_eq!(claims.rejected("/a", &snapshot, NOBODY), [rejected]);

    set(&mut claims, "/a", &[]);
    assert!(claims.resolve(&keys(&["x"]), &snapshot, NOBODY).edits.is_empty(), "nor does it delete it");
}

#[test]
fn objects_are_applied_in_the_order_of_files_and_lines() {
    let mut claims = Claims::default();
    set(&mut claims, "/b", &[("a", 1)]);
    set(&mut claims, "/a", &[("z", 1), ("m", 1)]);
    let edits = claims.resolve(&keys(&["a", "m", "z"]), &Snapshot::default(), NOBODY).edits;
    let names: Vec<String> = edits.iter().map(|edit| edit.key().name.to_string()).collect();
    assert_eq!(names, ["z", "m", "a"]);
}

#[test]
fn an_object_is_in_memory_once() {
    let mut claims = Claims::default();
    set(&mut claims, "/a", &[("x", 1)]);
    let edits = claims.resolve(&keys(&["x"]), &Snapshot::default(), NOBODY).edits;
    let snapshot = commit(&Snapshot::default(), edits);
    let stored = &snapshot.get(&key("x")).expect("it is there").object;
    claims.share(&keys(&["x"]), &snapshot);
    assert!(Arc::ptr_eq(&claims.of("/a")[0].object, stored));
    set(&mut claims, "/a", &[("x", 1)]);
    assert!(Arc::ptr_eq(&claims.of("/a")[0].object, stored), "also after the file was read again");
}
