//! Essential tasks: the process lives as long as all of them do.
//!
//! A task that ends before the shutdown, even without an error, ends the process, and the process says which task it
//! was. The alternative, a spawned server whose failure nobody sees, looks alive to every probe.
//!
//! ```text
//! running ──token cancelled──────────► stopping ──all tasks ended──► Ok
//!    │                                     │
//!    └──a task ended: cancel the token──►  └──grace is over──► Err(StillRunning)
//!                                          (the first task's end is what is reported)
//! ```

use std::{any::Any, collections::HashMap, error::Error, future::Future, time::Duration};

use tokio::{
    task::{Id, JoinError, JoinSet},
    time,
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, info_span, warn};

#[cfg(test)]
mod tests;

/// Why a task's future ended with an error.
pub type TaskError = Box<dyn Error + Send + Sync>;

/// Why a process ends other than by a clean shutdown.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// A task returned although nobody asked it to.
    #[error("essential task `{task}` returned before the shutdown")]
    Returned {
        /// The task's name.
        task: &'static str,
    },
    /// A task failed.
    #[error("essential task `{task}` failed")]
    Failed {
        /// The task's name.
        task: &'static str,
        /// What it failed with.
        #[source]
        reason: TaskError,
    },
    /// A task panicked.
    #[error("essential task `{task}` panicked: {message}")]
    Panicked {
        /// The task's name.
        task: &'static str,
        /// The panic's message.
        message: String,
    },
    /// Tasks did not stop in time.
    #[error("tasks still run {grace:?} after the shutdown: {}", tasks.join(", "))]
    StillRunning {
        /// Their names, sorted.
        tasks: Vec<&'static str>,
        /// The time they had.
        grace: Duration,
    },
}

/// The set of a process's essential tasks.
#[derive(Debug)]
pub struct Supervisor {
    tasks: JoinSet<Result<(), TaskError>>,
    names: HashMap<Id, &'static str>,
    shutdown: CancellationToken,
}

// === impl Supervisor ===

impl Supervisor {
    /// An empty set. The supervisor cancels `shutdown` when a task ends, and treats it as the wish to stop.
    pub fn new(shutdown: CancellationToken) -> Self {
        Self { tasks: JoinSet::new(), names: HashMap::new(), shutdown }
    }

    /// The token that tasks watch to learn that they should stop.
    pub fn shutdown(&self) -> &CancellationToken {
        &self.shutdown
    }

    /// Starts an essential task, in a tracing span of its name.
    pub fn spawn<F, E>(&mut self, task: &'static str, future: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<TaskError>,
    {
        let span = info_span!("task", name = task);
        let handle = self.tasks.spawn(async move { future.await.map_err(Into::into) }.instrument(span));
        self.names.insert(handle.id(), task);
    }

    /// Runs until the shutdown or until a task ends, then gives the others `grace` to stop.
    ///
    /// # Errors
    /// The first thing that went wrong; see [`Ended`].
    pub async fn run(mut self, grace: Duration) -> Result<(), Ended> {
        let shutdown = self.shutdown.clone();
        // In this order: a task that asks for the shutdown and then ends, as one that drains does, ended as it should.
        let early = tokio::select! {
            biased;
            () = shutdown.cancelled() => None,
            ended = self.next_ended() => ended.map(|(task, result)| match result {
                Ok(()) => Ended::Returned { task },
                Err(ended) => ended,
            }),
        };
        shutdown.cancel();
        let late = self.stop(grace).await;
        match early {
            Some(ended) => Err(ended),
            None => late,
        }
    }

    async fn stop(&mut self, grace: Duration) -> Result<(), Ended> {
        let mut first = Ok(());
        let all_ended = async {
            while let Some((task, result)) = self.next_ended().await {
                debug!(task, "stopped");
                if let Err(ended) = result {
                    warn!(task, error = %Chain(&ended), "failed while stopping");
                    if first.is_ok() {
                        first = Err(ended);
                    }
                }
            }
        };
        if time::timeout(grace, all_ended).await.is_err() {
            let mut tasks: Vec<_> = self.names.values().copied().collect();
            tasks.sort_unstable();
            first = first.and(Err(Ended::StillRunning { tasks, grace }));
        }
        first
    }

    async fn next_ended(&mut self) -> Option<(&'static str, Result<(), Ended>)> {
        let joined = self.tasks.join_next_with_id().await?;
        let id = match &joined {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let task = self.names.remove(&id).unwrap_or("unnamed");
        let result = match joined {
            Ok((_, Ok(()))) => Ok(()),
            Ok((_, Err(reason))) => Err(Ended::Failed { task, reason }),
            Err(error) => Err(Ended::Panicked { task, message: panic_message(error) }),
        };
        Some((task, result))
    }
}

/// An error with everything that caused it, on one line.
#[derive(Debug)]
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

// === impl Chain ===

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(formatter, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

fn panic_message(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(payload) => payload_text(payload.as_ref()).to_owned(),
        Err(error) => error.to_string(),
    }
}

fn payload_text(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "(no message)"
    }
}
