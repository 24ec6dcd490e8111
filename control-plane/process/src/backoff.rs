//! Exponential backoff with full jitter: each wait is uniform between zero and a ceiling that doubles.
//!
//! Full jitter, not a fixed wait plus a little: after a control-plane restart a thousand agents must not come back in
//! the same instant (reliability.md, rule 56).

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

#[cfg(test)]
mod tests;

/// How waits grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The ceiling of the first wait.
    pub base: Duration,
    /// The ceiling no wait exceeds.
    pub cap: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self { base: Duration::from_millis(500), cap: Duration::from_secs(30) }
    }
}

/// The state of one retried activity.
#[derive(Clone, Debug)]
pub struct Backoff {
    policy: Policy,
    attempt: u32,
    random: SplitMix,
}

// === impl Backoff ===

impl Backoff {
    /// A backoff whose jitter differs between processes and calls.
    pub fn new(policy: Policy) -> Self {
        Self::with_seed(policy, RandomState::new().hash_one(0_u8))
    }

    /// A backoff that always yields the same waits for the same `seed`, for tests.
    pub fn with_seed(policy: Policy, seed: u64) -> Self {
        Self { policy, attempt: 0, random: SplitMix(seed) }
    }

    /// The next wait. The ceiling doubles with every call until [`Policy::cap`].
    pub fn next_delay(&mut self) -> Duration {
        let ceiling = self.ceiling();
        self.attempt = self.attempt.saturating_add(1);
        ceiling.mul_f64(self.random.next_fraction())
    }

    /// The longest the next wait can be.
    pub fn ceiling(&self) -> Duration {
        let factor = 1_u32.checked_shl(self.attempt).unwrap_or(u32::MAX);
        self.policy.base.saturating_mul(factor).min(self.policy.cap)
    }

    /// How many waits were handed out since the start or the last [`reset`](Self::reset).
    pub fn attempts(&self) -> u32 {
        self.attempt
    }

    /// Starts over. Call it on success, and for a stream only after its first response: a server that accepts and
    /// closes at once must not be retried without a wait.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(Policy::default())
    }
}

/// SplitMix64: enough for jitter, two lines, and no dependency.
#[derive(Clone, Debug)]
struct SplitMix(u64);

// === impl SplitMix ===

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in `[0, 1)`, from the 32 highest bits.
    fn next_fraction(&mut self) -> f64 {
        let high = u32::try_from(self.next() >> 32).unwrap_or(u32::MAX);
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }
}
