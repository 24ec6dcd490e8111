//! The store over a disk that fails.

use std::{collections::BTreeSet, path::Path, sync::atomic::Ordering};

use ferro_model::mesh::AddressKey;

use super::CommitError;
use crate::{
    Store, StoreOptions,
    address::AddressRequest,
    owner::Owner,
    testing::{Faults, apply, object, open_on_failing_disk, transaction},
};

async fn commit(store: &Store, name: &str) -> Result<u64, CommitError> {
    let committed = store.commit(transaction([apply(&Owner::Api, object(name, 1))])).await;
    committed.map(|committed| committed.revision.0)
}

/// `name@version` of every object.
fn content(store: &Store) -> Vec<String> {
    store.snapshot().iter().map(|(key, stored)| format!("{}@{}", key.name, stored.version)).collect()
}

/// What the journal says was created, oldest first.
async fn journaled(store: &Store) -> Vec<String> {
    let mut records = store.history(100).await.expect("readable");
    records.reverse();
    let line = |record: &crate::journal::RevisionRecord| {
        let key = record.changes[0].key.as_ref().expect("of a known kind");
        format!("{}@{}", key.name, record.revision)
    };
    records.iter().map(line).collect()
}

async fn assert_same_after_restart(store: Store, folder: &Path, expected: &[&str]) {
    assert_eq!(content(&store), expected);
    let (revision, book) = (store.snapshot().revision(), store.addresses().borrow().clone());
    let journal = journaled(&store).await;
    drop(store);
    let store = Store::open(folder, StoreOptions::default()).expect("opens");
    assert_eq!(
        (content(&store), store.snapshot().revision()),
        (expected.iter().map(ToString::to_string).collect(), revision)
    );
    assert_eq!((journaled(&store).await, store.addresses().borrow().clone()), (journal.clone(), book));
    assert_eq!(BTreeSet::from_iter(journal), BTreeSet::from_iter(content(&store)));
}

#[tokio::test]
async fn a_change_that_reached_the_file_although_its_sync_failed_is_in_force() {
    let (folder, faults) = (tempfile::tempdir().expect("a folder"), Faults::default());
    let store = open_on_failing_disk(folder.path(), &faults);
    commit(&store, "a").await.expect("committed");
    faults.next_sync.store(true, Ordering::SeqCst);
    assert_eq!(commit(&store, "ghost").await.expect("the file holds it"), 2);
    assert_eq!(commit(&store, "b").await.expect("committed"), 3);
    assert_same_after_restart(store, folder.path(), &["a@1", "b@3", "ghost@2"]).await;
}

#[tokio::test]
async fn while_nobody_knows_what_the_file_holds_nothing_is_written_over_it() {
    let (folder, faults) = (tempfile::tempdir().expect("a folder"), Faults::default());
    let store = open_on_failing_disk(folder.path(), &faults);
    commit(&store, "a").await.expect("committed");
    faults.syncs.store(true, Ordering::SeqCst);
    let unsure = commit(&store, "ghost").await;
    assert!(matches!(unsure, Err(CommitError::Unsure(_))), "{unsure:?}");
    for _ in 0..3 {
        let refused = commit(&store, "b").await;
        assert!(matches!(refused, Err(CommitError::Disk(_))), "{refused:?}");
        assert_eq!(content(&store), ["a@1"]);
    }
    faults.syncs.store(false, Ordering::SeqCst);
    assert_eq!(commit(&store, "b").await.expect("committed"), 3);
    assert_same_after_restart(store, folder.path(), &["a@1", "b@3", "ghost@2"]).await;
}

#[tokio::test]
async fn a_change_that_did_not_reach_the_file_is_refused_for_good() {
    let (folder, faults) = (tempfile::tempdir().expect("a folder"), Faults::default());
    let store = open_on_failing_disk(folder.path(), &faults);
    commit(&store, "a").await.expect("committed");
    faults.writes.store(true, Ordering::SeqCst);
    commit(&store, "ghost").await.expect_err("nothing is written");
    faults.writes.store(false, Ordering::SeqCst);
    assert_eq!(commit(&store, "b").await.expect("committed"), 2);
    assert_same_after_restart(store, folder.path(), &["a@1", "b@2"]).await;
}

#[tokio::test]
async fn addresses_that_reached_the_file_are_not_given_to_others() {
    let (folder, faults) = (tempfile::tempdir().expect("a folder"), Faults::default());
    let store = open_on_failing_disk(folder.path(), &faults);
    let claim = |host: &str| {
        let key = AddressKey { namespace: "shop".into(), host: host.into() };
        AddressRequest { claim: BTreeSet::from([key]), ..AddressRequest::default() }
    };
    faults.syncs.store(true, Ordering::SeqCst);
    store.assign_addresses(claim("ghost.example")).await.expect_err("nobody knows");
    faults.syncs.store(false, Ordering::SeqCst);
    store.assign_addresses(claim("b.example")).await.expect("committed");
    assert_eq!(store.addresses().borrow().table().len(), 2);
    assert_same_after_restart(store, folder.path(), &[]).await;
}
