//! The essential tasks of ferrod: follow the store, write registrations.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferro_model::mesh::{AddressTable, Mesh};
use ferro_model::{Change, ObjectKey, ObjectKind};
use ferro_process::supervise::Chain;
use ferro_store::address::{AddressBook, AddressRequest};
use ferro_store::owner::Owner;
use ferro_store::source::file::{FileStatus, Synced};
use ferro_store::transaction::{Action as StoreAction, Edit, Expected, Transaction};
use ferro_store::{CommitError, Store};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::control::Control;
use crate::entry;
use crate::registration::{Action, EntryName};

/// What the store could not write is tried again after this long.
const RETRY: Duration = Duration::from_secs(1);
/// A registration whose object somebody else owns is tried again after this long.
const RETRY_OWNED: Duration = Duration::from_secs(30);
/// Waits of a task that has nothing to wait for.
const FAR: Duration = Duration::from_secs(3600);

/// Why following the store ended.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The store was closed under us.
    #[error("the store closed")]
    Closed(#[from] ferro_store::feed::Closed),
}

/// Takes every revision into the mesh; streams are served from when the files were read once.
///
/// # Errors
/// The store failed for good.
pub async fn follow(
    control: Arc<Control>,
    store: Store,
    mut files: watch::Receiver<FileStatus>,
    shutdown: CancellationToken,
) -> Result<(), FollowError> {
    let mut feed = store.feed();
    let mut synced = false;
    let mut revision = 0;
    let mut addresses = Addresses::default();
    loop {
        let retry = tokio::time::sleep_until(addresses.retry_at.unwrap_or_else(|| Instant::now() + FAR).into());
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            advance = feed.next() => {
                let advance = advance?;
                // In one step with their hosts: published without an address, a host would take its port everywhere.
                let given = if advance.changes.iter().any(declares_hosts) {
                    // A clone is cheap, and nobody waits for the lock while it changes.
                    let mesh = control.with_pipeline(|pipeline| pipeline.mesh().clone());
                    addresses.allocate(&mesh.apply(&advance.changes), &store).await
                } else {
                    None
                };
                control.apply(&advance.changes, given);
                revision = advance.snapshot.revision().0;
            }
            () = retry => {
                let mesh = control.with_pipeline(|pipeline| pipeline.mesh().clone());
                if let Some(given) = addresses.allocate(&mesh, &store).await {
                    control.apply(&[], Some(given));
                }
            }
            // The sender ends with the file source, whose end ends the process.
            _ = files.changed(), if !synced => {}
        }
        let read = files.borrow().synced == Synced::Yes;
        // What the last reading committed may not have come through the feed yet.
        if !synced && read && revision == store.snapshot().revision().0 {
            info!(revision, "policy read, serving");
            synced = true;
            control.with_registrations(|all| all.expect_back(Instant::now()));
        }
        if synced {
            control.serve_revision(revision);
        }
    }
}

fn declares_hosts(change: &Change) -> bool {
    matches!(change.key().kind, ObjectKind::Service | ObjectKind::ServiceEntry)
}

/// The virtual addresses of hosts, as the mesh was last told.
#[derive(Default)]
struct Addresses {
    given: AddressTable,
    /// When to try again what the store could not write.
    retry_at: Option<Instant>,
}

impl Addresses {
    /// Claims addresses for hosts of `mesh` without one, and gives back those of hosts that are gone; the table, if it is
    /// another one now. A store that cannot be written leaves hosts without an address, and is tried again.
    async fn allocate(&mut self, mesh: &Mesh, store: &Store) -> Option<AddressTable> {
        self.retry_at = None;
        let book = store.addresses().borrow().clone();
        let request = address_request(mesh, &book);
        let book = if request == AddressRequest::default() {
            book
        } else {
            match store.assign_addresses(request).await {
                Ok(assignment) => {
                    let refused = assignment.refused.iter();
                    refused.for_each(|key| warn!(?key, "no virtual address is left for this host"));
                    assignment.book
                }
                Err(error) => {
                    warn!(error = %Chain(&error), "no virtual addresses for new hosts yet, trying again");
                    self.retry_at = Some(Instant::now() + RETRY);
                    book
                }
            }
        };
        (*book.table() != self.given).then(|| {
            self.given = book.table().clone();
            self.given.clone()
        })
    }
}

fn address_request(mesh: &Mesh, book: &AddressBook) -> AddressRequest {
    let mut request = AddressRequest::default();
    request.claim.extend(mesh.unaddressed().filter(|key| book.table().get(key).is_none()).cloned());
    for (key, _) in book.table().iter() {
        match (mesh.declares(key), book.released_at(key)) {
            // It came back while its address rested, and has it again for good.
            (true, Some(_)) => request.claim.insert(key.clone()),
            (false, None) => request.release.insert(key.clone()),
            (true, None) | (false, Some(_)) => false,
        };
    }
    request
}

