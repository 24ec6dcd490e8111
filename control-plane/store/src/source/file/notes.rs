//! The diagnostics that the file source itself makes.

use std::{path::Path, time::Duration};

use ferro_model::diagnostic::{Diagnostic, Location};

use super::{
    claims::{Document, Reason, Rejected},
    load::Refusal,
};

/// A file that is not taken.
pub(super) fn refused(file: &str, refusal: &Refusal) -> Diagnostic {
    let code = match refusal {
        Refusal::TooLarge { .. } => "file-too-large",
        Refusal::TooMuch { .. } => "file-too-much",
        Refusal::NotAFile => "file-not-a-file",
        Refusal::NotUtf8 { .. } => "file-not-utf8",
        Refusal::Unreadable(_) => "file-unreadable",
        Refusal::HalfWritten(_) => "file-half-written",
    };
    Diagnostic::error(code, at(file, 0), format!("{refusal}; what it said before stays in force"))
}

/// Documents whose last good version stays.
pub(super) fn kept(file: &str, documents: &[Document]) -> Diagnostic {
    let names: Vec<String> = documents.iter().map(|document| document.object.key.to_string()).collect();
    let text = format!("the last good version stays in force of: {}", names.join(", "));
    Diagnostic::warning("file-last-good-version", at(file, 0), text)
}

/// A claim that is not honoured.
pub(super) fn rejected(file: &str, rejected: &Rejected) -> Diagnostic {
    let key = &rejected.key;
    let (code, text) = match &rejected.reason {
        Reason::Duplicate { file: other, line } => (
            "file-duplicate-object",
            format!(
                "{key} stands in two files, {other}:{line} and {file}:{}; the first counts; remove one",
                rejected.line
            ),
        ),
        Reason::Owned(owner) => (
            "file-foreign-object",
            format!("{key} belongs to {owner}, whose version stays in force; delete it there, or remove it here"),
        ),
    };
    Diagnostic::error(code, at(file, rejected.line), text).about(key.clone())
}

/// A file that somebody keeps open for writing.
pub(super) fn being_written(file: &str, since: Duration) -> Diagnostic {
    let seconds = since.as_secs();
    let text = format!("somebody has been writing this file for {seconds} s; it is read when they close it");
    Diagnostic::warning("file-being-written", at(file, 0), text)
}

/// A folder, or a root, that cannot be looked into.
pub(super) fn unreadable(path: &Path, reason: &str) -> Diagnostic {
    let text = format!("cannot look into it: {reason}; what it said before stays in force until it can be read again");
    Diagnostic::error("file-unreadable-folder", at(&path.to_string_lossy(), 0), text)
}

/// More files than are read.
pub(super) fn too_many(left_out: usize, limit: usize) -> Diagnostic {
    let text = format!("{left_out} policy files are not read, as there are more than {limit}; join some");
    Diagnostic::error("file-too-many", at("", 0), text)
}

/// A store that does not take what the files say.
pub(super) fn not_committed(error: &str) -> Diagnostic {
    let text = format!("what the files say is not in force: {error}; it is tried again every second");
    Diagnostic::error("store-not-written", at("", 0), text)
}

fn at(file: &str, line: u32) -> Location {
    Location { file: file.into(), line, column: u32::from(line > 0) }
}
