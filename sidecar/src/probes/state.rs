//! The health of an application, from the results of its probes. Pure: no clock, no sockets.
//!
//! ```text
//!            successes in a row reach the threshold
//! unknown ──────────────────────────────────────────► healthy
//!    │                                                 │   ▲
//!    └──failures in a row reach theirs──► unhealthy ◄──┘   │
//!                                             └────────────┘
//! ```
//! Unknown is not reported: until its first verdict an application with a probe gets no traffic.

use serde::Serialize;

use super::spec::Timing;

#[cfg(test)]
mod tests;

/// What one try found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answered as it should.
    Success,
    /// It did not, and why.
    Failure(String),
}

/// What is known about an application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// No verdict yet.
    #[default]
    Unknown,
    /// It works.
    Healthy,
    /// It does not, and why.
    Unhealthy(String),
}

/// The results so far.
#[derive(Clone, Debug)]
pub struct ProbeState {
    timing: Timing,
    health: Health,
    successes: u32,
    failures: u32,
}

// === impl ProbeState ===

impl ProbeState {
    /// Nothing is known.
    pub fn new(timing: Timing) -> Self {
        Self { timing, health: Health::Unknown, successes: 0, failures: 0 }
    }

    /// What is known.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Takes a result in; the new health if it changed from one state to another. A new reason for being unhealthy is
    /// kept but is no change: an application that fails in turn by timeout and by refusal must not flood ferrod.
    pub fn record(&mut self, outcome: Outcome) -> Option<&Health> {
        match outcome {
            Outcome::Success => {
                self.failures = 0;
                self.successes = self.successes.saturating_add(1);
                let change = self.health != Health::Healthy && self.successes >= self.timing.success_threshold;
                self.change_to(change, Health::Healthy)
            }
            Outcome::Failure(reason) => {
                self.successes = 0;
                self.failures = self.failures.saturating_add(1);
                if let Health::Unhealthy(latest) = &mut self.health {
                    *latest = reason;
                    return None;
                }
                let change = self.failures >= self.timing.failure_threshold;
                self.change_to(change, Health::Unhealthy(reason))
            }
        }
    }

    fn change_to(&mut self, change: bool, health: Health) -> Option<&Health> {
        if change {
            self.health = health;
        }
        change.then_some(&self.health)
    }
}
