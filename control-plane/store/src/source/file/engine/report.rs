//! What the engine tells about the files.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use ferro_model::{diagnostic::Diagnostic, document::Unsupported};
use tracing::warn;

use super::{
    super::{
        notes,
        status::{FileReport, Synced},
    },
    Engine, name_of,
};

/// How long a file may be written before somebody is told.
const LONG_WRITE: Duration = Duration::from_secs(5);

/// How long the first reading waits for files that do not come to rest.
const PATIENCE: Duration = Duration::from_secs(2);

// === impl Engine ===

impl Engine {
    /// Publishes the status if there is anything new in it.
    pub(super) fn report(&mut self, now: Instant) {
        let problems: Vec<Diagnostic> = self.scan_problems.iter().chain(&self.store_problem).cloned().collect();
        let synced = self.synced(now);
        let untold = std::mem::take(&mut self.untold);
        let current = self.status.borrow();
        let is_news = !untold.is_empty() || current.synced != synced || *current.problems != *problems;
        let mut status = current.clone();
        drop(current);
        if !is_news {
            return;
        }
        for name in untold {
            match self.report_of(&name, now) {
                Some(report) => {
                    log(&report, status.files.get(&name).map(Arc::as_ref));
                    status.files.insert(name, Arc::new(report))
                }
                None => status.files.remove(&name),
            };
        }
        status.synced = synced;
        status.problems = problems.into();
        self.status.send_replace(status);
    }

    fn report_of(&self, name: &Arc<str>, now: Instant) -> Option<FileReport> {
        let documents = self.claims.of(name);
        let state = self.files.get(name);
        let mut writing = self.tracker.writing(LONG_WRITE, now).filter(|(path, _)| *path == Path::new(&**name));
        let written_since = writing.next().map(|(_, since)| now.saturating_duration_since(since));
        if documents.is_empty() && state.is_none() && written_since.is_none() {
            return None;
        }
        let is_leaving = |file: &str| self.tracker.is_departing(Path::new(file));
        let rejected = self.claims.rejected(name, &self.store.snapshot(), is_leaving);
        let mut diagnostics = state.map_or_else(Vec::new, |state| state.notes.clone());
        diagnostics.extend(rejected.iter().map(|rejected| notes::rejected(name, rejected)));
        diagnostics.extend(written_since.map(|since| notes::being_written(name, since)));
        let unsupported = state.map_or_else(Vec::new, |state| state.unsupported.clone());
        Some(FileReport { objects: documents.len(), diagnostics, unsupported })
    }

    /// Files that are written for long are told about with the next report.
    pub(super) fn tell_long_writes(&mut self, now: Instant) {
        self.untold.extend(self.tracker.writing(LONG_WRITE, now).map(|(path, _)| name_of(path)));
    }

    fn synced(&self, now: Instant) -> Synced {
        let is_settled = self.tracker.is_calm() && self.unsettled.is_empty();
        // A store that cannot be written still has what it had; only an empty one must not be served.
        let has_something = self.store_problem.is_none() || self.store.snapshot().revision().0 > 0;
        let is_late = now.saturating_duration_since(self.started) >= PATIENCE && has_something;
        match self.status.borrow().synced {
            Synced::Starting if !is_settled && !is_late => Synced::Starting,
            Synced::Starting | Synced::Yes => Synced::Yes,
        }
    }
}

/// Logs what was not told before.
fn log(report: &FileReport, before: Option<&FileReport>) {
    let known = before.map_or(&[][..], |before| &before.diagnostics);
    for diagnostic in report.diagnostics.iter().filter(|diagnostic| !known.contains(diagnostic)) {
        warn!("{diagnostic}");
    }
    let known = before.map_or(&[][..], |before| &before.unsupported);
    for document in report.unsupported.iter().filter(|document| !known.contains(document)) {
        let Unsupported { api_version, kind, name, location, .. } = document;
        warn!("{location}: {kind} {name} of {api_version} is not supported yet, and has no effect");
    }
}
