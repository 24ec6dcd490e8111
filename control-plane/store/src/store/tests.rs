use std::{collections::BTreeSet, path::Path, sync::Arc};

use ferro_model::{mesh::AddressKey, object::Change};
use tempfile::TempDir;

use super::{Store, StoreOptions};
use crate::{
    address::AddressRequest,
    disk::{OpenError, Retention},
    owner::Owner,
    revision::Revision,
    snapshot::Snapshot,
    testing::{apply, delete, file, key, object, transaction},
    transaction::{Conflict, Outcome},
    writer::CommitError,
};

fn open(directory: &Path) -> Store {
    Store::open(directory, StoreOptions::default()).expect("the store opens")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// What has to be the same after a restart.
fn essence(snapshot: &Snapshot) -> Vec<String> {
    let line = |stored: &crate::snapshot::Stored| {
        let created = stored.object.meta.created.unix_millis();
        format!("{} {} {} {created} {}", stored.object.key, stored.owner, stored.version, stored.object.source_text)
    };
    let objects = snapshot.iter().map(|(_, stored)| line(stored));
    std::iter::once(snapshot.revision().to_string()).chain(objects).collect()
}

#[tokio::test]
async fn a_restart_comes_back_with_the_same_revision_and_the_same_versions() {
    let folder = folder();
    let store = open(folder.path());
    store.commit(transaction([apply(&file("/a.yaml"), object("a", 1))])).await.expect("committed");
    store
        .commit(transaction([apply(&Owner::Api, object("b", 1)), apply(&Owner::Api, object("c", 1))]))
        .await
        .expect("committed");
    store.commit(transaction([delete(&Owner::Api, "c")])).await.expect("committed");
    let before = essence(&store.snapshot());
    drop(store);

    let store = open(folder.path());
    assert_eq!(essence(&store.snapshot()), before);
    let again = store.commit(transaction([apply(&file("/a.yaml"), object("a", 1))])).await.expect("committed");
    assert_eq!((again.revision, again.outcomes), (Revision(3), vec![Outcome::Unchanged]));
}

#[tokio::test]
async fn a_feed_begins_with_all_there_is_and_goes_on_with_every_change() {
    let folder = folder();
    let store = open(folder.path());
    store.commit(transaction([apply(&Owner::Api, object("a", 1))])).await.expect("committed");
    let mut feed = store.feed();
    let first = feed.next().await.expect("open");
    assert_eq!((first.snapshot.revision(), first.changes.len()), (Revision(1), 1));

    store.commit(transaction([apply(&Owner::Api, object("b", 1))])).await.expect("committed");
    store.commit(transaction([delete(&Owner::Api, "a")])).await.expect("committed");
    let second = feed.next().await.expect("open");
    assert_eq!(second.snapshot.revision(), Revision(3));
    let b = Arc::clone(&second.snapshot.get(&key("b")).expect("it is there").object);
    assert_eq!(second.changes, [Change::Deleted(key("a")), Change::Applied(b)]);

    drop(store);
    feed.next().await.expect_err("the store is closed");
}

#[tokio::test]
async fn a_feed_of_an_empty_store_begins_at_once_with_nothing() {
    let folder = folder();
    let store = open(folder.path());
    let first = store.feed().next().await.expect("open");
    assert_eq!((first.snapshot.revision(), first.changes.len()), (Revision::ZERO, 0));
}

#[tokio::test]
async fn commits_that_wait_together_are_revisions_of_their_own_in_order() {
    let folder = folder();
    let store = open(folder.path());
    let commits = (0..200).map(|number| {
        let (store, name) = (store.clone(), format!("name-{number}"));
        tokio::spawn(async move { store.commit(transaction([apply(&Owner::Api, object(&name, 1))])).await })
    });
    let mut revisions = BTreeSet::new();
    for commit in commits.collect::<Vec<_>>() {
        revisions.insert(commit.await.expect("no panic").expect("committed").revision);
    }
    assert_eq!(revisions, (1..=200).map(Revision).collect());
    assert_eq!(store.snapshot().len(), 200);
}

#[tokio::test]
async fn a_conflict_leaves_the_store_as_it_was() {
    let folder = folder();
    let store = open(folder.path());
    store.commit(transaction([apply(&file("/a.yaml"), object("a", 1))])).await.expect("committed");
    let edits = transaction([apply(&Owner::Api, object("b", 1)), delete(&Owner::Api, "a")]);
    let conflict = Conflict::Owned { key: key("a"), owner: file("/a.yaml") };
    assert_eq!(store.check(&edits), Err(conflict.clone()));
    match store.commit(edits).await {
        Err(CommitError::Conflict(found)) => assert_eq!(found, conflict),
        other => panic!("expected a conflict, not {other:?}"),
    }
    assert_eq!((store.snapshot().revision(), store.snapshot().len()), (Revision(1), 1));
}

#[tokio::test]
async fn a_check_tells_the_outcome_and_changes_nothing() {
    let folder = folder();
    let store = open(folder.path());
    let checked = store.check(&transaction([apply(&Owner::Api, object("a", 1))])).expect("fits");
    assert_eq!((checked.revision, checked.outcomes), (Revision(1), vec![Outcome::Created]));
    assert!(store.snapshot().is_empty());
}

#[tokio::test]
async fn the_journal_tells_who_changed_what_and_back_to_what_it_leads() {
    let folder = folder();
    let store = open(folder.path());
    store.commit(transaction([apply(&Owner::Api, object("a", 1))])).await.expect("committed");
    store.commit(transaction([apply(&Owner::Api, object("a", 2))])).await.expect("committed");
    store.commit(transaction([delete(&Owner::Api, "a")])).await.expect("committed");
    let history = store.history(2).await.expect("readable");
    assert_eq!(history.iter().map(|record| record.revision).collect::<Vec<_>>(), [Revision(3), Revision(2)]);
    let [deletion, change] = &history[..] else { panic!("two revisions were asked for") };
    assert_eq!(deletion.author, "test");
    assert_eq!((&deletion.changes[0].key, &deletion.changes[0].after), (&Some(key("a")), &None));
    assert_eq!(deletion.changes[0].before, change.changes[0].after);
    let texts = |object: &Option<crate::journal::RecordedObject>| object.as_ref().map(|object| object.text.clone());
    assert_eq!(texts(&change.changes[0].before).as_deref(), Some(&*object("a", 1).source_text));
}

#[tokio::test]
async fn the_journal_forgets_the_oldest_revisions_first() {
    let folder = folder();
    let retention = Retention { revisions: 3, bytes: u64::MAX };
    let store = Store::open(folder.path(), StoreOptions { retention, ..StoreOptions::default() }).expect("opens");
    for weight in 1..=10 {
        store.commit(transaction([apply(&Owner::Api, object("a", weight))])).await.expect("committed");
    }
    let revisions = |history: Vec<crate::journal::RevisionRecord>| {
        history.into_iter().map(|record| record.revision.0).collect::<Vec<_>>()
    };
    assert_eq!(revisions(store.history(100).await.expect("readable")), [10, 9, 8]);
    drop(store);
    let retention = Retention { revisions: 3, bytes: 1 };
    let store = Store::open(folder.path(), StoreOptions { retention, ..StoreOptions::default() }).expect("opens");
    store.commit(transaction([apply(&Owner::Api, object("a", 11))])).await.expect("committed");
    assert_eq!(revisions(store.history(100).await.expect("readable")), [11]);
}

#[tokio::test]
async fn addresses_survive_a_restart() {
    let folder = folder();
    let store = open(folder.path());
    let host = AddressKey { namespace: "shop".into(), host: "a.example".into() };
    let request = AddressRequest { claim: BTreeSet::from([host.clone()]), ..AddressRequest::default() };
    let assignment = store.assign_addresses(request).await.expect("committed");
    let address = assignment.book.table().get(&host).expect("it got one");
    let release = AddressRequest { release: BTreeSet::from([host.clone()]), ..AddressRequest::default() };
    let released = store.assign_addresses(release).await.expect("committed").book;
    assert_eq!(store.snapshot().revision(), Revision::ZERO);
    drop(store);

    let store = open(folder.path());
    assert_eq!(*store.addresses().borrow(), released);
    assert_eq!(released.table().get(&host), Some(address));
    assert!(released.released_at(&host).is_some());
}

#[tokio::test]
async fn two_processes_cannot_have_one_store() {
    let folder = folder();
    let _store = open(folder.path());
    let second = Store::open(folder.path(), StoreOptions::default());
    assert!(matches!(second, Err(OpenError::InUse { .. })), "{second:?}");
}
