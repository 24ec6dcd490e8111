//! The one thread that changes the store.
//!
//! It takes all requests that wait, plans them one after another over the state in memory, writes them with one durable
//! transaction, and only then shows the new snapshot and answers. So one `fsync` serves a crowd, nobody ever sees a
//! revision that a crash could take back, and a request that cannot be written leaves everything as it was. When a write
//! fails, the file is opened again and decides: what it holds is in force, and nothing is planned before it told.

use std::sync::Arc;

use ferro_process::clock::Clock;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{debug, info, warn};

use crate::{
    address::{AddressBook, AddressRequest, Assignment},
    disk::{Batch, Disk, DiskError, Entry, EntryChange, Fate},
    journal::{self, RevisionRecord},
    record,
    snapshot::Snapshot,
    transaction::{Committed, Conflict, Plan, Step, Transaction, plan},
};

#[cfg(test)]
mod tests;

/// Requests written together at most.
const MAX_GROUP: usize = 64;

/// Why a request to the store was not carried out. Nothing changed, as far as the variant does not say otherwise.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommitError {
    /// The request does not fit what is in force.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The store's file cannot be written or read; what was in force stays in force.
    #[error("the store cannot be written")]
    Disk(#[source] Arc<DiskError>),
    /// The file failed in the middle and does not tell. What was in force stays until it does; then the request comes into
    /// force as a whole, or it does not.
    #[error(
        "the store failed while it wrote, and it shows later whether the change was kept; when the disk works again, look \
         at what is in force before you repeat it"
    )]
    Unsure(#[source] Arc<DiskError>),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

pub(crate) enum Command {
    Commit { transaction: Transaction, reply: oneshot::Sender<Result<Committed, CommitError>> },
    Addresses { request: AddressRequest, reply: oneshot::Sender<Result<Assignment, CommitError>> },
    History { limit: usize, reply: oneshot::Sender<Result<Vec<RevisionRecord>, CommitError>> },
}

/// What the writer changes.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) snapshot: Snapshot,
    pub(crate) youngest: u64,
    pub(crate) addresses: AddressBook,
}

pub(crate) struct Writer {
    pub(crate) disk: Disk,
    pub(crate) state: State,
    /// What comes into force if the file turns out to hold the batch whose write failed.
    pub(crate) unsure: Option<Next>,
    pub(crate) clock: Clock,
    pub(crate) snapshots: watch::Sender<Snapshot>,
    pub(crate) books: watch::Sender<AddressBook>,
}

/// A state, and the batch that leads to it.
pub(crate) struct Next {
    state: State,
    batch: Batch,
}

/// Requests that are planned and wait for the disk.
struct Group {
    next: Next,
    replies: Vec<Reply>,
}

enum Reply {
    Commit(oneshot::Sender<Result<Committed, CommitError>>, Result<Committed, CommitError>),
    Addresses(oneshot::Sender<Result<Assignment, CommitError>>, Assignment),
}

// === impl Writer ===

