//! How soon a dead Envoy is started again: pure.

use std::time::Duration;

use ferro_process::backoff::{Backoff, Policy};

#[cfg(test)]
mod tests;

/// Short: requests fail meanwhile, and its configuration is in the cache.
const WAITS: Policy = Policy { base: Duration::from_millis(100), cap: Duration::from_secs(10) };

/// An Envoy that lived this long was sound: its next death is not held against it.
const SOUND_AFTER: Duration = Duration::from_secs(30);

/// The deaths so far.
#[derive(Debug)]
pub(super) struct Restarts(Backoff);

// === impl Restarts ===

impl Restarts {
    /// The wait before the next start, after an Envoy that lived so long.
    pub(super) fn delay_after(&mut self, lived: Duration) -> Duration {
        if lived >= SOUND_AFTER {
            self.0.reset();
        }
        self.0.next_delay()
    }
}

impl Default for Restarts {
    fn default() -> Self {
        Self(Backoff::new(WAITS))
    }
}
