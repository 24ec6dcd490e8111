//! The version of the file's form, and the steps from older ones.
//!
//! A newer ferrod opens an older store and brings it up in one transaction, so that a crash in the middle leaves the old
//! form. An older ferrod refuses a newer form: it would lose what it does not know. Fields that an older version may
//! ignore need no new format.

use std::path::Path;

use redb::{Database, ReadableTable, TableHandle, WriteTransaction};

use super::{ADDRESSES, DiskError, JOURNAL, META, OBJECTS, OpenError};

#[cfg(test)]
mod tests;

/// The format this version writes.
pub const STORE_FORMAT: u32 = 1;

/// Changes the tables from one format to the next.
type Step = fn(&WriteTransaction) -> Result<(), DiskError>;

/// A format and how to come to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Format {
    pub(super) number: u32,
    /// The step from format `n` to `n + 1` stands at `n - 1`.
    pub(super) steps: &'static [Step],
}

/// The format of this version. No older one exists yet.
pub(super) const CURRENT: Format = Format { number: STORE_FORMAT, steps: &[] };

/// Makes an empty database a store of format `to`, or brings an older store to it.
pub(super) fn prepare(database: &Database, path: &Path, to: &Format) -> Result<(), OpenError> {
    let unreadable = |source| OpenError::Unreadable { path: path.to_owned(), source };
    let transaction = database.begin_write().map_err(|error| unreadable(error.into()))?;
    match read_stamp(&transaction).map_err(unreadable)? {
        Stamp::Empty => {}
        Stamp::Foreign { missing } => return Err(OpenError::Foreign { path: path.to_owned(), missing }),
        Stamp::Store { format, .. } if format == to.number => return Ok(()),
        Stamp::Store { format, writer } if format > to.number => {
            return Err(OpenError::NewerFormat { path: path.to_owned(), found: format, supported: to.number, writer });
        }
        Stamp::Store { format, .. } => {
            let done = usize::try_from(format.saturating_sub(1)).unwrap_or(usize::MAX);
            for step in to.steps.iter().skip(done) {
                step(&transaction).map_err(unreadable)?;
            }
        }
    }
    write_stamp(transaction, to).map_err(unreadable)
}

enum Stamp {
    Empty,
    Store { format: u32, writer: String },
    Foreign { missing: &'static str },
}

fn read_stamp(transaction: &WriteTransaction) -> Result<Stamp, DiskError> {
    let tables: Vec<_> = transaction.list_tables()?.collect();
    if tables.is_empty() {
        return Ok(Stamp::Empty);
    }
    if !tables.iter().any(|table| table.name() == META.name()) {
        return Ok(Stamp::Foreign { missing: "the table `meta`" });
    }
    let meta = transaction.open_table(META)?;
    let Some(format) = meta.get("format")?.and_then(|text| text.value().parse().ok()) else {
        return Ok(Stamp::Foreign { missing: "its format number" });
    };
    let writer = meta.get("writer")?.map_or_else(|| "of an unknown version".to_owned(), |text| text.value().to_owned());
    Ok(Stamp::Store { format, writer })
}

fn write_stamp(transaction: WriteTransaction, format: &Format) -> Result<(), DiskError> {
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert("format", format.number.to_string().as_str())?;
        meta.insert("writer", env!("CARGO_PKG_VERSION"))?;
        transaction.open_table(OBJECTS)?;
        transaction.open_table(JOURNAL)?;
        transaction.open_table(ADDRESSES)?;
    }
    Ok(transaction.commit()?)
}
