//! What tells two states of a file apart without reading it.

use std::{fs::Metadata, os::unix::fs::MetadataExt, time::Duration};

/// Identity, size and times of a file. The change time is among them because an old modification time can be set on new
/// content, and the inode because a rename can bring a file of the same size and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

// === impl Stamp ===

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Whether a file was last modified at least `age` ago. Not if its time lies in the future.
pub(super) fn is_older_than(metadata: &Metadata, age: Duration) -> bool {
    metadata.modified().ok().and_then(|at| at.elapsed().ok()).is_some_and(|elapsed| elapsed >= age)
}
