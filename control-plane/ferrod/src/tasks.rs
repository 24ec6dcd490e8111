//! The essential tasks of ferrod: follow the store, write registrations.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ferro_model::mesh::{AddressTable, Mesh};
use ferro_model::{Change, ObjectKey, ObjectKind};
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

/// A registration that could not be written is tried again after this long.
const RETRY: Duration = Duration::from_secs(1);

/// Why following the store ended.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The store was closed under us.
    #[error("the store closed")]
    Closed(#[from] ferro_store::feed::Closed),
    /// Addresses could not be allocated.
    #[error("addresses could not be allocated")]
    Addresses(#[source] CommitError),
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
    let mut addresses = AddressTable::default();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            advance = feed.next() => {
                let advance = advance?;
                control.apply(&advance.changes, None);
                if advance.changes.iter().any(declares_hosts) {
                    address(&control, &store, &mut addresses).await?;
                }
                revision = advance.snapshot.revision().0;
            }
            // The sender ends with the file source, whose end ends the process.
            _ = files.changed(), if !synced => {}
        }
        let read = files.borrow().synced == Synced::Yes;
        // What the last reading committed may not have come through the feed yet.
        if !synced && read && revision == store.snapshot().revision().0 {
            info!(revision, "policy read, serving");
            synced = true;
        }
        if synced {
            control.serve_revision(revision);
        }
    }
}

fn declares_hosts(change: &Change) -> bool {
    matches!(change.key().kind, ObjectKind::Service | ObjectKind::ServiceEntry)
}

/// Claims addresses for hosts without one, gives back those of hosts that are gone, and hands the table to the mesh.
async fn address(control: &Control, store: &Store, given: &mut AddressTable) -> Result<(), FollowError> {
    let book = store.addresses().borrow().clone();
    let request = control.with_pipeline(|pipeline| address_request(pipeline.mesh(), &book));
    let book = if request == AddressRequest::default() {
        book
    } else {
        let assignment = store.assign_addresses(request).await.map_err(FollowError::Addresses)?;
        for key in &assignment.refused {
            warn!(?key, "no virtual address is left for this host");
        }
        assignment.book
    };
    if book.table() != given {
        *given = book.table().clone();
        control.apply(&[], Some(given.clone()));
    }
    Ok(())
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
    loop {
        let expiry = control
            .with_registrations(|all| all.next_expiry())
            .unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = control.registrations_changed() => {}
            () = tokio::time::sleep_until(expiry.into()) => {}
        }
        let pending = control.with_registrations(|all| {
            all.expire(Instant::now());
            all.take_pending()
        });
        if !pending.is_empty() && !write(&control, &store, pending).await {
            tokio::time::sleep(RETRY).await;
        }
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
    control.with_registrations(|all| all.resume(found, Instant::now()));
}

/// Writes what it can in one transaction; false if something is to be tried again.
async fn write(control: &Control, store: &Store, actions: Vec<Action>) -> bool {
    let mut edits = Vec::new();
    let mut kept = Vec::new();
    for action in actions {
        match edit(control, &action) {
            Some(edit) => {
                edits.push(edit);
                kept.push(action);
            }
            None => control.with_registrations(|all| all.put_back(action)),
        }
    }
    if edits.is_empty() {
        return true;
    }
    let transaction = Transaction { author: "registration".to_owned(), expected: None, edits };
    match store.commit(transaction).await {
        Ok(_) => true,
        Err(reason) => {
            error!(%reason, "registrations were not written, trying again");
            kept.into_iter().for_each(|action| control.with_registrations(|all| all.put_back(action)));
            false
        }
    }
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
