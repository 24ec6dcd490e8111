use std::{collections::BTreeMap, fs, path::Path};

use super::{Batch, Disk, DiskError, Entry, EntryChange, Fate, OpenError, Record, Retention};
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
    let bytes = fs::metadata(folder.path().join("store.redb")).expect("it is there").len();
    assert!(bytes < 2_000_000, "{bytes} bytes for ten revisions of 10 kB");
}

fn open(folder: &Path) -> Disk {
    Disk::open(folder, Retention::default()).expect("opens").0
}

#[test]
fn after_a_failed_write_nothing_is_read_or_written_before_the_file_was_opened_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut disk = open(folder.path());
    disk.write(&batch(1, "first")).expect("written");
    disk.database = None;
    disk.history(10).expect_err("there is no database to read");
    disk.write(&batch(2, "second")).expect_err("there is no database to write");
    assert_eq!(disk.recover().expect("opened"), Fate::Lost);
    disk.write(&batch(2, "second")).expect("written");
    assert_eq!(disk.history(10).expect("readable").len(), 2);
}

#[test]
fn a_file_that_another_took_the_place_of_is_not_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut disk = open(folder.path());
    disk.write(&batch(1, "first")).expect("written");
    disk.database = None;
    fs::remove_file(folder.path().join("store.redb")).expect("removed");
    drop(open(folder.path()));
    let refused = disk.recover();
    assert!(matches!(refused, Err(DiskError::Replaced)), "{refused:?}");
    disk.write(&batch(2, "second")).expect_err("it stays closed");
}

#[test]
fn an_interrupted_first_start_is_begun_again() {
    let whole = tempfile::tempdir().expect("a temporary folder");
    drop(open(whole.path()));
    let mut unfinished = fs::read(whole.path().join("store.redb")).expect("readable");
    unfinished[..9].fill(0);
    for (name, content) in [
        ("store.redb", vec![]),
        ("store.redb", vec![0; 1_000_000]),
        ("store.redb", unfinished.clone()),
        ("store.new", vec![]),
        ("store.new", vec![0; 1_000_000]),
        ("store.new", unfinished),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join(name), content).expect("written");
        let mut disk = open(folder.path());
        disk.write(&batch(1, "first")).expect("written");
        drop(disk);
        assert_eq!(open(folder.path()).history(10).expect("readable").len(), 1, "{name}");
        assert!(!folder.path().join("store.new").exists());
    }
}

#[test]
fn of_stores_that_are_opened_at_once_in_an_empty_folder_one_opens_and_keeps_its_content() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let opened = std::thread::scope(|scope| {
            let open = || Disk::open(folder.path(), Retention::default()).map(|(disk, _)| disk);
            let threads = [scope.spawn(open), scope.spawn(open), scope.spawn(open)];
            threads.map(|thread| thread.join().expect("no panic"))
        });
        let mut disks: Vec<Disk> = Vec::new();
        for result in opened {
            match result {
                Ok(disk) => disks.push(disk),
                Err(OpenError::InUse { .. }) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        let [disk] = &mut disks[..] else { panic!("{} opened", disks.len()) };
        disk.write(&batch(1, "first")).expect("written");
        drop(disks);
        assert_eq!(open(folder.path()).history(10).expect("readable").len(), 1);
    }
}