/// Writes registrations as they come, and removes workloads that left.
///
/// # Errors
/// Never; a store that refuses is tried again.
pub async fn register(
    control: Arc<Control>,
    store: Store,
    shutdown: CancellationToken,
) -> Result<(), std::convert::Infallible> {
    resume(&control, &store);
    let mut parked = Parked::default();
    loop {
        let now = Instant::now();
        let pending = control.with_registrations(|all| {
            parked.take_due(now).iter().for_each(|name| all.write_again(name));
            all.expire(now);
            all.take_pending()
        });
        let retry = write(&control, &store, pending, &mut parked).await;
        let expiry = control.with_registrations(|all| all.next_expiry());
        let wake = [expiry, retry, parked.due].into_iter().flatten().min().unwrap_or(now + FAR);
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = control.registrations_changed(), if retry.is_none() => {}
            () = tokio::time::sleep_until(wake.into()) => {}
        }
    }
}

/// Registrations whose objects belong to somebody else.
#[derive(Default)]
struct Parked {
    names: BTreeSet<EntryName>,
    due: Option<Instant>,
}

impl Parked {
    /// What somebody else owns is not ours to remove either.
    fn push(&mut self, action: Action) {
        if let Action::Put(said, _) = action {
            self.names.insert(said.entry());
            self.due.get_or_insert(Instant::now() + RETRY_OWNED);
        }
    }

    fn take_due(&mut self, now: Instant) -> BTreeSet<EntryName> {
        if self.due.is_none_or(|due| due > now) {
            return BTreeSet::new();
        }
        self.due = None;
        std::mem::take(&mut self.names)
    }
}

/// Entries of an earlier process: their agents are expected back.
fn resume(control: &Control, store: &Store) {
    let snapshot = store.snapshot();
    let found = snapshot.of_kind(ObjectKind::WorkloadEntry).filter_map(|(key, stored)| match &stored.owner {
        Owner::Registration(node) => {
            let name = EntryName { namespace: Arc::clone(&key.namespace), name: Arc::clone(&key.name) };
            Some((name, Arc::clone(node), entry::health(&stored.object)))
        }
        Owner::File(_) | Owner::Api => None,
    });
    let found: Vec<_> = found.collect();
    control.with_registrations(|all| all.resume(found));
}

/// Writes what it can in one transaction; when to try the rest again, if there is a rest.
async fn write(control: &Control, store: &Store, actions: Vec<Action>, parked: &mut Parked) -> Option<Instant> {
    let mut batch = Vec::new();
    for action in actions {
        match edit(control, &action) {
            Some(edit) => batch.push((action, edit)),
            None => control.with_registrations(|all| all.put_back(action)),
        }
    }
    match commit(store, batch.iter().map(|(_, edit)| edit.clone()).collect()).await {
        Ok(()) => return None,
        // One of them stands in the way of all the others.
        Err(CommitError::Conflict(_)) if batch.len() > 1 => {}
        Err(error) => return put_back(control, batch.into_iter().map(|(action, _)| action), &error, parked),
    }
    let mut retry = None;
    for (action, edit) in batch {
        if let Err(error) = commit(store, vec![edit]).await {
            retry = put_back(control, [action], &error, parked).or(retry);
        }
    }
    retry
}

async fn commit(store: &Store, edits: Vec<Edit>) -> Result<(), CommitError> {
    if edits.is_empty() {
        return Ok(());
    }
    let transaction = Transaction { author: "registration".to_owned(), expected: None, edits };
    store.commit(transaction).await.map(drop)
}

/// Keeps what was not written, for later; when that is, unless it has a time of its own.
fn put_back(
    control: &Control,
    actions: impl IntoIterator<Item = Action>,
    error: &CommitError,
    parked: &mut Parked,
) -> Option<Instant> {
    if let CommitError::Conflict(reason) = error {
        warn!(%reason, "a workload is not registered: its WorkloadEntry is somebody else's");
        actions.into_iter().for_each(|action| parked.push(action));
        return None;
    }
    error!(error = %Chain(error), "registrations were not written, trying again");
    actions.into_iter().for_each(|action| control.with_registrations(|all| all.put_back(action)));
    Some(Instant::now() + RETRY)
}

fn edit(control: &Control, action: &Action) -> Option<Edit> {
    let (owner, action) = match action {
        Action::Remove(name, node) => {
            let key = ObjectKey::new(ObjectKind::WorkloadEntry, Arc::clone(&name.namespace), Arc::clone(&name.name));
            (Arc::clone(node), StoreAction::Delete(key))
        }
        Action::Put(said, _) => match control.entry_of(action)? {
            Ok(object) => (Arc::clone(&said.node), StoreAction::Apply(Arc::new(object))),
            Err(reason) => {
                warn!(group = %said.group, %reason, "a workload cannot be registered");
                return None;
            }
        },
    };
    Some(Edit { owner: Owner::Registration(owner), expected: Expected::Any, action })
}

#[cfg(test)]
mod tests;
