//! What a file says after it was read again: its new documents, and the last good versions of those that are broken.

use std::{collections::BTreeSet, sync::Arc};

use ferro_model::{
    diagnostic::Diagnostic,
    document::Parsed,
    object::{Object, ObjectKey},
};

use super::{claims::Document, notes};

#[cfg(test)]
mod tests;

/// The model's code for a text that is no YAML.
const NO_YAML: &str = "syntax";

/// The model's code for a document that repeats an object of the text. Nothing is lost with it.
const REPEATED: &str = "duplicate-object";

/// A file's documents in force and what there is to tell about it.
#[derive(Debug, Default)]
pub(super) struct Merged {
    pub(super) documents: Vec<Document>,
    pub(super) notes: Vec<Diagnostic>,
}

/// Merges what was parsed with the documents in force before.
///
/// A broken document keeps its last good version. It is known by the object that its errors name. Every document that the
/// file lost might be the broken one, and all of them stay, where that does not tell:
/// - the error names nothing, or an object that was not in force: its name itself may be what is broken;
/// - a part of the text is no YAML: where it ends nobody can tell, and what should follow it may have been lost with it;
/// - a document of an unsupported kind has no name: it may be the beginning of one that was.
pub(super) fn merge(file: &Arc<str>, in_force: &[Document], parsed: Parsed) -> Merged {
    let is_cut = parsed.unsupported.iter().any(|document| document.name.is_empty());
    let mut merged = Merged { notes: parsed.diagnostics, ..Merged::default() };
    for (object, location) in parsed.objects {
        merged.documents.push(Document { object: Arc::new(object), line: location.line });
    }
    let good = keys(&merged.documents);
    let lost: BTreeSet<&ObjectKey> = keys(in_force).difference(&good).copied().collect();
    let broken = broken_of(&merged.notes, &lost, &good);
    let is_kept = |key: &ObjectKey| lost.contains(key) && (is_cut || broken.may_be(key));
    let kept: Vec<Document> = in_force.iter().filter(|old| is_kept(&old.object.key)).cloned().collect();
    if !kept.is_empty() {
        merged.notes.push(notes::kept(file, &kept));
    }
    merged.documents.extend(kept);
    merged
}

/// Whether a text says all that is in force, and ends with a document of it.
pub(super) fn repeats(in_force: &[Document], parsed: &Parsed) -> bool {
    let says = |document: &Document, object: &Object| {
        document.object.key == object.key && document.object.source_text == object.source_text
    };
    let is_said = |document: &Document| parsed.objects.iter().any(|(object, _)| says(document, object));
    let is_in_force = |object: &Object| in_force.iter().any(|document| says(document, object));
    in_force.iter().all(is_said) && parsed.objects.last().is_some_and(|(object, _)| is_in_force(object))
}

fn keys(documents: &[Document]) -> BTreeSet<&ObjectKey> {
    documents.iter().map(|document| &document.object.key).collect()
}

/// Which of the lost documents may be broken ones.
enum Broken<'a> {
    These(BTreeSet<&'a ObjectKey>),
    Any,
}

fn broken_of<'a>(notes: &'a [Diagnostic], lost: &BTreeSet<&ObjectKey>, good: &BTreeSet<&ObjectKey>) -> Broken<'a> {
    let mut named = BTreeSet::new();
    for error in notes.iter().filter(|note| note.is_error() && note.code != REPEATED) {
        match &error.object {
            Some(key) if error.code != NO_YAML && (lost.contains(key) || good.contains(key)) => drop(named.insert(key)),
            Some(_) | None => return Broken::Any,
        }
    }
    Broken::These(named)
}

// === impl Broken ===

impl Broken<'_> {
    fn may_be(&self, key: &ObjectKey) -> bool {
        match self {
            Self::These(named) => named.contains(key),
            Self::Any => true,
        }
    }
}
