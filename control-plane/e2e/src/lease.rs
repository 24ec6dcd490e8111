//! What meshes that run at once must not share: address ranges, and this machine's patience.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Condvar, Mutex, PoisonError};

/// Meshes at once: each has an Envoy or three, and two cores are all that can be relied on.
const AT_ONCE: usize = 2;
/// Range 77 is the default of `ferroctl local`, and 78 is used by the agent's tests.
const FIRST: u8 = 100;
const LAST: u8 = 250;
/// Bound by nothing in a mesh.
const PORT: u16 = 15_999;

static RUNNING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

/// The right to run one mesh, with the second octet of its addresses. No other process has the same octet.
pub(crate) struct Lease {
    range: u8,
    /// A bound port is a lock that ends with its process.
    _lock: TcpListener,
}

impl Lease {
    /// Waits for its turn.
    ///
    /// # Panics
    /// Every range is in use.
    pub(crate) fn take() -> Self {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        while *running >= AT_ONCE {
            running = ENDED.wait(running).unwrap_or_else(PoisonError::into_inner);
        }
        let free = (FIRST..=LAST).find_map(|range| Some((range, lock(range)?)));
        let (range, _lock) = free.expect("a range of loopback addresses that no other test uses");
        *running += 1;
        Self { range, _lock }
    }

    /// The second octet.
    pub(crate) fn range(&self) -> u8 {
        self.range
    }
}

fn lock(range: u8) -> Option<TcpListener> {
    TcpListener::bind((Ipv4Addr::new(127, range, 255, 254), PORT)).ok()
}

impl Drop for Lease {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        ENDED.notify_one();
    }
}
