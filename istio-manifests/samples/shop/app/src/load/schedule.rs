//! When the next request is due: shared by all clients, without a clock of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// A plan of requests.
#[derive(Debug)]
pub(super) struct Schedule {
    start: Instant,
    /// Seconds between requests; `None`: as soon as a client is free.
    interval: Option<f64>,
    requests: u64,
    end: Option<Instant>,
    taken: AtomicU64,
}

impl Schedule {
    /// A plan that ends after so many requests, after some time, or at whichever comes first.
    pub(super) fn new(start: Instant, rate: Option<f64>, requests: Option<u64>, duration: Option<Duration>) -> Self {
        Self {
            start,
            interval: rate.map(f64::recip),
            requests: requests.unwrap_or(u64::MAX),
            end: duration.and_then(|duration| start.checked_add(duration)),
            taken: AtomicU64::new(0),
        }
    }

    /// Takes the next request: when it is due, which may have passed. `None` at the end of the plan.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        let taken = self.taken.fetch_add(1, Ordering::Relaxed);
        if taken >= self.requests {
            return None;
        }
        let due = match self.interval {
            Some(interval) => self.start.checked_add(Duration::try_from_secs_f64(interval * taken as f64).ok()?)?,
            None => now,
        };
        let in_time = self.end.is_none_or(|end| due < end);
        in_time.then_some(due)
    }
}

#[cfg(test)]
mod tests;
