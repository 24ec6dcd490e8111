//! The file behind the store: four tables of a redb database, values as JSON.
//!
//! ```text
//! meta       name -> text            format, writer, revision, youngest, batches
//! objects    Kind/namespace/name     -> Record
//! journal    revision                -> Entry: what changed, before and after
//! addresses  namespace/host          -> Lease
//! ```
//! JSON, not a packed form: the values are documents of policy of a few kilobytes, an older or newer version reads the
//! fields it knows, and a broken store can be read by a person. Nothing here knows the model: keys are strings.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use redb::{
    Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{address::Lease, revision::Revision};

pub use self::error::{DiskError, OpenError};
pub(crate) use self::recover::Fate;

mod create;
mod error;
pub(crate) mod format;
mod recover;
#[cfg(test)]
mod tests;

const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");
const OBJECTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("objects");
const JOURNAL: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("journal");
const ADDRESSES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("addresses");

/// The page cache of the database. The mesh is in memory anyway; this only has to hold the upper levels of the tables.
const CACHE_BYTES: usize = 1024 * 1024;

/// How much of the past the journal keeps. The newest revision always stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Revisions at most.
    pub revisions: u64,
    /// Bytes of journal values at most.
    pub bytes: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { revisions: 1_000, bytes: 16 * 1024 * 1024 }
    }
}

/// One object as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The document.
    pub(crate) text: String,
    pub(crate) owner: String,
    /// Milliseconds since 1970, the key of "oldest wins".
    pub(crate) created: u64,
    /// Of the text, as hexadecimal digits.
    pub(crate) hash: String,
    pub(crate) version: Revision,
}

/// One revision as it is journaled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Milliseconds since 1970.
    pub(crate) at: u64,
    pub(crate) author: String,
    pub(crate) changes: Vec<EntryChange>,
}

/// One object of a revision: absent before means created, absent after means deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EntryChange {
    pub(crate) key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<Record>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<Record>,
}

/// Everything that one durable write changes.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) entries: Vec<(Revision, Entry)>,
    pub(crate) addresses: BTreeMap<String, Option<Lease>>,
    /// The greatest creation time ever given, so that a clock that is set back makes no newcomer the oldest.
    pub(crate) youngest: u64,
}

/// What a store held when it was opened.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) revision: Revision,
    pub(crate) youngest: u64,
    pub(crate) objects: Vec<(String, Result<Record, String>)>,
    pub(crate) addresses: Vec<(String, Result<Lease, String>)>,
}

/// Opens a database that exists. Tests give one whose file fails.
pub(crate) type Opener = Box<dyn Fn(&Path) -> Result<Database, DatabaseError> + Send>;

/// The open file.
pub(crate) struct Disk {
    path: PathBuf,
    opener: Opener,
    /// Absent after a failed write: redb refuses everything after an I/O error, and what of the write reached the file is
    /// known when it was [opened again](Self::recover).
    database: Option<Database>,
    /// Batches ever written, which tells whether the file holds the one that failed.
    batches: u64,
    /// Whether the kernel may have given up pages of the file.
    is_suspect: bool,
    journal: JournalSize,
    retention: Retention,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct JournalSize {
    revisions: u64,
    bytes: u64,
}

// === impl Batch ===

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.addresses.is_empty()
    }
}

// === impl Disk ===

impl Disk {
    /// Opens or creates the store in `directory`, and reads all of it.
    pub(crate) fn open(directory: &Path, retention: Retention) -> Result<(Self, Content), OpenError> {
        Self::open_by(Box::new(|path| builder().open(path)), directory, retention)
    }

    /// [`open`](Self::open) with another way to open the file.
    pub(crate) fn open_by(
        opener: Opener,
        directory: &Path,
        retention: Retention,
    ) -> Result<(Self, Content), OpenError> {
        fs::create_dir_all(directory).map_err(|source| OpenError::Directory { path: directory.to_owned(), source })?;
        let path = directory.join("store.redb");
        create::unless_there(&path)?;
        let database = opener(&path).map_err(|error| not_opened(&path, error))?;
        format::prepare(&database, &path, &format::CURRENT)?;
        let unreadable = |source| OpenError::Unreadable { path: path.clone(), source };
        let content = read_content(&database).map_err(unreadable)?;
        let (batches, journal) = measure(&database).map_err(unreadable)?;
        let disk = Self { path, opener, database: Some(database), batches, is_suspect: false, journal, retention };
        Ok((disk, content))
    }

    /// Writes `batch` durably, all of it or nothing. After an error nobody knows which, and nothing is written before
    /// [`recover`](Self::recover) told.
    pub(crate) fn write(&mut self, batch: &Batch) -> Result<(), DiskError> {
        let database = self.database.take().ok_or(redb::Error::PreviousIo)?;
        let number = self.batches.saturating_add(1);
        let written = write_batch(&database, batch, number, self.journal, self.retention);
        self.is_suspect = written.as_ref().is_err_and(DiskError::may_lose_pages);
        // On an error the database is dropped here, and with it the state in which it refuses to go on.
        self.journal = written?;
        self.batches = number;
        self.database = Some(database);
        Ok(())
    }

