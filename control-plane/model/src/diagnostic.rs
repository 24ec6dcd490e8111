//! What is wrong with a document, where, and what to do about it.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::object::ObjectKey;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The object is refused; its last good version stays in force.
    Error,
    /// The object is accepted; something in it has no effect or not the one its author may think of.
    Warning,
}

/// A place in a source: lines and columns start at 1, 0 means "not known".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Location {
    /// The file, or `api`.
    pub file: Arc<str>,
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

/// One finding about one document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable word for machines: `unknown-field`, `wrong-type`, ...
    pub code: &'static str,
    /// Where.
    #[serde(flatten)]
    pub location: Location,
    /// The object, whenever its kind and name could be read.
    #[serde(serialize_with = "as_text")]
    pub object: Option<ObjectKey>,
    /// `spec.http[0].route[1].weight`; empty for the document as a whole.
    pub field: String,
    /// What was found, what is allowed and the next step, in plain words.
    pub message: String,
}

fn as_text<S: serde::Serializer>(object: &Option<ObjectKey>, serializer: S) -> Result<S::Ok, S::Error> {
    match object {
        Some(key) => serializer.collect_str(key),
        None => serializer.serialize_none(),
    }
}

impl Diagnostic {
    /// An error about a document as a whole.
    pub fn error(code: &'static str, location: Location, message: impl Into<String>) -> Self {
        let message = one_line(message.into());
        Self { severity: Severity::Error, code, location, object: None, field: String::new(), message }
    }

    /// A warning about a document as a whole.
    pub fn warning(code: &'static str, location: Location, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, location, message) }
    }

    /// The same about an object.
    #[must_use]
    pub fn about(mut self, object: ObjectKey) -> Self {
        self.object = Some(object);
        self
    }

    /// The same about a field.
    #[must_use]
    pub fn at_field(mut self, field: impl Into<String>) -> Self {
        self.field = one_line(field.into());
        self
    }

    /// Whether it keeps the object out of force.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The longest message and the longest field; what documents hold may be far longer.
const LONGEST: usize = 1_000;

/// What is shown of a text that may come from a hostile document: one line, and not too much of it.
pub(crate) fn one_line(text: String) -> String {
    if text.len() <= LONGEST && !text.contains(char::is_control) {
        return text;
    }
    let mut short: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}:{}", self.file, self.column),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}: {severity}", self.location)?;
        if let Some(object) = &self.object {
            write!(f, ": {object}")?;
        }
        if !self.field.is_empty() {
            write!(f, ": {}", self.field)?;
        }
        write!(f, ": {} [{}]", self.message, self.code)
    }
}
