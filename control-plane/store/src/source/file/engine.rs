//! The state of the file source and its one pass: look at what is due, read, resolve, commit, report.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use ferro_model::{
    Limits,
    diagnostic::Diagnostic,
    document::{self, Unsupported},
    object::ObjectKey,
};
use ferro_process::supervise::Chain;
use tokio::sync::watch;
use tracing::{debug, warn};

use crate::{
    owner::Owner,
    revision::Revision,
    snapshot::ContentHash,
    store::Store,
    transaction::{Edit, Transaction},
    writer::CommitError,
};

mod report;

use super::{
    FileLimits,
    claims::Claims,
    load::{Ending, Loaded, Refusal, ending, half_written, load},
    merge::{merge, repeats},
    notes,
    roots::Roots,
    stamp::{Stamp, is_older_than},
    status::FileStatus,
    track::{Arrival, Look, SETTLE, Signal, Tracker},
    walk::walk,
};

/// How long after a failure the store is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// Times that a commit is repeated because somebody else committed in between.
const ATTEMPTS: usize = 3;

/// How soon a file that differs is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Haste {
    /// The first reading: at once, unless it was modified just now. What is absent is gone at once.
    First,
    /// It was exchanged as a whole: at once.
    Exchanged,
    /// Nobody knows who writes: when it was seen unchanged twice.
    Settle,
}

/// What is known of one file.
#[derive(Debug, Default)]
struct FileState {
    stamp: Option<Stamp>,
    bytes: u64,
    /// Of the text that was taken last; absent if the last one was refused.
    taken: Option<ContentHash>,
    ending: Option<Ending>,
    notes: Vec<Diagnostic>,
    unsupported: Vec<Unsupported>,
}

/// The state of the file source.
#[derive(Debug)]
pub(super) struct Engine {
    store: Store,
    roots: Roots,
    limits: FileLimits,
    files: BTreeMap<Arc<str>, FileState>,
    claims: Claims,
    tracker: Tracker,
    /// Objects about which the store has to be asked.
    unsettled: BTreeSet<ObjectKey>,
    /// Objects that files claim and others own.
    blocked: BTreeSet<ObjectKey>,
    /// Files with something new to tell.
    untold: BTreeSet<Arc<str>>,
    scan_problems: Vec<Diagnostic>,
    store_problem: Option<Diagnostic>,
    scan_again: Option<Instant>,
    retry: Option<Instant>,
    started: Instant,
    status: watch::Sender<FileStatus>,
}

// === impl Engine ===

impl Engine {
    /// The state as the store remembers it: what each file said last.
    pub(super) fn new(store: Store, roots: Roots, limits: FileLimits, status: watch::Sender<FileStatus>) -> Self {
        let mut claims = Claims::default();
        for (_, stored) in store.snapshot().iter() {
            if let Some(file) = stored.owner.file() {
                claims.adopt(file, Arc::clone(&stored.object));
            }
        }
        Self {
            store,
            roots,
            limits,
            files: BTreeMap::new(),
            claims,
            tracker: Tracker::default(),
            unsettled: BTreeSet::new(),
            blocked: BTreeSet::new(),
            untold: BTreeSet::new(),
            scan_problems: Vec::new(),
            store_problem: None,
            scan_again: None,
            retry: None,
            started: Instant::now(),
            status,
        }
    }

    pub(super) fn revision(&self) -> Revision {
        self.store.snapshot().revision()
    }

    /// When [`pass`](Self::pass) has something to do although nothing happens.
    pub(super) fn next_due(&self) -> Option<Instant> {
        [self.tracker.next_due(), self.scan_again, self.retry].into_iter().flatten().min()
    }

    /// Something happened to a file.
    pub(super) fn signal(&mut self, path: PathBuf, signal: Signal, now: Instant) {
        if signal == Signal::Removed {
            // It may be a folder whose name ends like a file's.
            self.depart_below(&path, now);
        }
        if !self.tracker.signal(path, signal, now) {
            self.scan_again = Some(now + SETTLE);
        }
    }

    /// A folder, or what may be one, appeared, vanished or was exchanged.
    pub(super) fn folder(&mut self, path: &Path, now: Instant) {
        match fs::symlink_metadata(path) {
            // Whoever wrote below it before it had its present watch may have closed unseen.
            Ok(metadata) if metadata.is_symlink() => {
                self.tracker.forget_writers(path, now);
                self.scan(Haste::Exchanged, now);
            }
            Ok(metadata) if metadata.is_dir() => {
                self.tracker.forget_writers(path, now);
                self.scan(Haste::Settle, now);
                // Its watch may have come later than its first files.
                self.scan_again = Some(now + SETTLE);
            }
            Ok(_) => {}
            Err(_) => self.depart_below(path, now),
        }
    }

