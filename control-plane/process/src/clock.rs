//! Time as a value that is handed in.
//!
//! Pure code takes an instant or a timestamp as a parameter. What drives it holds a [`Clock`]; a test hands in one that
//! starts where the test says and moves with tokio's paused time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

#[cfg(test)]
mod tests;

/// A source of time, cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock {
    wall: Wall,
}

#[derive(Clone, Debug)]
enum Wall {
    /// The machine's clock, with every step somebody makes to it.
    System,
    /// A made-up date that advances with the monotonic clock.
    StartingAt { date: SystemTime, at: Instant },
}

// === impl Clock ===

impl Clock {
    /// The machine's clocks.
    pub fn system() -> Self {
        Self { wall: Wall::System }
    }

    /// A wall clock that shows `date` now and then advances with [`Clock::now`], which tokio can pause.
    pub fn starting_at(date: SystemTime) -> Self {
        Self { wall: Wall::StartingAt { date, at: Instant::now() } }
    }

    /// Monotonic time: for waits, deadlines and ages.
    pub fn now(&self) -> Instant {
        Instant::now()
    }

    /// The date: for what people read and other machines compare.
    pub fn wall(&self) -> SystemTime {
        match self.wall {
            Wall::System => SystemTime::now(),
            Wall::StartingAt { date, at } => date + at.elapsed(),
        }
    }

    /// Milliseconds since 1970-01-01 UTC; zero for a clock set before that.
    pub fn unix_millis(&self) -> u64 {
        let since = self.wall().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}
