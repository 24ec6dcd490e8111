//! Waiting across processes: by looking, since their clocks are their own.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take that has no bound of its own. Nothing waits for it when all is well.
pub const PATIENCE: Duration = Duration::from_secs(30);

const PAUSE: Duration = Duration::from_millis(10);

/// Looks until there is something to see.
///
/// # Panics
/// There was nothing within [`PATIENCE`].
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_or(what, look, String::new)
}

/// The same; with what to show if there was nothing.
pub(crate) fn until_or<T>(what: &str, mut look: impl FnMut() -> Option<T>, show: impl FnOnce() -> String) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        if Instant::now() >= end {
            panic!("waited in vain: {what}\n{}", show());
        }
        thread::sleep(PAUSE);
    }
}

/// Waits until something holds; how long that took.
///
/// # Panics
/// It did not hold within [`PATIENCE`].
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    until(what, || holds().then_some(()));
    start.elapsed()
}

/// Checks that something goes on to hold for a time.
///
/// # Panics
/// It did not.
pub fn for_a_while(what: &str, time: Duration, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        assert!(holds(), "no longer so: {what}");
        thread::sleep(PAUSE);
    }
}
