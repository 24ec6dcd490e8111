//! What a file says after it was read again: its new documents, and the last good versions of those that are broken.

use std::{collections::BTreeSet, sync::Arc};

use ferro_model::{diagnostic::Diagnostic, document::Parsed, object::ObjectKey};

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
/// A broken document keeps its last good version. It is known by the object that its errors name. Where an error names
/// none, every document that the file lost might be the broken one, and all of them stay. So they do if a part of the text
/// is no YAML: where it ends nobody can tell, and what should follow it may have been lost with it.
pub(super) fn merge(file: &Arc<str>, in_force: &[Document], parsed: Parsed) -> Merged {
    let mut merged = Merged { notes: parsed.diagnostics, ..Merged::default() };
    let mut seen = BTreeSet::new();
    for (object, location) in parsed.objects {
        seen.insert(object.key.clone());
        merged.documents.push(Document { object: Arc::new(object), line: location.line });
    }
    let broken = Broken::of(&merged.notes);
    let kept: Vec<Document> = in_force
        .iter()
        .filter(|old| !seen.contains(&old.object.key) && broken.may_be(&old.object.key))
        .cloned()
        .collect();
    if !kept.is_empty() {
        merged.notes.push(notes::kept(file, &kept));
    }
    merged.documents.extend(kept);
    merged
}

/// The objects whose documents have errors.
struct Broken<'a> {
    named: BTreeSet<&'a ObjectKey>,
    unnamed: bool,
}

// === impl Broken ===

impl<'a> Broken<'a> {
    fn of(notes: &'a [Diagnostic]) -> Self {
        let errors = || notes.iter().filter(|note| note.is_error() && note.code != REPEATED);
        let named = errors().filter_map(|error| error.object.as_ref()).collect();
        Self { named, unnamed: errors().any(|error| error.object.is_none() || error.code == NO_YAML) }
    }

    fn may_be(&self, key: &ObjectKey) -> bool {
        self.unnamed || self.named.contains(key)
    }
}