impl Writer {
    /// Serves requests until every handle of the store is gone.
    pub(crate) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        while let Some(first) = commands.blocking_recv() {
            let sound = self.recover();
            let mut group = Group::new(self.state.clone());
            let mut next = Some(first);
            while let Some(command) = next {
                self.take(command, &mut group);
                next = if group.replies.len() < MAX_GROUP { commands.try_recv().ok() } else { None };
            }
            self.finish(group, sound.map(drop));
        }
        debug!(revision = %self.state.snapshot.revision, "the store is closed");
    }

    fn take(&self, command: Command, group: &mut Group) {
        match command {
            Command::Commit { transaction, reply } => {
                let now = self.clock.unix_millis();
                let result = plan(&group.next.state.snapshot, group.next.state.youngest, &transaction, now);
                let result = result.map(|plan| group.commit(plan, transaction.author, now));
                group.replies.push(Reply::Commit(reply, result.map_err(CommitError::Conflict)));
            }
            Command::Addresses { request, reply } => {
                let assignment = group.next.state.addresses.assign(&request, self.clock.unix_millis());
                group.assign(&assignment);
                group.replies.push(Reply::Addresses(reply, assignment));
            }
            Command::History { limit, reply } => {
                let history = self.disk.history(limit).map(|entries| entries.into_iter().map(journal::from_entry));
                let history = history.map(Iterator::collect).map_err(|error| CommitError::Disk(Arc::new(error)));
                // A caller that went away needs no answer; so for every reply.
                let _ = reply.send(history);
            }
        }
    }

    fn finish(&mut self, group: Group, sound: Result<(), DiskError>) {
        let Group { next, replies } = group;
        let written = if next.batch.is_empty() {
            Ok(())
        } else {
            sound.map_err(|error| CommitError::Disk(Arc::new(error))).and_then(|()| self.write(next))
        };
        match written {
            Ok(()) => replies.into_iter().for_each(Reply::send),
            Err(error) => replies.into_iter().for_each(|reply| reply.fail(&error)),
        }
    }

    fn write(&mut self, next: Next) -> Result<(), CommitError> {
        let Err(error) = self.disk.write(&next.batch) else {
            self.show(next);
            return Ok(());
        };
        warn!(error = &error as &dyn std::error::Error, "cannot write the store; what is in force stays");
        let error = Arc::new(error);
        self.unsure = Some(next);
        match self.recover() {
            Ok(Fate::Kept) => Ok(()),
            Ok(Fate::Lost) => Err(CommitError::Disk(error)),
            Err(_) => Err(CommitError::Unsure(error)),
        }
    }

    /// Opens the file again if a write failed, and goes on from what it holds.
    fn recover(&mut self) -> Result<Fate, DiskError> {
        let fate = self.disk.recover()?;
        if let Some(next) = self.unsure.take()
            && fate == Fate::Kept
        {
            info!(revision = %next.state.snapshot.revision, "the store's file holds what seemed to have failed");
            self.show(next);
        }
        Ok(fate)
    }

    fn show(&mut self, next: Next) {
        self.state = next.state;
        if self.snapshots.borrow().revision != self.state.snapshot.revision {
            self.snapshots.send_replace(self.state.snapshot.clone());
        }
        if !next.batch.addresses.is_empty() {
            self.books.send_replace(self.state.addresses.clone());
        }
    }
}

// === impl Group ===

impl Group {
    fn new(state: State) -> Self {
        Self { next: Next { state, batch: Batch::default() }, replies: Vec::new() }
    }

    fn commit(&mut self, plan: Plan, author: String, now: u64) -> Committed {
        if !plan.steps.is_empty() {
            let changes = plan.steps.iter().map(to_entry_change).collect();
            self.next.batch.entries.push((plan.snapshot.revision, Entry { at: now, author, changes }));
            self.next.batch.youngest = plan.youngest;
            self.next.state.snapshot = plan.snapshot;
            self.next.state.youngest = plan.youngest;
        }
        plan.committed
    }

    fn assign(&mut self, assignment: &Assignment) {
        for key in &assignment.touched {
            self.next.batch.addresses.insert(record::address_key(key), assignment.book.lease(key));
        }
        self.next.state.addresses = assignment.book.clone();
    }
}

fn to_entry_change(step: &Step) -> EntryChange {
    let record = |stored: &Option<Arc<_>>| stored.as_deref().map(record::from_stored);
    EntryChange { key: record::object_key(&step.key), before: record(&step.before), after: record(&step.after) }
}

// === impl Reply ===

impl Reply {
    fn send(self) {
        match self {
            Self::Commit(reply, result) => drop(reply.send(result)),
            Self::Addresses(reply, assignment) => drop(reply.send(Ok(assignment))),
        }
    }

    fn fail(self, error: &CommitError) {
        match self {
            Self::Commit(reply, _) => drop(reply.send(Err(error.clone()))),
            Self::Addresses(reply, _) => drop(reply.send(Err(error.clone()))),
        }
    }
}