    /// Events were lost: whoever seemed to write may have closed.
    pub(super) fn lose_track(&mut self, now: Instant) {
        self.tracker.forget_writers(Path::new("/"), now);
        self.scan(Haste::Settle, now);
    }

    /// Compares all files with what is known of them.
    pub(super) fn scan(&mut self, haste: Haste, now: Instant) {
        let found = walk(self.roots.iter(), self.limits.files);
        for (path, metadata) in &found.files {
            let stamp = Stamp::of(metadata);
            if self.files.get(&*name_of(path)).is_some_and(|state| state.stamp == Some(stamp)) {
                continue;
            }
            match haste {
                Haste::Exchanged => self.tracker.ready(path, Arrival::Renamed),
                Haste::First if is_older_than(metadata, SETTLE) => self.tracker.ready(path, Arrival::Written),
                Haste::First | Haste::Settle => self.tracker.settle(path, Some(stamp), now),
            }
        }
        for name in self.known_files() {
            let path = Path::new(&*name);
            if found.files.contains_key(path) || !found.covers(path) {
                continue;
            }
            match haste {
                Haste::First => self.forget(&name),
                Haste::Exchanged | Haste::Settle => self.tracker.depart(path, now),
            }
        }
        self.scan_problems = found.unreadable.iter().map(|(path, reason)| notes::unreadable(path, reason)).collect();
        if found.left_out > 0 {
            self.scan_problems.push(notes::too_many(found.left_out, self.limits.files));
        }
        self.unsettled.extend(std::mem::take(&mut self.blocked));
        self.tell_long_writes(now);
    }

    /// Does everything that is due.
    pub(super) fn pass(&mut self, now: Instant) {
        if self.scan_again.is_some_and(|due| due <= now) {
            self.scan_again = None;
            self.scan(Haste::Settle, now);
        }
        for (path, look) in self.tracker.take_due(now) {
            self.look(&path, look, now);
        }
        if self.retry.is_none_or(|due| due <= now) {
            self.settle(now);
        }
        self.report(now);
    }

    fn look(&mut self, path: &Path, look: Look, now: Instant) {
        match look {
            Look::Read(arrival) => self.read(path, arrival, now),
            Look::ReadIfStill(expected) => match fs::metadata(path).map(|metadata| Stamp::of(&metadata)) {
                Ok(stamp) if expected == Some(stamp) => self.read(path, Arrival::Written, now),
                Ok(stamp) => self.tracker.settle(path, Some(stamp), now),
                Err(_) => self.read(path, Arrival::Written, now),
            },
            Look::Depart if fs::metadata(path).is_ok_and(|metadata| !metadata.is_dir()) => {
                self.tracker.settle(path, None, now);
            }
            // A root has to exist; what a lost one said stays in force, and the next scan tells.
            Look::Depart if self.roots.is_lost(path) => self.scan_again = Some(now),
            Look::Depart => self.forget(&name_of(path)),
        }
    }

    fn read(&mut self, path: &Path, arrival: Arrival, now: Instant) {
        let name = name_of(path);
        let (stamp, loaded) = load(path, self.limits.file_bytes);
        match loaded {
            Loaded::Absent if self.is_known(&name) => self.tracker.depart(path, now),
            Loaded::Absent => {}
            Loaded::Unstable => self.tracker.settle(path, stamp, now),
            Loaded::Refused(refusal) => self.refuse(&name, stamp, &refusal),
            Loaded::Text(text) => match self.objection(&name, path, &text, arrival) {
                Some(refusal) => self.refuse(&name, stamp, &refusal),
                None => self.accept(&name, stamp, &text),
            },
        }
    }

    /// Why a text is not taken, although it could be read.
    fn objection(&self, name: &Arc<str>, path: &Path, text: &str, arrival: Arrival) -> Option<Refusal> {
        let state = self.files.get(name);
        let others = self.files.values().map(|state| state.bytes).sum::<u64>() - state.map_or(0, |state| state.bytes);
        if others.saturating_add(bytes_of(text)) > self.limits.total_bytes {
            return Some(Refusal::TooMuch { limit: self.limits.total_bytes });
        }
        // Of JSON, half is never valid, and it often ends without a line break.
        let can_be_cut = arrival == Arrival::Written && path.extension().is_none_or(|extension| extension != "json");
        if !can_be_cut || self.claims.of(name).is_empty() {
            return None;
        }
        half_written(text, state.and_then(|state| state.ending).unwrap_or_else(|| self.adopted_ending(name, text)))
    }

