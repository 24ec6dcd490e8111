//! How long changes take to reach proxies: a pure state machine, for `pilot_xds_push_time` and
//! `pilot_proxy_convergence_time`.
//!
//! ```text
//! changed ──► waiting ──sent──► unanswered ──answered──► answered ──QUIET, or the next change──► a sample
//!                                    ▲                      │
//!                                    └────────sent──────────┘   clusters, then endpoints, then listeners, ...
//! ```

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ferro_xds::StreamId;

/// Nothing follows an answer of a proxy after this long without a response.
const QUIET: Duration = Duration::from_secs(1);
/// A change of a view that nothing was sent for in this time is of no interest to the stream.
const FORGET: Duration = Duration::from_secs(30);

/// The streams that a change is under way to.
#[derive(Debug, Default)]
pub(crate) struct Convergence {
    streams: HashMap<StreamId, Change>,
    samples: Vec<Duration>,
}

#[derive(Debug)]
struct Change {
    since: Instant,
    unanswered: usize,
    answered: Option<Instant>,
}

// === impl Convergence ===

impl Convergence {
    /// At `now` a change began that concerns this stream. One that is still under way counts from its own beginning.
    pub(crate) fn changed(&mut self, stream: StreamId, now: Instant) {
        if self.streams.get(&stream).is_some_and(|change| change.unanswered > 0) {
            return;
        }
        let before = self.streams.insert(stream, Change { since: now, unanswered: 0, answered: None });
        self.samples.extend(before.and_then(|change| change.sample()));
    }

    /// A response was sent; how long after the change it carries, if it carries one.
    pub(crate) fn sent(&mut self, stream: StreamId, now: Instant) -> Option<Duration> {
        let change = self.streams.get_mut(&stream)?;
        if change.is_over(now) {
            let over = self.streams.remove(&stream);
            self.samples.extend(over.and_then(|change| change.sample()));
            return None;
        }
        change.unanswered += 1;
        Some(now.saturating_duration_since(change.since))
    }

    /// A response was accepted or refused.
    pub(crate) fn answered(&mut self, stream: StreamId, now: Instant) {
        if let Some(change) = self.streams.get_mut(&stream).filter(|change| change.unanswered > 0) {
            change.unanswered -= 1;
            change.answered = Some(now);
        }
    }

    /// A stream ended: what it did not answer it never will.
    pub(crate) fn gone(&mut self, stream: StreamId) {
        let gone = self.streams.remove(&stream).filter(|change| change.unanswered == 0);
        self.samples.extend(gone.and_then(|change| change.sample()));
    }

    /// From change to last answer, for every change that is over.
    pub(crate) fn take(&mut self, now: Instant) -> Vec<Duration> {
        let samples = &mut self.samples;
        self.streams.retain(|_, change| {
            let over = change.is_over(now);
            if over {
                samples.extend(change.sample());
            }
            !over
        });
        std::mem::take(samples)
    }
}

// === impl Change ===

impl Change {
    fn is_over(&self, now: Instant) -> bool {
        let (last, rest) = self.answered.map_or((self.since, FORGET), |answered| (answered, QUIET));
        self.unanswered == 0 && now.saturating_duration_since(last) > rest
    }

    fn sample(&self) -> Option<Duration> {
        self.answered.map(|answered| answered.saturating_duration_since(self.since))
    }
}

#[cfg(test)]
mod tests;
