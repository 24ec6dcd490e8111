//! What the tests of several modules need.

use std::sync::Arc;

use ferro_model::{Change, Limits, document};

/// The objects of a text as changes; every document must be accepted.
pub(crate) fn changes(text: &str) -> Vec<Change> {
    let parsed = document::parse("test", text, &Limits::default());
    assert!(parsed.diagnostics.iter().all(|found| !found.is_error()), "{:#?}", parsed.diagnostics);
    parsed.objects.into_iter().map(|(object, _)| Change::Applied(Arc::new(object))).collect()
}
