//! Text to objects: every document of a text on its own, with everything worth saying about it.

mod metadata;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use serde::Serialize;

use crate::context::Context;
use crate::diagnostic::{Diagnostic, Location, one_line};
use crate::node::{Node, Style, Value};
use crate::object::{Object, ObjectKey, ObjectKind, Spec};
use crate::validate;
use crate::yaml::{self, Broken, Limits};

/// What a text holds.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// Accepted objects, in order, with their places.
    pub objects: Vec<(Object, Location)>,
    /// Documents of kinds that are not supported (yet).
    pub unsupported: Vec<Unsupported>,
    /// Everything worth saying, in the order of the text. An error means that its object is not among `objects`.
    pub diagnostics: Vec<Diagnostic>,
}

/// A document whose kind is not supported: named, so that it is not ignored silently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unsupported {
    /// Its `apiVersion`.
    pub api_version: String,
    /// Its `kind`.
    pub kind: String,
    /// Its namespace, if it has one.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub location: Location,
}

/// Reads every document of a text. `source` names the text in diagnostics: a path, or `api`.
pub fn parse(source: &str, text: &str, limits: &Limits) -> Parsed {
    let file: Arc<str> = source.into();
    let mut parsed = Parsed::default();
    let whole = Location { file: Arc::clone(&file), line: 1, column: 1 };
    if text.len() > limits.file_bytes {
        let message = format!("{} bytes; at most {} are read: split the file", text.len(), limits.file_bytes);
        parsed.diagnostics.push(Diagnostic::error("too-large", whole, message));
        return parsed;
    }
    for document in yaml::documents(text, limits) {
        match document {
            Ok(document) => read(&file, &document.root, document.text, &mut parsed),
            Err(broken) => parsed.diagnostics.push(unreadable(&file, broken)),
        }
    }
    duplicates(&mut parsed);
    parsed.diagnostics.sort_by_key(|finding| (finding.location.line, finding.location.column));
    parsed
}

/// A document that is no YAML; what could be read of it tells which object keeps its last good version.
fn unreadable(file: &Arc<str>, broken: Broken) -> Diagnostic {
    let location = Location { file: Arc::clone(file), line: broken.line, column: broken.column };
    let mut diagnostic = Diagnostic::error(broken.code, location, broken.message);
    diagnostic.object = broken.partial.as_ref().and_then(|root| key_of(kind_of(root)?, root));
    diagnostic
}

/// The kind of a document that may be cut off; other projects have kinds of the same names.
fn kind_of(root: &Node) -> Option<ObjectKind> {
    let kind: ObjectKind = root.get("kind")?.text()?.parse().ok()?;
    same_group(kind, root.get("apiVersion")?.text()?).then_some(kind)
}

fn read(file: &Arc<str>, root: &Node, text: &str, parsed: &mut Parsed) {
    let location = Location { file: Arc::clone(file), line: root.line, column: root.column };
    let Value::Mapping(_) = &root.value else {
        let message = format!("found {}, wanted an object with apiVersion, kind and metadata", root.describe());
        parsed.diagnostics.push(Diagnostic::error("wrong-type", location, message));
        return;
    };
    let word = |name: &str| one_line(root.get(name).and_then(Node::text).unwrap_or_default().to_owned());
    let (api_version, kind) = (word("apiVersion"), word("kind"));
    if kind == "List" {
        return list(file, root, parsed);
    }
    if kind.is_empty() || api_version.is_empty() {
        let message = "apiVersion and kind are required: they say what the document is";
        parsed.diagnostics.push(Diagnostic::error("missing-field", location, message));
        return;
    }
    match kind.parse::<ObjectKind>() {
        Ok(known) if known.api_versions().contains(&api_version.as_str()) => {
            object(file, known, root, text, location, parsed);
        }
        Ok(known) if same_group(known, &api_version) => {
            let message = format!("{kind} is not served as {api_version}; use {}", known.api_versions().join(", "));
            let mut diagnostic = Diagnostic::error("unknown-version", location, message);
            diagnostic.object = key_of(known, root);
            parsed.diagnostics.push(diagnostic);
        }
        _ => parsed.unsupported.push(unsupported(api_version, kind, root, location)),
    }
}

