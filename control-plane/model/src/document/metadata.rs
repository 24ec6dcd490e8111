//! `metadata`: labels, annotations, and when an object came and goes.

use std::collections::BTreeMap;

use crate::context::Context;
use crate::fields::{FromNode, fields};
use crate::node::Node;
use crate::object::{ObjectMeta, Timestamp};
use crate::validate;

/// Reads `metadata`; the name and the namespace, which make the key, are read before.
pub(super) fn read(root: &Node, context: &mut Context<'_>) -> Option<ObjectMeta> {
    let Some(meta) = root.get("metadata") else {
        context.error(root, "missing-field", "metadata with a name is required");
        return None;
    };
    context.within("metadata", |context| Metadata::from_node(meta, context)).map(|meta| ObjectMeta {
        labels: meta.labels,
        annotations: meta.annotations,
        created: meta.created.map(|time| time.0).unwrap_or_default(),
        deleted: meta.deleted.map(|time| time.0),
    })
}

/// Says why no object can be named as this one is.
pub(super) fn explain_name(root: &Node, context: &mut Context<'_>) {
    // Without metadata, that is what is said.
    let Some(meta) = root.get("metadata") else { return };
    context.within("metadata", |context| {
        match meta.get("name") {
            None => context.error(meta, "missing-field", "`name` is required and not given"),
            Some(name) => named(name, "name", validate::object_name, context),
        }
        if let Some(namespace) = meta.get("namespace") {
            named(namespace, "namespace", validate::label, context);
        }
    });
}

fn named(node: &Node, field: &str, check: impl Fn(&str) -> Result<(), String>, context: &mut Context<'_>) {
    context.within(field, |context| match node.text().map(check) {
        None => context.error(node, "wrong-type", format!("found {}, wanted a string", node.describe())),
        Some(Err(reason)) => context.error(node, "bad-name", reason),
        Some(Ok(())) => {}
    });
}

fields! {
    /// The document, absent fields as `None`.
    pub(crate) struct Metadata {
        /// Labels.
        labels: BTreeMap<String, String> = "labels",
        /// Annotations.
        annotations: BTreeMap<String, String> = "annotations",
        /// When it was made.
        created: Option<Time> = "creationTimestamp",
        /// When it began to go.
        deleted: Option<Time> = "deletionTimestamp",
    }
    ignored [
        "name", "namespace", "generateName", "uid", "resourceVersion", "generation", "selfLink", "ownerReferences", "finalizers",
        "managedFields", "deletionGracePeriodSeconds",
    ]
}

/// A point in time as Kubernetes writes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Time(Timestamp);

impl FromNode for Time {
    fn from_node(node: &Node, context: &mut Context<'_>) -> Option<Self> {
        let parsed = node.text().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        match parsed.map(|time| u64::try_from(time.as_millisecond())) {
            Some(Ok(millis)) => Some(Self(Timestamp::from_unix_millis(millis))),
            _ => context.wrong(node, "a time such as 2026-11-21T08:00:00Z"),
        }
    }
}
