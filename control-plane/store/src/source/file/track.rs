//! When a path may be read: a pure state machine over what the kernel says about it.
//!
//! ```text
//!             written                closed after writing
//!   any ───────────────► Writing ───────────────────────────► Ready ──► read at once
//!   any ── renamed to here ─────────────────────────────────► Ready
//!   any ── created ──► Settling ── unchanged for SETTLE ────► read
//!   any ── removed ──► Departing ── still absent after GRACE ► gone
//!   Writing ── absent ──► Departing
//! ```
//! A file that is written in place is read when its writer closes it, never before: a writer that is stopped half way
//! keeps the file in `Writing` for as long as it takes, unless the file is gone: a folder that was renamed took the writer
//! with it, and nobody will tell when he closes. A file whose removal was seen stays in force for a moment, because
//! many tools replace a file by unlinking and creating it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::stamp::Stamp;

#[cfg(test)]
mod tests;

/// How long a file that nobody was seen closing must look the same before it is read.
pub(super) const SETTLE: Duration = Duration::from_millis(100);

/// How long a removed file stays in force.
pub(super) const GRACE: Duration = Duration::from_millis(100);

/// Paths followed at most; past it the directory is read as a whole.
const MAX_PATHS: usize = 20_000;

/// What the kernel said about a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// Something was renamed to this path: it is complete.
    MovedIn,
    /// It appeared, and may be written next.
    Created,
    /// Its content changed, and its writer still has it open.
    Written,
    /// A writer closed it.
    Closed,
    /// Its mode or its times changed.
    Touched,
    /// It was deleted or renamed away.
    Removed,
}

/// How a file came to its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// By a rename: it is complete.
    Renamed,
    /// Written in place, as far as anybody knows.
    Written,
}

/// What to do about a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Read it.
    Read(Arrival),
    /// Read it if it still has this stamp; else, or if none was taken yet, let it settle.
    ReadIfStill(Option<Stamp>),
    /// It is gone unless it is there again.
    Depart,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Taken by the same pass that came to it, so it needs no due time.
    Ready(Arrival),
    Writing {
        since: Instant,
    },
    Settling {
        due: Instant,
        stamp: Option<Stamp>,
    },
    Departing {
        due: Instant,
    },
}

/// The paths about which something was said lately.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    phases: BTreeMap<PathBuf, Phase>,
}

// === impl Tracker ===

impl Tracker {
    /// Takes note of a signal. Returns false if there are too many paths to follow.
    pub(super) fn signal(&mut self, path: PathBuf, signal: Signal, now: Instant) -> bool {
        if self.phases.len() >= MAX_PATHS && !self.phases.contains_key(&path) {
            return false;
        }
        let before = self.phases.get(&path).copied();
        let after = match signal {
            Signal::MovedIn => Phase::Ready(Arrival::Renamed),
            Signal::Closed => Phase::Ready(Arrival::Written),
            Signal::Created => Phase::Settling { due: now + SETTLE, stamp: None },
            Signal::Written => match before {
                Some(Phase::Writing { since }) => Phase::Writing { since },
                _ => Phase::Writing { since: now },
            },
            Signal::Touched => before.unwrap_or(Phase::Ready(Arrival::Written)),
            Signal::Removed => Phase::Departing { due: now + GRACE },
        };
        self.phases.insert(path, after);
        true
    }

    /// Looks at `path` again when it had time to settle, unless something is known about it already.
    pub(super) fn settle(&mut self, path: &Path, stamp: Option<Stamp>, now: Instant) {
        self.phases.entry(path.to_owned()).or_insert(Phase::Settling { due: now + SETTLE, stamp });
    }

    /// Reads `path` with the next look, unless something is known about it already.
    pub(super) fn ready(&mut self, path: &Path, arrival: Arrival) {
        self.phases.entry(path.to_owned()).or_insert(Phase::Ready(arrival));
    }

    /// Checks with the next looks whether `path`, which is absent, is gone for good, unless its next look is due anyway.
    pub(super) fn depart(&mut self, path: &Path, now: Instant) {
        let phase = self.phases.entry(path.to_owned()).or_insert(Phase::Departing { due: now + GRACE });
        if let Phase::Writing { .. } = phase {
            *phase = Phase::Departing { due: now + GRACE };
        }
    }

    /// Forgets who writes below `folder`: signals were lost, so a close may have been among them. Such files settle
    /// instead.
    pub(super) fn forget_writers(&mut self, folder: &Path, now: Instant) {
        for (path, phase) in &mut self.phases {
            if matches!(phase, Phase::Writing { .. }) && path.starts_with(folder) {
                *phase = Phase::Settling { due: now + SETTLE, stamp: None };
            }
        }
    }

    /// Takes the paths whose time has come.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<(PathBuf, Look)> {
        let due: Vec<(PathBuf, Look)> =
            self.phases.iter().filter_map(|(path, phase)| Some((path.clone(), phase.look(now)?))).collect();
        for (path, _) in &due {
            self.phases.remove(path);
        }
        due
    }

    /// When the next path's time comes.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.phases.values().filter_map(Phase::due).min()
    }

    /// Whether the removal of `path` was seen and its grace is not over.
    pub(super) fn is_departing(&self, path: &Path) -> bool {
        matches!(self.phases.get(path), Some(Phase::Departing { .. }))
    }

    /// Whether nothing but files that somebody writes is awaited.
    pub(super) fn is_calm(&self) -> bool {
        self.phases.values().all(|phase| matches!(phase, Phase::Writing { .. }))
    }

    /// Files that somebody writes for `at_least` this long, and since when.
    pub(super) fn writing(&self, at_least: Duration, now: Instant) -> impl Iterator<Item = (&Path, Instant)> {
        self.phases.iter().filter_map(move |(path, phase)| match phase {
            Phase::Writing { since } if now.saturating_duration_since(*since) >= at_least => {
                Some((path.as_path(), *since))
            }
            _ => None,
        })
    }
}

// === impl Phase ===

impl Phase {
    fn look(&self, now: Instant) -> Option<Look> {
        match *self {
            Self::Ready(arrival) => Some(Look::Read(arrival)),
            Self::Settling { due, stamp } => (due <= now).then_some(Look::ReadIfStill(stamp)),
            Self::Departing { due } => (due <= now).then_some(Look::Depart),
            Self::Writing { .. } => None,
        }
    }

    fn due(&self) -> Option<Instant> {
        match *self {
            Self::Settling { due, .. } | Self::Departing { due } => Some(due),
            Self::Ready(_) | Self::Writing { .. } => None,
        }
    }
}
