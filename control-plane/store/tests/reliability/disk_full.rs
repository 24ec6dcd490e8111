//! A full disk: the error is told, what is in force stays, and it goes on when there is room again (reliability.md R5).

use std::{fs, path::Path, process::Command};

use ferro_store::{CommitError, owner::Owner, transaction::Action};
use nix::unistd::Uid;
use tempfile::TempDir;

use crate::support::{apply, object_of, open, text, transaction, weights};

/// A file system of a few megabytes, for root only.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=4m", "ferro-store-test"]).arg(folder.path());
        let is_mounted = Uid::effective().is_root() && command.status().is_ok_and(|status| status.success());
        is_mounted.then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let block = vec![0_u8; 4096];
        let mut filler = fs::File::create(self.path().join("filler")).expect("created");
        while std::io::Write::write_all(&mut filler, &block).is_ok() {}
    }

    fn make_room(&self) {
        fs::remove_file(self.path().join("filler")).expect("removed");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, as the store may have its file open still.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_what_is_in_force_stays() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: mounting a small disk needs root");
        return;
    };
    let store = open(disk.path());
    store.commit(apply(&Owner::Api, "a", 1)).await.expect("there is room");
    disk.fill();
    let large = format!("{}# {}\n", text("b", 2), "x".repeat(500_000));
    let large = || transaction(&Owner::Api, Action::Apply(object_of(&large)));
    for _ in 0..3 {
        let refused = store.commit(large()).await;
        assert!(matches!(refused, Err(CommitError::Disk(_))), "{refused:?}");
        assert_eq!((store.snapshot().revision().0, weights(&store.snapshot())), (1, vec![("a".to_owned(), 1)]));
    }
    disk.make_room();
    store.commit(large()).await.expect("there is room again");
    store.commit(apply(&Owner::Api, "a", 3)).await.expect("there is room");
    let expected = vec![("a".to_owned(), 3), ("b".to_owned(), 2)];
    assert_eq!(weights(&store.snapshot()), expected);
    drop(store);
    let store = open(disk.path());
    assert_eq!((store.snapshot().revision().0, weights(&store.snapshot())), (3, expected));
}
