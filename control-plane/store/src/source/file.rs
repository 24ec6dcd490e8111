//! Policy from files: folders of YAML and JSON, followed as they change.
//!
//! ```text
//! inotify ─► listen ─► track: when may a path be read? ─► load ─► parse ─► merge: last good versions
//! every 10 s ─► walk ──┘                                                      │
//!                                       store ◄── commit ◄── claims: which file speaks for which object?
//! ```
//! From a rename to the committed revision it takes one micro-batch of at most 2 ms, the parsing of the file, and one
//! durable write. The revision waits for the disk although the file would survive a crash: a write takes half a
//! millisecond on the solid-state disk it was measured on, of about one millisecond from the rename on, and a revision
//! number that was seen never means something else after a crash.
//!
//! A source that suddenly loses most of its objects is not held back yet (reliability.md, rule 30).

use std::{
    path::PathBuf,
    sync::{atomic::Ordering, mpsc::RecvTimeoutError},
    time::{Duration, Instant},
};

use ferro_process::CancellationToken;
use notify::RecommendedWatcher;
use tokio::{sync::watch, task::JoinError};
use tracing::info;

use crate::store::Store;

use self::{
    engine::{Engine, Haste},
    listen::{Inbox, Message, Stopper, listen},
    roots::{Roots, Watches},
    track::Signal,
};

pub use self::status::{FileReport, FileStatus, Synced};

mod claims;
mod engine;
mod listen;
mod load;
mod merge;
mod notes;
mod roots;
mod stamp;
mod status;
#[cfg(test)]
mod tests;
mod track;
mod walk;

/// A batch of events is closed after this time at the latest, so that a stream of changes cannot delay itself.
const MAX_BATCH: Duration = Duration::from_millis(2);

/// A batch of events is closed when nothing came for this time: the two halves of a rename, or of a save, belong together.
const QUIET: Duration = Duration::from_micros(300);

/// What to read and how much of it.
#[derive(Clone, Debug)]
pub struct FileOptions {
    /// Folders, with all below them, and single files. A root may be a link, or be reached through links; whoever
    /// exchanges one of them is seen at once. Below a root, links to files are followed, links to folders and hidden names
    /// are not.
    pub roots: Vec<PathBuf>,
    /// Bounds.
    pub limits: FileLimits,
    /// How often everything is looked at in case that an event was lost.
    pub rescan: Duration,
}

/// Bounds on what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileLimits {
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes of all files together.
    pub total_bytes: u64,
    /// Files.
    pub files: usize,
}

