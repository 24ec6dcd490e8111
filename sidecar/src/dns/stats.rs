//! What the DNS proxy counts.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::answer::Decision;

/// Counters that the proxy's tasks raise.
#[derive(Debug, Default)]
pub struct DnsStats {
    answered: AtomicU64,
    forwarded: AtomicU64,
    ignored: AtomicU64,
    upstream_failures: AtomicU64,
    overloads: AtomicU64,
}

/// Their values at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DnsCounts {
    /// Questions answered here.
    pub answered: u64,
    /// Questions handed to a resolver of the host.
    pub forwarded: u64,
    /// Datagrams that were no question.
    pub ignored: u64,
    /// Questions that no resolver of the host answered.
    pub upstream_failures: u64,
    /// Questions refused because too many waited for a resolver.
    pub overloads: u64,
}

// === impl DnsStats ===

impl DnsStats {
    pub(super) fn count(&self, decision: &Decision) {
        let counter = match decision {
            Decision::Answer(_) => &self.answered,
            Decision::Forward => &self.forwarded,
            Decision::Ignore => &self.ignored,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_upstream_failure(&self) {
        self.upstream_failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_overload(&self) {
        self.overloads.fetch_add(1, Ordering::Relaxed);
    }

    /// The values now.
    pub fn counts(&self) -> DnsCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        DnsCounts {
            answered: read(&self.answered),
            forwarded: read(&self.forwarded),
            ignored: read(&self.ignored),
            upstream_failures: read(&self.upstream_failures),
            overloads: read(&self.overloads),
        }
    }
}
