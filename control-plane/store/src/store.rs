//! The handle that the rest of ferrod holds.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use ferro_process::clock::Clock;
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    address::{AddressBook, AddressRequest, Assignment},
    disk::{Content, Disk, OpenError, Retention},
    feed::Feed,
    journal::RevisionRecord,
    record,
    snapshot::Snapshot,
    transaction::{Committed, Conflict, Transaction, plan},
    writer::{Command, CommitError, State, Writer},
};

#[cfg(test)]
mod tests;

/// Requests that wait for the writer at most; more wait in their callers.
const MAX_WAITING: usize = 64;

/// How a store is opened.
#[derive(Clone, Debug, Default)]
pub struct StoreOptions {
    /// Where the dates come from.
    pub clock: Clock,
    /// How much of the past is kept.
    pub retention: Retention,
}

/// A stored object or address that this version cannot serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unserved {
    /// Its key: `Kind/namespace/name`, or `address namespace/host`.
    pub key: String,
    /// Why not.
    pub reason: String,
}

/// Objects, their revisions and the address table, on disk and in memory. Clones are handles of the same store; it is
/// closed when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Absent only while it is dropped.
    commands: Option<mpsc::Sender<Command>>,
    snapshots: watch::Receiver<Snapshot>,
    books: watch::Receiver<AddressBook>,
    clock: Clock,
    unserved: Vec<Unserved>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

// === impl Store ===

impl Store {
    /// Opens the store in the folder `directory`, or creates it there. Blocks while it reads.
    ///
    /// # Errors
    /// See [`OpenError`]. A stored object that this version does not accept is no error: see [`Store::unserved`].
    pub fn open(directory: &Path, options: StoreOptions) -> Result<Self, OpenError> {
        let (disk, content) = Disk::open(directory, options.retention)?;
        Self::start(disk, content, options.clock)
    }

    /// Serves what `disk` held when it was opened.
    pub(crate) fn start(disk: Disk, content: Content, clock: Clock) -> Result<Self, OpenError> {
        let (state, unserved) = read_state(content);
        let (commands, receiver) = mpsc::channel(MAX_WAITING);
        let (snapshots, snapshots_receiver) = watch::channel(state.snapshot.clone());
        let (books, books_receiver) = watch::channel(state.addresses.clone());
        let writer = Writer { disk, state, unsure: None, clock: clock.clone(), snapshots, books };
        let writer = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run(receiver))
            .map_err(OpenError::Thread)?;
        let inner = Inner {
            commands: Some(commands),
            snapshots: snapshots_receiver,
            books: books_receiver,
            clock,
            unserved,
            writer: Mutex::new(Some(writer)),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The content in force.
    pub fn snapshot(&self) -> Snapshot {
        self.inner.snapshots.borrow().clone()
    }

    /// The content in force, and a wake-up for every newer one.
    pub fn watch(&self) -> watch::Receiver<Snapshot> {
        self.inner.snapshots.clone()
    }

    /// All content as changes, and then every change.
    pub fn feed(&self) -> Feed {
        Feed::new(self.watch())
    }

    /// Stored objects and addresses that could not be read when the store was opened, because another version wrote them or they are
    /// damaged.
    pub fn unserved(&self) -> &[Unserved] {
        &self.inner.unserved
    }

    /// What `transaction` would come to now, without doing it.
    ///
    /// # Errors
    /// The conflict that it would meet.
    pub fn check(&self, transaction: &Transaction) -> Result<Committed, Conflict> {
        plan(&self.snapshot(), 0, transaction, self.inner.clock.unix_millis()).map(|plan| plan.committed)
    }

    /// Commits `transaction` and returns when it is durable and visible.
    ///
    /// # Errors
    /// See [`CommitError`]; nothing changed then. Dropping the future does not take the transaction back.
    pub async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        self.ask(|reply| Command::Commit { transaction, reply }).await?
    }

    /// [`commit`](Self::commit) for a thread of its own. Must not be called from async code.
    ///
    /// # Errors
    /// See [`CommitError`]; nothing changed then.
    pub fn commit_blocking(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        let (reply, answer) = oneshot::channel();
        let commands = self.inner.commands.as_ref().ok_or(CommitError::Closed)?;
        commands.blocking_send(Command::Commit { transaction, reply }).map_err(|_| CommitError::Closed)?;
        answer.blocking_recv().map_err(|_| CommitError::Closed)?
    }

    /// Claims and releases virtual addresses, durably before it returns.
    ///
    /// # Errors
    /// See [`CommitError`]; nothing changed then. Hosts that got no address are no error but named in the answer.
    pub async fn assign_addresses(&self, request: AddressRequest) -> Result<Assignment, CommitError> {
        self.ask(|reply| Command::Addresses { request, reply }).await?
    }

    /// The addresses in force, and a wake-up for every change.
    pub fn addresses(&self) -> watch::Receiver<AddressBook> {
        self.inner.books.clone()
    }

    /// The newest `limit` revisions, newest first. Older ones may be gone: see [`Retention`].
    ///
    /// # Errors
    /// See [`CommitError`].
    pub async fn history(&self, limit: usize) -> Result<Vec<RevisionRecord>, CommitError> {
        self.ask(|reply| Command::History { limit, reply }).await?
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, CommitError> {
        let (reply, answer) = oneshot::channel();
        let commands = self.inner.commands.as_ref().ok_or(CommitError::Closed)?;
        commands.send(command(reply)).await.map_err(|_| CommitError::Closed)?;
        answer.await.map_err(|_| CommitError::Closed)
    }
}

fn read_state(content: Content) -> (State, Vec<Unserved>) {
    let mut snapshot = Snapshot { revision: content.revision, ..Snapshot::default() };
    let mut unserved = Vec::new();
    for (key, stored) in content.objects {
        let read = stored.and_then(|stored| record::to_stored(&key, &stored).map_err(|error| error.to_string()));
        match read {
            Ok((key, stored)) => drop(snapshot.objects.insert(key, Arc::new(stored))),
            Err(reason) => unserved.push(Unserved { key, reason }),
        }
    }
    let mut leases = Vec::new();
    for (key, stored) in content.addresses {
        let host =
            record::parse_address_key(&key).ok_or_else(|| "its key is not of the form namespace/host".to_owned());
        match host.and_then(|host| Ok((host, stored?))) {
            Ok(lease) => leases.push(lease),
            Err(reason) => unserved.push(Unserved { key: format!("address {key}"), reason }),
        }
    }
    let state = State { snapshot, youngest: content.youngest, addresses: AddressBook::from_leases(leases) };
    (state, unserved)
}

// === impl Inner ===

impl Drop for Inner {
    /// Waits for the writer, so that the file is closed when the last handle is gone and can be opened again.
    fn drop(&mut self) {
        self.commands = None;
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            // A panic of the writer was printed when it happened.
            let _ = writer.join();
        }
    }
}
