//! A bounded map from running streams to what must be known when they end.
//!
//! Context ids grow by one per stream and each stream ends with one log callback, so this is a set-associative table:
//! the id picks a set of [`WAYS`] slots, all of which are looked at. There are no chains to follow and no hashing. A full
//! set doubles the table; at [`SLOT_LIMIT`] it loses its oldest stream instead.

use alloc::vec::Vec;
use core::mem;

/// Slots an id may be in.
const WAYS: usize = 8;
/// Slots of a table at its first use.
const FIRST_SLOTS: usize = 64;
/// Slots of the biggest table: 512 KiB for a small `T`.
const SLOT_LIMIT: usize = 65_536;

/// The running streams of one VM.
#[derive(Debug)]
pub struct Streams<T> {
    /// Empty, or a power of two of slots, at least [`FIRST_SLOTS`].
    slots: Vec<Option<(u32, T)>>,
}

// === impl Streams ===

impl<T: Copy> Streams<T> {
    /// No streams, no memory.
    pub const fn new() -> Self {
        Self { slots: Vec::new() }
    }

    /// Remembers a stream. A stream that is known already gets the new value.
    pub fn insert(&mut self, stream: u32, value: T) {
        let mut entry = (stream, value);
        loop {
            match self.place(entry) {
                Ok(()) => return,
                Err(homeless) if self.slots.len() < SLOT_LIMIT => entry = homeless,
                Err(homeless) => return self.replace_oldest(homeless),
            }
            self.grow();
        }
    }

    /// Forgets a stream and returns its value; `None` if it is not known.
    pub fn remove(&mut self, stream: u32) -> Option<T> {
        let slot = self.set(stream)?.iter_mut().find(|slot| matches!(slot, Some((id, _)) if *id == stream))?;
        slot.take().map(|(_, value)| value)
    }

    /// Puts an entry into a slot of its own or a free one of its set, or hands it back.
    fn place(&mut self, entry: (u32, T)) -> Result<(), (u32, T)> {
        let Some(set) = self.set(entry.0) else {
            return Err(entry);
        };
        let own = set.iter().position(|slot| matches!(slot, Some((id, _)) if *id == entry.0));
        let index = own.or_else(|| set.iter().position(Option::is_none));
        match index.and_then(|index| set.get_mut(index)) {
            Some(slot) => {
                *slot = Some(entry);
                Ok(())
            }
            None => Err(entry),
        }
    }

    fn replace_oldest(&mut self, entry: (u32, T)) {
        let oldest = self.set(entry.0).into_iter().flatten().min_by_key(|slot| slot.map(|(id, _)| id));
        if let Some(slot) = oldest {
            *slot = Some(entry);
        }
    }

    /// Doubles the table. The streams of a set part into two sets, so each finds a place.
    fn grow(&mut self) {
        let slots = (self.slots.len() * 2).max(FIRST_SLOTS);
        let old = mem::replace(&mut self.slots, (0..slots).map(|_| None).collect());
        for entry in old.into_iter().flatten() {
            let placed = self.place(entry);
            debug_assert!(placed.is_ok(), "a doubled table has room for what was in it");
        }
    }

    fn set(&mut self, stream: u32) -> Option<&mut [Option<(u32, T)>]> {
        let sets = self.slots.len() / WAYS;
        let set = (stream as usize).checked_rem(sets)?;
        self.slots.chunks_exact_mut(WAYS).nth(set)
    }
}

impl<T: Copy> Default for Streams<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
