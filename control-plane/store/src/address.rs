//! Which hosts hold a virtual address, and which addresses rest (architecture.md §3.10).
//!
//! The model chooses addresses; this keeps them over restarts, and keeps one that was given back from every other host for
//! 24 hours: resolvers and applications may still hold it, and must not reach another service by it.

use std::{collections::BTreeSet, net::Ipv4Addr};

use ferro_model::mesh::address::{AddressKey, AddressTable, allocate};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// How long an address rests before another host may get it, in milliseconds.
pub const REST_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// Every address in use or at rest. Clones share their content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressBook {
    table: AddressTable,
    /// Hosts that gave their address back, and when, in milliseconds since 1970.
    resting: OrdMap<AddressKey, u64>,
}

/// What to change in an [`AddressBook`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressRequest {
    /// Hosts that need an address.
    pub claim: BTreeSet<AddressKey>,
    /// Hosts that no longer do.
    pub release: BTreeSet<AddressKey>,
}

/// An [`AddressBook`] after a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The new book.
    pub book: AddressBook,
    /// Hosts whose entry changed, appeared or went.
    pub touched: BTreeSet<AddressKey>,
    /// Hosts that got no address, because all are in use or at rest.
    pub refused: Vec<AddressKey>,
}

/// What one host holds, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lease {
    pub(crate) address: Ipv4Addr,
    /// When the host gave it back, in milliseconds since 1970; absent while it is in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) released_at: Option<u64>,
}

// === impl AddressBook ===

impl AddressBook {
    pub(crate) fn from_leases(leases: impl IntoIterator<Item = (AddressKey, Lease)>) -> Self {
        let mut book = Self::default();
        for (key, lease) in leases {
            if let Some(released_at) = lease.released_at {
                book.resting.insert(key.clone(), released_at);
            }
            book.table.insert(key, lease.address);
        }
        book
    }

    /// The input of the mesh. It holds resting addresses too, which no service of the mesh asks for.
    pub fn table(&self) -> &AddressTable {
        &self.table
    }

    /// When a host gave its address back, in milliseconds since 1970, if it did and the address still rests.
    pub fn released_at(&self, key: &AddressKey) -> Option<u64> {
        self.resting.get(key).copied()
    }

    pub(crate) fn lease(&self, key: &AddressKey) -> Option<Lease> {
        let address = self.table.get(key)?;
        Some(Lease { address, released_at: self.released_at(key) })
    }

    /// The book after `request`, made at `now` (milliseconds since 1970). A host that is both claimed and released keeps
    /// its address; a host that comes back within the rest gets the address that it had.
    #[must_use]
    pub fn assign(&self, request: &AddressRequest, now: u64) -> Assignment {
        let mut assignment = Assignment { book: self.clone(), touched: BTreeSet::new(), refused: Vec::new() };
        for key in request.release.difference(&request.claim) {
            assignment.release(key, now);
        }
        let mut fresh = Vec::new();
        for key in &request.claim {
            if assignment.book.table.get(key).is_none() {
                fresh.push(key.clone());
            } else if assignment.book.resting.remove(key).is_some() {
                assignment.touched.insert(key.clone());
            }
        }
        if !fresh.is_empty() {
            assignment.end_rests(now);
            assignment.allocate(fresh);
        }
        assignment
    }
}

// === impl Assignment ===

impl Assignment {
    fn release(&mut self, key: &AddressKey, now: u64) {
        if self.book.table.get(key).is_some() && !self.book.resting.contains_key(key) {
            self.book.resting.insert(key.clone(), now);
            self.touched.insert(key.clone());
        }
    }

    fn end_rests(&mut self, now: u64) {
        let is_over = |released_at: u64| now.saturating_sub(released_at) >= REST_MILLIS;
        let rested: Vec<AddressKey> =
            self.book.resting.iter().filter(|(_, at)| is_over(**at)).map(|(key, _)| key.clone()).collect();
        for key in rested {
            self.book.resting.remove(&key);
            self.book.table.remove(&key);
            self.touched.insert(key);
        }
    }

    fn allocate(&mut self, fresh: Vec<AddressKey>) {
        let allocation = allocate(&self.book.table, fresh.iter().cloned());
        self.book.table = allocation.table;
        self.touched.extend(fresh);
        for key in &allocation.refused {
            self.touched.remove(key);
        }
        self.refused = allocation.refused;
    }
}
