//! Readiness: whoever is not ready holds a named [`Pending`]; the process is ready when nobody holds one.
//!
//! Readiness can be lost again: take a new guard, drop it when the trouble is over.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::watch;

#[cfg(test)]
mod tests;

/// What a process still waits for; cheap to clone.
#[derive(Clone, Debug)]
pub struct Readiness {
    pending: Arc<watch::Sender<Waiting>>,
}

/// Says that something is not ready, until it is dropped.
#[derive(Debug)]
#[must_use = "dropping the guard at once means ready at once"]
pub struct Pending {
    name: &'static str,
    readiness: Readiness,
}

/// Guards held, by name.
type Waiting = BTreeMap<&'static str, usize>;

// === impl Readiness ===

impl Readiness {
    /// Ready, as nobody holds a guard yet.
    pub fn new() -> Self {
        Self { pending: Arc::new(watch::Sender::new(Waiting::new())) }
    }

    /// Makes the process unready until the guard is dropped.
    pub fn pending(&self, name: &'static str) -> Pending {
        self.pending.send_modify(|waiting| *waiting.entry(name).or_insert(0) += 1);
        Pending { name, readiness: self.clone() }
    }

    /// Whether nobody holds a guard.
    pub fn is_ready(&self) -> bool {
        self.pending.borrow().is_empty()
    }

    /// The names that are waited for, sorted.
    pub fn waiting_for(&self) -> Vec<&'static str> {
        self.pending.borrow().keys().copied().collect()
    }

    /// Waits until nobody holds a guard.
    pub async fn ready(&self) {
        // `self` owns the sender, so the channel cannot close while this waits.
        let _ = self.pending.subscribe().wait_for(Waiting::is_empty).await;
    }
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Pending ===

impl Drop for Pending {
    fn drop(&mut self) {
        self.readiness.pending.send_modify(|waiting| {
            if let Some(held) = waiting.get_mut(self.name) {
                *held -= 1;
                if *held == 0 {
                    waiting.remove(self.name);
                }
            }
        });
    }
}
