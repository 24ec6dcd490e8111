//! Addresses for services that have none: allocated from 240.240.0.0/16, the same on every replica.
//!
//! A name starts at a slot given by a hash of `namespace/host` and takes the next free one from there; new names take turns in
//! name order. Two replicas that allocate the same names over the same table therefore agree, and a name usually keeps its
//! address even when a table is lost. The caller keeps the table, and keeps an entry in it for as long as its address must not
//! be given to somebody else.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use imbl::ordmap::DiffItem;
use imbl::{OrdMap, OrdSet};

use super::service::Service;

/// First two bytes of every allocated address.
const NETWORK: [u8; 2] = [240, 240];
/// Usable host parts: all of /16 but the first and the last.
const SLOTS: u32 = 65_534;

/// A service that has been given, or wants, an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressKey {
    /// Namespace of the declaring object.
    pub namespace: Arc<str>,
    /// The service's host.
    pub host: Arc<str>,
}

/// Allocated addresses by service. Cloning is cheap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressTable {
    by_key: OrdMap<AddressKey, Ipv4Addr>,
    taken: OrdSet<Ipv4Addr>,
}

/// What [`allocate`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// The table with the new entries.
    pub table: AddressTable,
    /// Services that got nothing because every address is taken.
    pub refused: Vec<AddressKey>,
}

/// Gives every service of `wanted` an address; those that stand in `existing` keep theirs, and nothing leaves the table.
pub fn allocate(existing: &AddressTable, wanted: impl IntoIterator<Item = AddressKey>) -> Allocation {
    let mut table = existing.clone();
    let mut refused = Vec::new();
    let fresh: BTreeSet<AddressKey> = wanted.into_iter().filter(|key| existing.get(key).is_none()).collect();
    for key in fresh {
        match table.free_slot(&key) {
            Some(address) => {
                table.insert(key, address);
            }
            None => refused.push(key),
        }
    }
    Allocation { table, refused }
}

// === impl AddressKey ===

impl AddressKey {
    /// The key of a service.
    pub fn of(service: &Service) -> Self {
        Self { namespace: Arc::clone(&service.namespace), host: Arc::clone(&service.host) }
    }
}

// === impl AddressTable ===

impl AddressTable {
    /// The address of a service.
    pub fn get(&self, key: &AddressKey) -> Option<Ipv4Addr> {
        self.by_key.get(key).copied()
    }

    /// Puts an entry, as read back from storage. Returns false and changes nothing if another service has the address.
    pub fn insert(&mut self, key: AddressKey, address: Ipv4Addr) -> bool {
        if self.by_key.get(&key) == Some(&address) {
            return true;
        }
        if self.taken.contains(&address) {
            return false;
        }
        self.taken.insert(address);
        if let Some(previous) = self.by_key.insert(key, address) {
            self.taken.remove(&previous);
        }
        true
    }

    /// Takes a service out; its address may be given to another from now on.
    pub fn remove(&mut self, key: &AddressKey) -> Option<Ipv4Addr> {
        let address = self.by_key.remove(key)?;
        self.taken.remove(&address);
        Some(address)
    }

    /// All entries in name order.
    pub fn iter(&self) -> impl Iterator<Item = (&AddressKey, Ipv4Addr)> {
        self.by_key.iter().map(|(key, address)| (key, *address))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// The services whose entry differs between two tables; costs as much as the tables differ.
    pub(crate) fn changed(&self, other: &Self) -> Vec<AddressKey> {
        self.by_key
            .diff(&other.by_key)
            .map(|item| match item {
                DiffItem::Add(key, _) | DiffItem::Remove(key, _) => key.clone(),
                DiffItem::Update { new: (key, _), .. } => key.clone(),
            })
            .collect()
    }

    fn free_slot(&self, key: &AddressKey) -> Option<Ipv4Addr> {
        let first = slot_of(key);
        (0..SLOTS).map(|step| address_of((first + step) % SLOTS)).find(|address| !self.taken.contains(address))
    }
}

fn address_of(slot: u32) -> Ipv4Addr {
    let [.., high, low] = (slot + 1).to_be_bytes();
    Ipv4Addr::new(NETWORK[0], NETWORK[1], high, low)
}

// FNV-1a, 64 bit: spelled out because stored tables and replicas of other versions must agree with it for ever.
fn slot_of(key: &AddressKey) -> u32 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let bytes = key.namespace.bytes().chain(*b"/").chain(key.host.bytes());
    let hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    u32::try_from(hash % u64::from(SLOTS)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
