use std::time::{Duration, Instant};

/// How many times the rate may come at once: a client that starts subscribes in a burst.
const BURST: u32 = 4;

/// A token bucket, with time as a parameter.
#[derive(Clone, Debug)]
pub(crate) struct Throttle {
    per_second: u32,
    /// When the bucket will be full again. The later, the emptier it is.
    full_at: Instant,
}

// === impl Throttle ===

impl Throttle {
    pub(crate) fn new(per_second: u32, now: Instant) -> Self {
        Self { per_second: per_second.max(1), full_at: now }
    }

    /// Takes one token, if there is one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let per_token = Duration::from_secs(1) / self.per_second;
        let full_at = self.full_at.max(now) + per_token;
        if full_at.duration_since(now) > Duration::from_secs(u64::from(BURST)) {
            return false;
        }
        self.full_at = full_at;
        true
    }
}
