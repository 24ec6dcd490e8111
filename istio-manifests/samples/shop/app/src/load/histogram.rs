//! Latencies in buckets that are at most 1/32 wide, relative to their value: 16 KiB for any number of samples.

use std::time::Duration;

/// Buckets of a doubling.
const STEPS: u32 = 32;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// All buckets of 64-bit values.
const BUCKETS: usize = (64 - STEP_BITS as usize + 1) * STEPS as usize;

/// A distribution of durations, in microseconds.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    buckets: Box<[u64]>,
    count: u64,
    sum: Duration,
    max: Duration,
}

impl Histogram {
    /// No samples.
    pub(super) fn new() -> Self {
        Self { buckets: vec![0; BUCKETS].into(), count: 0, sum: Duration::ZERO, max: Duration::ZERO }
    }

    /// Adds one sample.
    pub(super) fn add(&mut self, sample: Duration) {
        if let Some(bucket) = self.buckets.get_mut(bucket_of(micros(sample))) {
            *bucket += 1;
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(sample);
        self.max = self.max.max(sample);
    }

    /// Adds the samples of another one.
    pub(super) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }

    /// The smallest value that at least this share (0 to 1) of the samples do not exceed; the bucket's upper end.
    pub(super) fn quantile(&self, share: f64) -> Duration {
        let rank = (self.count as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (index, bucket) in self.buckets.iter().enumerate() {
            seen += bucket;
            if seen >= rank {
                return Duration::from_micros(upper_end(index)).min(self.max);
            }
        }
        self.max
    }

    /// The average; zero without samples.
    pub(super) fn mean(&self) -> Duration {
        self.sum.checked_div(u32::try_from(self.count).unwrap_or(u32::MAX)).unwrap_or_default()
    }

    pub(super) fn max(&self) -> Duration {
        self.max
    }
}

fn micros(sample: Duration) -> u64 {
    u64::try_from(sample.as_micros()).unwrap_or(u64::MAX)
}

/// Values below [`STEPS`] have buckets of their own; above, a doubling has as many buckets as there are steps.
fn bucket_of(value: u64) -> usize {
    let doubling = (u64::BITS - value.leading_zeros()).saturating_sub(STEP_BITS + 1);
    (u64::from(doubling * STEPS) + (value >> doubling)) as usize
}

/// The biggest value of a bucket.
fn upper_end(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let steps = u64::from(STEPS);
    let doubling = (bucket / steps).saturating_sub(1);
    let step = bucket - doubling * steps;
    ((step + 1) << doubling).wrapping_sub(1)
}

#[cfg(test)]
mod tests;
