//! What the file source tells about itself and its files, for `ferroctl` and `/metrics`.

use std::sync::Arc;

use ferro_model::{
    diagnostic::{Diagnostic, Severity},
    document::Unsupported,
};
use imbl::OrdMap;

/// The state of the file source. Clones share their content.
#[derive(Clone, Debug, Default)]
pub struct FileStatus {
    /// Whether every file was read once and what they say was committed.
    pub synced: Synced,
    /// The files, by path.
    pub files: OrdMap<Arc<str>, Arc<FileReport>>,
    /// What concerns no single file: a missing folder, too many files, a store that cannot be written.
    pub problems: Arc<[Diagnostic]>,
}

/// Whether the store says what the files say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synced {
    /// The first reading is not over.
    #[default]
    Starting,
    /// It is over.
    Yes,
}

/// The state of one file.
#[derive(Clone, Debug, Default)]
pub struct FileReport {
    /// Objects that it says, with those whose last good version is kept.
    pub objects: usize,
    /// What is wrong with it, in the order of the lines as far as there are any.
    pub diagnostics: Vec<Diagnostic>,
    /// Documents of kinds that are not supported yet.
    pub unsupported: Vec<Unsupported>,
}

// === impl FileStatus ===

impl FileStatus {
    /// Every current diagnostic: of the source first, then of the files in the order of their paths.
    pub fn diagnostics(&self) -> impl Iterator<Item = &Diagnostic> {
        self.problems.iter().chain(self.files.values().flat_map(|report| &report.diagnostics))
    }

    /// How many diagnostics of a severity there are.
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics().filter(|diagnostic| diagnostic.severity == severity).count()
    }
}
