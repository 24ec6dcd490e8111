//! Where the host puts the bytes it returns.
//!
//! The host calls `proxy_on_memory_allocate` before it returns a value and hands over the block. Nearly every value is
//! a few bytes, so blocks come from a static arena that is reset before each call; a value that does not fit gets one
//! block of the heap, freed before the next call. Reading is a [`Loan`], of which there is one at a time, so nothing
//! outlives the closure that reads it.

use std::alloc::{Layout, alloc, dealloc};
use std::cell::{Cell, UnsafeCell};
use std::ptr;

/// Bytes of the static arena. Route names, codes and configurations are far below it.
const ARENA_BYTES: usize = 4096;
/// The host may store structures of 32-bit fields.
const ALIGN: usize = 8;

#[repr(align(8))]
struct Block(UnsafeCell<[u8; ARENA_BYTES]>);

struct Arena {
    block: Block,
    used: Cell<usize>,
    /// The one block outside the arena, with its size.
    large: Cell<Option<(*mut u8, Layout)>>,
    lent: Cell<bool>,
}

/// The right to read what the host returns to the current call. One exists at a time.
pub(crate) struct Loan(());

thread_local! {
    static ARENA: Arena = const {
        Arena {
            block: Block(UnsafeCell::new([0; ARENA_BYTES])),
            used: Cell::new(0),
            large: Cell::new(None),
            lent: Cell::new(false),
        }
    };
}

/// A block of `size` bytes for the host to fill, null if there is no memory. Valid until the next loan begins.
pub fn allocate(size: usize) -> *mut u8 {
    ARENA.with(|arena| arena.allocate(size))
}

// === impl Loan ===

impl Loan {
    /// Takes back all blocks handed out so far and begins a loan; `None` while another one is running.
    pub(crate) fn take() -> Option<Self> {
        ARENA.with(|arena| {
            if arena.lent.replace(true) {
                return None;
            }
            arena.reset();
            Some(Self(()))
        })
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        ARENA.with(|arena| arena.lent.set(false));
    }
}

// === impl Arena ===

impl Arena {
    fn allocate(&self, size: usize) -> *mut u8 {
        let start = self.used.get();
        let Some(end) = start.checked_add(size).and_then(|end| end.checked_next_multiple_of(ALIGN)) else {
            return ptr::null_mut();
        };
        if end > ARENA_BYTES {
            return self.allocate_large(size);
        }
        self.used.set(end);
        // SAFETY: start <= end <= ARENA_BYTES, so the result stays within the block.
        unsafe { self.block.0.get().cast::<u8>().add(start) }
    }

    fn allocate_large(&self, size: usize) -> *mut u8 {
        self.free_large();
        let Ok(layout) = Layout::from_size_align(size, ALIGN) else {
            return ptr::null_mut();
        };
        // SAFETY: the size is not zero, since a block of zero bytes fits into the arena at any fill level.
        let block = unsafe { alloc(layout) };
        if !block.is_null() {
            self.large.set(Some((block, layout)));
        }
        block
    }

    fn free_large(&self) {
        if let Some((block, layout)) = self.large.take() {
            // SAFETY: the block came from `alloc` with this layout, and `take` makes this the only free of it.
            unsafe { dealloc(block, layout) };
        }
    }

    fn reset(&self) {
        self.used.set(0);
        self.free_large();
    }
}
