//! What can go wrong with the store's file.

use std::{io, path::PathBuf};

/// Why the file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The database refused an operation: the disk is full or failed, or the file is damaged.
    #[error("the database operation failed; check the disk of the data directory for free space and errors")]
    Database(#[source] Box<redb::Error>),
    /// A value cannot be written as JSON.
    #[error("a value cannot be encoded")]
    Encode(#[source] serde_json::Error),
    /// A value is not what this version writes.
    #[error("the value of {key} in the table {table} is damaged")]
    Decode {
        /// The table.
        table: &'static str,
        /// The key.
        key: String,
        /// What does not fit.
        #[source]
        source: serde_json::Error,
    },
    /// What is found after a failed write is neither the file before it nor the file after it.
    #[error("the store's file is not the one that this process wrote; restart ferrod to go on from it")]
    Replaced,
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory cannot be made.
    #[error("cannot create the data directory {path}")]
    Directory {
        /// The data directory.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file of an empty store cannot be made.
    #[error("cannot create the store {path}; check the data directory for free space and permissions")]
    Create {
        /// The store's file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Another process has it open.
    #[error("the store {path} is in use by another process; stop that ferrod or name another data directory")]
    InUse {
        /// The store's file.
        path: PathBuf,
    },
    /// A newer version wrote it.
    #[error(
        "the store {path} has format {found}, written by ferrod {writer}, and this version knows formats up to \
         {supported}; start ferrod {writer} or newer, or name another data directory"
    )]
    NewerFormat {
        /// The store's file.
        path: PathBuf,
        /// The format it has.
        found: u32,
        /// The newest format this version reads.
        supported: u32,
        /// The version that wrote it.
        writer: String,
    },
    /// It is a database, but not ours.
    #[error("{path} is no Ferromesh store: {missing} is missing; name another data directory")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What every store has.
        missing: &'static str,
    },
    /// It cannot be read.
    #[error("cannot read the store {path}; objects that belong to files come back from the files if it is moved away")]
    Unreadable {
        /// The store's file.
        path: PathBuf,
        /// What failed.
        #[source]
        source: DiskError,
    },
    /// The thread that writes could not be started.
    #[error("cannot start the store's thread")]
    Thread(#[source] io::Error),
}

// === impl DiskError ===

impl DiskError {
    /// Whether the kernel may have given up pages that it had taken. A full disk is told before a page is taken.
    pub(super) fn may_lose_pages(&self) -> bool {
        let Self::Database(error) = self else { return false };
        !matches!(&**error, redb::Error::Io(error) if matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        ))
    }
}

impl<E: Into<redb::Error>> From<E> for DiskError {
    fn from(error: E) -> Self {
        Self::Database(Box::new(error.into()))
    }
}
