use std::collections::BTreeMap;

use super::{Batch, Disk, Entry, EntryChange, Record, Retention};
use crate::revision::Revision;

fn batch(revision: u64, text: &str) -> Batch {
    let version = Revision(revision);
    let record = Record { text: text.to_owned(), owner: "api".into(), created: 1, hash: "00".into(), version };
    let change = EntryChange { key: "VirtualService/shop/a".into(), before: None, after: Some(record) };
    let entry = Entry { at: 1, author: "test".into(), changes: vec![change] };
    Batch { entries: vec![(version, entry)], addresses: BTreeMap::new(), youngest: 1 }
}

#[test]
fn the_file_stays_small_while_the_journal_turns_over() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let retention = Retention { revisions: 10, bytes: u64::MAX };
    let (mut disk, _) = Disk::open(folder.path(), retention).expect("opens");
    for revision in 1..=500 {
        disk.write(&batch(revision, &"x".repeat(10_000))).expect("written");
    }
    drop(disk);
    let bytes = std::fs::metadata(folder.path().join("store.redb")).expect("it is there").len();
    assert!(bytes < 2_000_000, "{bytes} bytes for ten revisions of 10 kB");
}

#[test]
fn a_store_whose_database_failed_is_opened_again_by_the_next_write() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut disk, _) = Disk::open(folder.path(), Retention::default()).expect("opens");
    disk.write(&batch(1, "first")).expect("written");
    disk.database = None;
    disk.history(10).expect_err("there is no database to read");
    disk.write(&batch(2, "second")).expect("written");
    assert_eq!(disk.history(10).expect("readable").len(), 2);
}
