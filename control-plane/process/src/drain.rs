//! Draining: whoever has work in flight holds a [`Guard`]; the [`Drain`] tells them to finish and waits until the last
//! guard is dropped.

use std::time::Duration;

use tokio::{sync::watch, time};

#[cfg(test)]
mod tests;

/// The owner's side.
#[derive(Debug)]
pub struct Drain {
    phase: watch::Sender<Phase>,
}

/// Held by work in flight; dropping it says the work is done.
#[derive(Clone, Debug)]
pub struct Guard {
    phase: watch::Receiver<Phase>,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every guard was dropped.
    Clean,
    /// The time was up and this many guards were still held.
    TimedOut {
        /// Guards still held.
        left: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    Draining,
}

// === impl Drain ===

impl Drain {
    /// A drain and its first guard. Clone the guard for each piece of work, and drop the first when nothing new can
    /// begin.
    pub fn new() -> (Self, Guard) {
        let (sender, receiver) = watch::channel(Phase::Serving);
        (Self { phase: sender }, Guard { phase: receiver })
    }

    /// Tells every guard to finish and waits for them, at most `limit`.
    pub async fn finish(self, limit: Duration) -> Outcome {
        self.phase.send_replace(Phase::Draining);
        match time::timeout(limit, self.phase.closed()).await {
            Ok(()) => Outcome::Clean,
            Err(_) => Outcome::TimedOut { left: self.phase.receiver_count() },
        }
    }
}

// === impl Guard ===

impl Guard {
    /// Waits until the owner drains, or is gone.
    pub async fn draining(&mut self) {
        // An error means that the owner was dropped without a drain: there is nobody left to serve either way.
        let _ = self.phase.wait_for(|phase| *phase == Phase::Draining).await;
    }

    /// Whether the owner is draining already.
    pub fn is_draining(&self) -> bool {
        *self.phase.borrow() == Phase::Draining
    }
}
