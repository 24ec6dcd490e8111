//! Going on after a failed write.
//!
//! A write that fails may have reached the file all the same: an `fsync` fails after everything was written. Whoever went
//! on from memory would then write a second content of the same revision over it. So the file is opened again, and says
//! whether it holds the batch: in whole or not at all, as it is one transaction.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

use redb::Database;

use super::{Disk, DiskError, JournalSize, measure};

/// Bytes that are written over themselves at once.
const BLOCK: usize = 1024 * 1024;

/// What became of the batch whose write failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is in the file, durably.
    Kept,
    /// It is not, or there was none.
    Lost,
}

// === impl Disk ===

impl Disk {
    /// Opens the file again if a write failed, and tells what became of it.
    pub(crate) fn recover(&mut self) -> Result<Fate, DiskError> {
        if self.database.is_some() {
            return Ok(Fate::Lost);
        }
        let reopened = self.reopen();
        self.is_suspect |= reopened.as_ref().is_err_and(DiskError::may_lose_pages);
        let (database, batches, journal) = reopened?;
        let fate = match batches.checked_sub(self.batches) {
            Some(0) => Fate::Lost,
            Some(1) => Fate::Kept,
            _ => return Err(DiskError::Replaced),
        };
        (self.batches, self.journal, self.is_suspect) = (batches, journal, false);
        self.database = Some(database);
        Ok(fate)
    }

    fn reopen(&self) -> Result<(Database, u64, JournalSize), DiskError> {
        if self.is_suspect {
            rewrite(&self.path).map_err(redb::Error::Io)?;
        }
        let database = (self.opener)(&self.path)?;
        let (batches, journal) = measure(&database)?;
        Ok((database, batches, journal))
    }
}

/// Writes a file over itself. When an `fsync` fails, the kernel forgets which pages did not reach the disk, and the next
/// one succeeds without them; so all of them have to be written anew.
fn rewrite(path: &Path) -> io::Result<()> {
    let file = File::options().read(true).write(true).open(path)?;
    let mut block = vec![0; BLOCK];
    let mut offset = 0;
    loop {
        let length = file.read_at(&mut block, offset)?;
        if length == 0 {
            return file.sync_all();
        }
        file.write_all_at(block.get(..length).unwrap_or_default(), offset)?;
        offset = offset.saturating_add(super::to_u64(length));
    }
}