    /// The newest `limit` revisions, newest first.
    pub(crate) fn history(&self, limit: usize) -> Result<Vec<(Revision, Entry)>, DiskError> {
        let Some(database) = &self.database else {
            return Err(redb::Error::PreviousIo.into());
        };
        let journal = database.begin_read()?.open_table(JOURNAL)?;
        let mut entries = Vec::new();
        for row in journal.iter()?.rev().take(limit) {
            let (revision, value) = row?;
            let revision = Revision(revision.value());
            entries.push((revision, decode("journal", &revision.to_string(), value.value())?));
        }
        Ok(entries)
    }
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

fn not_opened(path: &Path, error: DatabaseError) -> OpenError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::InUse { path: path.to_owned() },
        other => OpenError::Unreadable { path: path.to_owned(), source: other.into() },
    }
}

fn read_content(database: &Database) -> Result<Content, DiskError> {
    let transaction = database.begin_read()?;
    let number = |name| read_number(&transaction, name);
    let mut content =
        Content { revision: Revision(number("revision")?), youngest: number("youngest")?, ..Content::default() };
    for row in transaction.open_table(OBJECTS)?.iter()? {
        let (key, value) = row?;
        // One damaged row must not keep the others from being served.
        let record = decode("objects", key.value(), value.value()).map_err(|error| error.to_string());
        content.objects.push((key.value().to_owned(), record));
    }
    for row in transaction.open_table(ADDRESSES)?.iter()? {
        let (key, value) = row?;
        let lease = decode("addresses", key.value(), value.value()).map_err(|error| error.to_string());
        content.addresses.push((key.value().to_owned(), lease));
    }
    Ok(content)
}

fn read_number(transaction: &ReadTransaction, name: &str) -> Result<u64, DiskError> {
    let meta = transaction.open_table(META)?;
    meta.get(name)?.map_or(Ok(0), |text| decode("meta", name, text.value().as_bytes()))
}

/// How many batches were written, and how long the journal is.
fn measure(database: &Database) -> Result<(u64, JournalSize), DiskError> {
    let transaction = database.begin_read()?;
    let mut size = JournalSize::default();
    for row in transaction.open_table(JOURNAL)?.iter()? {
        let (_, value) = row?;
        size.add(value.value().len());
    }
    Ok((read_number(&transaction, "batches")?, size))
}

fn write_batch(
    database: &Database,
    batch: &Batch,
    number: u64,
    mut size: JournalSize,
    retention: Retention,
) -> Result<JournalSize, DiskError> {
    let transaction = database.begin_write()?;
    write_objects(&transaction, batch)?;
    {
        let mut journal = transaction.open_table(JOURNAL)?;
        for (revision, entry) in &batch.entries {
            let value = encode(entry)?;
            journal.insert(revision.0, value.as_slice())?;
            size.add(value.len());
        }
        while size.exceeds(retention) {
            let Some((_, oldest)) = journal.pop_first()? else { break };
            size.subtract(oldest.value().len());
        }
    }
    write_addresses(&transaction, batch)?;
    write_meta(&transaction, batch, number)?;
    transaction.commit()?;
    Ok(size)
}

fn write_objects(transaction: &WriteTransaction, batch: &Batch) -> Result<(), DiskError> {
    let mut objects = transaction.open_table(OBJECTS)?;
    for change in batch.entries.iter().flat_map(|(_, entry)| &entry.changes) {
        match &change.after {
            Some(record) => objects.insert(change.key.as_str(), encode(record)?.as_slice())?,
            None => objects.remove(change.key.as_str())?,
        };
    }
    Ok(())
}

fn write_addresses(transaction: &WriteTransaction, batch: &Batch) -> Result<(), DiskError> {
    let mut addresses = transaction.open_table(ADDRESSES)?;
    for (key, lease) in &batch.addresses {
        match lease {
            Some(lease) => addresses.insert(key.as_str(), encode(lease)?.as_slice())?,
            None => addresses.remove(key.as_str())?,
        };
    }
    Ok(())
}

fn write_meta(transaction: &WriteTransaction, batch: &Batch, number: u64) -> Result<(), DiskError> {
    let mut meta = transaction.open_table(META)?;
    meta.insert("batches", number.to_string().as_str())?;
    if let Some((revision, _)) = batch.entries.last() {
        meta.insert("revision", revision.to_string().as_str())?;
        meta.insert("youngest", batch.youngest.to_string().as_str())?;
    }
    Ok(())
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, DiskError> {
    serde_json::to_vec(value).map_err(DiskError::Encode)
}

fn decode<T: DeserializeOwned>(table: &'static str, key: &str, value: &[u8]) -> Result<T, DiskError> {
    serde_json::from_slice(value).map_err(|source| DiskError::Decode { table, key: key.to_owned(), source })
}

// === impl JournalSize ===

impl JournalSize {
    fn add(&mut self, bytes: usize) {
        self.revisions += 1;
        self.bytes = self.bytes.saturating_add(to_u64(bytes));
    }

    fn subtract(&mut self, bytes: usize) {
        self.revisions = self.revisions.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(to_u64(bytes));
    }

    fn exceeds(self, retention: Retention) -> bool {
        self.revisions > 1 && (self.revisions > retention.revisions || self.bytes > retention.bytes)
    }
}

fn to_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
