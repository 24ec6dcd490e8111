//! Where a conversion or a rule stands in its document, and what was found on the way.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Location, Severity};
use crate::node::{Node, Value};
use crate::object::ObjectKey;

/// The most findings one document may have; the rest is counted in a last one.
const FINDINGS: usize = 50;

/// The place in a document, and the findings so far.
pub(crate) struct Context<'a> {
    file: Arc<str>,
    root: &'a Node,
    object: Option<ObjectKey>,
    /// `spec.http[0].route`, and where each of its steps begins: a key may hold dots itself.
    path: String,
    steps: Vec<usize>,
    findings: Vec<Diagnostic>,
    failed: bool,
    dropped: usize,
    /// Of the programs that the document's expressions compile to.
    instructions: usize,
}

impl<'a> Context<'a> {
    pub(crate) fn new(file: Arc<str>, root: &'a Node, object: Option<ObjectKey>) -> Self {
        let (path, steps, findings) = (String::new(), Vec::new(), Vec::new());
        Self { file, root, object, path, steps, findings, failed: false, dropped: 0, instructions: 0 }
    }

    /// Notes an error about `node`, at the current field.
    pub(crate) fn error(&mut self, node: &Node, code: &'static str, message: impl Into<String>) {
        let path = self.path.clone();
        self.note(Severity::Error, node, code, path, message.into());
    }

    /// Notes a warning about `node`, at the current field.
    pub(crate) fn warning(&mut self, node: &Node, code: &'static str, message: impl Into<String>) {
        let path = self.path.clone();
        self.note(Severity::Warning, node, code, path, message.into());
    }

    /// A value of another type than the field wants.
    pub(crate) fn wrong<T>(&mut self, node: &Node, wanted: &str) -> Option<T> {
        self.error(node, "wrong-type", format!("found {}, wanted {wanted}", node.describe()));
        None
    }

    /// Refuses what stands at the current field; for rules, which see typed values and no nodes.
    pub(crate) fn refuse(&mut self, code: &'static str, message: impl Into<String>) {
        self.error(self.here(), code, message);
    }

    /// Warns about what stands at the current field; for rules, which see typed values and no nodes.
    pub(crate) fn warn(&mut self, code: &'static str, message: impl Into<String>) {
        self.warning(self.here(), code, message);
    }

    /// Refuses with the reason of a failed check.
    pub(crate) fn require(&mut self, code: &'static str, check: Result<(), String>) {
        if let Err(reason) = check {
            self.refuse(code, reason);
        }
    }

    /// Runs `read` with the path one field deeper.
    pub(crate) fn within<T>(&mut self, step: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        self.steps.push(length);
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(step);
        let result = read(self);
        self.leave(length);
        result
    }

    /// Runs `read` with the path at an item of the current list.
    pub(crate) fn item<T>(&mut self, index: usize, read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        self.steps.push(length);
        self.path.push_str(&format!("[{index}]"));
        let result = read(self);
        self.leave(length);
        result
    }

    fn leave(&mut self, length: usize) {
        self.steps.pop();
        self.path.truncate(length);
    }

    /// Applies a rule to a field that is there.
    pub(crate) fn inside<'t, T>(&mut self, field: &str, value: Option<&'t T>, rule: impl FnOnce(&mut Self, &'t T)) {
        if let Some(value) = value {
            self.within(field, |context| rule(context, value));
        }
    }

    /// Applies a rule to every item of a list.
    pub(crate) fn each<'t, T>(&mut self, field: &str, items: &'t [T], mut rule: impl FnMut(&mut Self, &'t T)) {
        self.within(field, |context| {
            for (index, item) in items.iter().enumerate() {
                context.item(index, |context| rule(context, item));
            }
        });
    }

    /// Applies a rule to every pair of a map.
    pub(crate) fn pairs<'t, V>(
        &mut self,
        field: &str,
        map: &'t BTreeMap<String, V>,
        mut rule: impl FnMut(&mut Self, &'t str, &'t V),
    ) {
        self.within(field, |context| {
            for (key, value) in map {
                context.within(key, |context| rule(context, key, value));
            }
        });
    }

    /// The namespace of the object, empty if it could not be read.
    pub(crate) fn namespace(&self) -> &str {
        self.object.as_ref().map_or("", |key| &key.namespace)
    }

    /// Adds the instructions of one more expression, and gives those of all so far.
    pub(crate) fn count_instructions(&mut self, more: usize) -> usize {
        self.instructions = self.instructions.saturating_add(more);
        self.instructions
    }

    /// Whether an error was noted so far.
    pub(crate) fn failed(&self) -> bool {
        self.failed
    }

    /// Everything noted.
    pub(crate) fn into_findings(mut self) -> Vec<Diagnostic> {
        if self.dropped > 0 {
            let message = format!("{} more findings are not shown; mend these first", self.dropped);
            let place =
                self.findings.iter().map(|finding| &finding.location).max_by_key(|place| (place.line, place.column));
            let mut more = Diagnostic::warning("more", place.cloned().unwrap_or_default(), message);
            more.object = self.object;
            self.findings.push(more);
        }
        self.findings
    }

    /// The node the path leads to, or the nearest above it: what is refused may be missing.
    fn here(&self) -> &'a Node {
        let mut node = self.root;
        for (index, start) in self.steps.iter().enumerate() {
            let end = self.steps.get(index + 1).copied().unwrap_or(self.path.len());
            let step = self.path.get(*start..end).unwrap_or_default();
            let next = match &node.value {
                Value::Sequence(items) => {
                    step.trim_matches(['[', ']']).parse::<usize>().ok().and_then(|index| items.get(index))
                }
                _ => node.get(if *start == 0 { step } else { step.strip_prefix('.').unwrap_or(step) }),
            };
            match next {
                Some(next) => node = next,
                None => return node,
            }
        }
        node
    }

    /// Errors come before warnings when there is no room for all: a refused object must not look accepted.
    fn note(&mut self, severity: Severity, node: &Node, code: &'static str, field: String, message: String) {
        let first_error = severity == Severity::Error && !self.failed;
        self.failed |= severity == Severity::Error;
        if self.findings.len() >= FINDINGS && !first_error {
            self.dropped += 1;
            return;
        }
        let location = Location { file: Arc::clone(&self.file), line: node.line, column: node.column };
        let object = self.object.clone();
        self.findings.push(Diagnostic {
            severity,
            object,
            ..Diagnostic::error(code, location, message).at_field(field)
        });
    }
}