/// `kind: List` holds documents under `items`.
fn list(file: &Arc<str>, root: &Node, parsed: &mut Parsed) {
    let Some(Value::Sequence(items)) = root.get("items").map(|node| &node.value) else { return };
    for item in items {
        // The items have no text of their own: each is written as JSON, which is YAML as well.
        read(file, item, &json(item), parsed);
    }
}

fn json(node: &Node) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Scalar { text, style: Style::Quoted } => quoted(text),
        // A plain scalar stays plain: flow YAML reads it as it was, if nothing in it means something there.
        Value::Scalar { text, .. } if text.contains([',', '[', ']', '{', '}', ':', '#', '\n']) => quoted(text),
        Value::Scalar { text, .. } => text.to_string(),
        Value::Sequence(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(", ")),
        Value::Mapping(entries) => {
            let pairs: Vec<String> =
                entries.iter().map(|entry| format!("{}: {}", quoted(&entry.key), json(&entry.value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
    }
}

fn same_group(kind: ObjectKind, api_version: &str) -> bool {
    let group = |version: &str| version.rsplit_once('/').map_or(String::new(), |(group, _)| group.to_owned());
    kind.api_versions().iter().any(|served| group(served) == group(api_version))
}

fn unsupported(api_version: String, kind: String, root: &Node, location: Location) -> Unsupported {
    let meta = root.get("metadata");
    let of =
        |name: &str| one_line(meta.and_then(|meta| meta.get(name)).and_then(Node::text).unwrap_or_default().to_owned());
    Unsupported { api_version, kind, namespace: of("namespace"), name: of("name"), location }
}

fn object(file: &Arc<str>, kind: ObjectKind, root: &Node, text: &str, location: Location, parsed: &mut Parsed) {
    let key = key_of(kind, root);
    let mut context = Context::new(Arc::clone(file), root, key.clone());
    let meta = metadata::read(root, &mut context);
    if key.is_none() {
        metadata::explain_name(root, &mut context);
    }
    let spec = Spec::read(kind, root, &mut context);
    if let (Some(meta), Some(spec)) = (&meta, &spec) {
        validate::object(meta, spec, &mut context);
    }
    let refused = context.failed();
    parsed.diagnostics.extend(context.into_findings());
    if let (Some(key), Some(meta), Some(spec), false) = (key, meta, spec, refused) {
        parsed.objects.push((Object { key, meta, spec, source_text: text.into() }, location));
    }
}

/// The name of an object, if it is one that an object can have.
fn key_of(kind: ObjectKind, root: &Node) -> Option<ObjectKey> {
    let meta = root.get("metadata")?;
    let name = meta.get("name")?.text().filter(|name| validate::object_name(name).is_ok())?;
    let namespace = match kind.namespaced() {
        true => meta.get("namespace").map_or(Some("default"), Node::text)?,
        false => "",
    };
    let named = !kind.namespaced() || validate::label(namespace).is_ok();
    named.then(|| ObjectKey::new(kind, namespace, name))
}

/// A key that stands twice in one text: the first is taken, the others are errors that name it.
fn duplicates(parsed: &mut Parsed) {
    let mut seen = HashMap::new();
    let diagnostics = &mut parsed.diagnostics;
    parsed.objects.retain(|(object, location)| match seen.entry(object.key.clone()) {
        Entry::Vacant(entry) => {
            entry.insert(location.line);
            true
        }
        Entry::Occupied(first) => {
            let message = format!("stands twice in this file, first at line {}; keep one", first.get());
            let twice = Diagnostic::error("duplicate-object", location.clone(), message);
            diagnostics.push(twice.about(object.key.clone()));
            false
        }
    });
}

#[cfg(test)]
mod tests;