/// Why the file source does not work.
#[derive(Debug, thiserror::Error)]
pub enum FileSourceError {
    /// A root is no path that can be made absolute.
    #[error("cannot tell the absolute path of the policy files")]
    Root(#[source] std::io::Error),
    /// The kernel gives no more watches.
    #[error("cannot watch files; raise fs.inotify.max_user_instances")]
    Watch(#[source] notify::Error),
    /// Its thread panicked.
    #[error("the thread of the file source ended early")]
    Ended(#[source] JoinError),
}

/// Follows policy files and commits what they say.
#[derive(Debug)]
pub struct FileSource {
    engine: Engine,
    roots: Roots,
    watcher: RecommendedWatcher,
    watches: Watches,
    /// When the watches last changed: of a writer that was seen before, the end may have been missed.
    watched_since: Instant,
    inbox: Inbox,
    stopper: Stopper,
    rescan: Duration,
    status: watch::Receiver<FileStatus>,
}

impl Default for FileLimits {
    fn default() -> Self {
        Self { file_bytes: 16 * 1024 * 1024, total_bytes: 64 * 1024 * 1024, files: 10_000 }
    }
}

// === impl FileOptions ===

impl FileOptions {
    /// The usual bounds for some folders and files.
    pub fn new(roots: Vec<PathBuf>) -> Self {
        Self { roots, limits: FileLimits::default(), rescan: Duration::from_secs(10) }
    }
}

// === impl FileSource ===

impl FileSource {
    /// A source that commits to `store`. Nothing is read before [`run`](Self::run).
    ///
    /// # Errors
    /// See [`FileSourceError`]. A root that does not exist is no error but a diagnostic: it may appear.
    pub fn new(options: &FileOptions, store: Store) -> Result<Self, FileSourceError> {
        let roots = Roots::new(&options.roots).map_err(FileSourceError::Root)?;
        let (watcher, inbox, stopper) = listen(roots.clone()).map_err(FileSourceError::Watch)?;
        let (sender, status) = watch::channel(FileStatus::default());
        let engine = Engine::new(store, roots.clone(), options.limits, sender);
        let watches = Watches::default();
        let watched_since = Instant::now();
        Ok(Self { engine, roots, watcher, watches, watched_since, inbox, stopper, rescan: options.rescan, status })
    }

    /// What there is to tell about the files, and a wake-up for every change of it.
    pub fn status(&self) -> watch::Receiver<FileStatus> {
        self.status.clone()
    }

    /// Reads and follows the files until `shutdown`, on a thread for blocking work.
    ///
    /// # Errors
    /// If its thread panicked.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), FileSourceError> {
        let stop = StopOnDrop(self.stopper.clone());
        let mut worker = tokio::task::spawn_blocking(move || self.work());
        tokio::select! {
            ended = &mut worker => return ended.map_err(FileSourceError::Ended),
            () = shutdown.cancelled() => {}
        }
        drop(stop);
        worker.await.map_err(FileSourceError::Ended)
    }

    fn work(mut self) {
        self.watch(None);
        self.engine.scan(Haste::First, Instant::now());
        self.engine.pass(Instant::now());
        info!(revision = %self.engine.revision(), "read the policy files");
        let mut next_rescan = Instant::now() + self.rescan;
        while !self.inbox.stop.load(Ordering::Acquire) {
            let wake = self.engine.next_due().map_or(next_rescan, |due| due.min(next_rescan));
            self.receive(wake);
            let now = Instant::now();
            if self.inbox.lost.swap(false, Ordering::AcqRel) {
                self.engine.lose_track(now);
            }
            if now >= next_rescan {
                next_rescan = now + self.rescan;
                self.watch(None);
                self.engine.scan(Haste::Settle, now);
            }
            self.engine.pass(now);
        }
    }

    /// Waits for messages until `wake`, and takes those that come together as one batch.
    fn receive(&mut self, wake: Instant) {
        let mut limit = wake;
        let mut wait = wake.saturating_duration_since(Instant::now());
        loop {
            match self.inbox.messages.recv_timeout(wait) {
                Ok(message) => {
                    let now = Instant::now();
                    if limit == wake {
                        limit = now + MAX_BATCH;
                    }
                    self.take(message, now);
                    wait = QUIET.min(limit.saturating_duration_since(now));
                }
                // The stopper holds a sender, so the channel is never closed here.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
            if wait.is_zero() {
                return;
            }
        }
    }

    fn take(&mut self, message: Message, now: Instant) {
        match message {
            Message::File { path, signal, at } => {
                let is_exchanged = matches!(signal, Signal::Created | Signal::MovedIn | Signal::Removed);
                if self.roots.is_root(&path) && self.watch(is_exchanged.then_some(&path)) {
                    self.engine.folder(&path, now);
                }
                let is_old = signal == Signal::Written && at < self.watched_since;
                self.engine.signal(path, if is_old { Signal::Created } else { signal }, at);
            }
            Message::Folder(path) => {
                // A root that comes or goes needs its watch before it is walked.
                self.watch(Some(&path));
                self.engine.folder(&path, now);
            }
            Message::Wake => {}
        }
    }

    /// Watches what is not watched yet, and anew what came, went or was exchanged. Returns whether anything changed.
    fn watch(&mut self, exchanged: Option<&PathBuf>) -> bool {
        if let Some(path) = exchanged {
            self.watches.drop_watch(&mut self.watcher, path);
        }
        let changed = self.watches.update(&mut self.watcher, &self.roots);
        if changed {
            // What came before its place was watched.
            self.watches.update(&mut self.watcher, &self.roots);
            self.watched_since = Instant::now();
        }
        changed
    }
}

/// Ends the thread also when the future that waits for it is dropped.
struct StopOnDrop(Stopper);

// === impl StopOnDrop ===

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}