    /// How the version in force ended, which the store does not remember. A text without a last line break is taken to be
    /// that version if it changes nothing, and else to be cut.
    fn adopted_ending(&self, name: &Arc<str>, text: &str) -> Ending {
        let is_cut = || !repeats(self.claims.of(name), &document::parse(name, text, &Limits::default()));
        if ending(text) == Ending::WholeLine || is_cut() { Ending::WholeLine } else { Ending::PartLine }
    }

    fn refuse(&mut self, name: &Arc<str>, stamp: Option<Stamp>, refusal: &Refusal) {
        let note = notes::refused(name, refusal);
        let state = self.state(name);
        // There may be room for it later.
        state.stamp = stamp.filter(|_| !matches!(refusal, Refusal::TooMuch { .. }));
        state.taken = None;
        state.notes = vec![note];
        self.untold.insert(Arc::clone(name));
    }

    fn accept(&mut self, name: &Arc<str>, stamp: Option<Stamp>, text: &str) {
        let hash = ContentHash::of(text);
        // While it was leaving, another file may have taken its place.
        self.unsettled.extend(self.claims.contested(name));
        let state = self.state(name);
        state.stamp = stamp;
        if state.taken == Some(hash) {
            return;
        }
        let mut parsed = document::parse(name, text, &Limits::default());
        state.unsupported = std::mem::take(&mut parsed.unsupported);
        state.taken = Some(hash);
        state.ending = Some(ending(text));
        state.bytes = bytes_of(text);
        let merged = merge(name, self.claims.of(name), parsed);
        self.state(name).notes = merged.notes;
        let affected = self.claims.replace(name, merged.documents);
        self.unsettled.extend(affected);
        self.untold.insert(Arc::clone(name));
    }

    fn forget(&mut self, name: &Arc<str>) {
        self.files.remove(name);
        let affected = self.claims.replace(name, Vec::new());
        self.unsettled.extend(affected);
        self.untold.insert(Arc::clone(name));
    }

    /// Brings the store to what the files say of the unsettled objects.
    fn settle(&mut self, now: Instant) {
        self.retry = None;
        if self.unsettled.is_empty() {
            return;
        }
        let keys = std::mem::take(&mut self.unsettled);
        match self.commit(&keys) {
            Ok(()) => self.store_problem = None,
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "what the policy files say is not in force");
                self.store_problem = Some(notes::not_committed(&Chain(&error).to_string()));
                self.unsettled = keys.clone();
                self.retry = Some(now + RETRY);
            }
        }
        self.untold.extend(keys.iter().flat_map(|key| self.claims.claimants(key)).cloned());
    }

    fn commit(&mut self, keys: &BTreeSet<ObjectKey>) -> Result<(), CommitError> {
        let mut attempt = 1;
        loop {
            let tracker = &self.tracker;
            let is_leaving = |file: &str| tracker.is_departing(Path::new(file));
            let resolution = self.claims.resolve(keys, &self.store.snapshot(), is_leaving);
            self.blocked.extend(resolution.blocked);
            if resolution.edits.is_empty() {
                return Ok(());
            }
            let transaction =
                Transaction { author: author(&resolution.edits), expected: None, edits: resolution.edits };
            match self.store.commit_blocking(transaction) {
                Ok(committed) => {
                    self.claims.share(keys, &self.store.snapshot());
                    debug!(revision = %committed.revision, changes = committed.changes.len(), "committed policy files");
                    return Ok(());
                }
                Err(CommitError::Conflict(_)) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    fn state(&mut self, name: &Arc<str>) -> &mut FileState {
        self.files.entry(Arc::clone(name)).or_default()
    }

    fn is_known(&self, name: &Arc<str>) -> bool {
        self.files.contains_key(name) || !self.claims.of(name).is_empty()
    }

    fn known_files(&self) -> BTreeSet<Arc<str>> {
        self.files.keys().chain(self.claims.files()).cloned().collect()
    }

    fn depart_below(&mut self, path: &Path, now: Instant) {
        for name in self.known_files() {
            if Path::new(&*name).starts_with(path) {
                self.tracker.depart(Path::new(&*name), now);
            }
        }
    }
}

/// The file, or how many there are.
fn author(edits: &[Edit]) -> String {
    let files: BTreeSet<&Owner> = edits.iter().map(|edit| &edit.owner).collect();
    match files.first() {
        Some(file) if files.len() == 1 => file.to_string(),
        _ => format!("{} files", files.len()),
    }
}

fn name_of(path: &Path) -> Arc<str> {
    path.to_string_lossy().into()
}

fn bytes_of(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
