use std::collections::BTreeMap;

use crate::context::Context;
use crate::fields::{FromNode, fields};
use crate::node::{Node, Value};

/// How a string is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StringMatch {
    /// The whole string.
    Exact(String),
    /// Its beginning.
    Prefix(String),
    /// An RE2 expression over the whole string.
    Regex(String),
}

impl FromNode for StringMatch {
    fn from_node(node: &Node, context: &mut Context<'_>) -> Option<Self> {
        const WANTED: &str = "exactly one of exact, prefix, regex";
        let Value::Mapping(entries) = &node.value else { return context.wrong(node, WANTED) };
        let [entry] = entries.as_slice() else { return context.wrong(node, WANTED) };
        let text = context.within(&entry.key, |context| String::from_node(&entry.value, context))?;
        match &*entry.key {
            "exact" => Some(Self::Exact(text)),
            "prefix" => Some(Self::Prefix(text)),
            "regex" => Some(Self::Regex(text)),
            _ => context.wrong(node, WANTED),
        }
    }
}

fields! {
    /// A named port.
    pub struct Port {
        /// 1 to 65535.
        number: Option<u32> = "number",
        /// The protocol's name, any case.
        protocol: Option<String> = "protocol",
        /// Unique among its neighbours.
        name: Option<String> = "name",
        /// Deprecated by Istio.
        target_port: Option<u32> = "targetPort",
    }

    /// Chooses a port by number.
    pub struct PortSelector {
        /// 1 to 65535.
        number: u32 = "number",
    }

    /// A host, a subset of it, a port of it.
    pub struct Destination {
        /// Short names are resolved in the namespace of the document.
        host: String = "host",
        /// A subset of the host's DestinationRule.
        subset: Option<String> = "subset",
        /// Needed when the service has several ports.
        port: Option<PortSelector> = "port",
    }

    /// Changes to the headers of requests and responses.
    pub struct Headers {
        /// On the way to the destination.
        request: Option<HeaderOperations> = "request",
        /// On the way back.
        response: Option<HeaderOperations> = "response",
    }

    /// Changes to headers.
    pub struct HeaderOperations {
        /// Overwrites.
        set: BTreeMap<String, String> = "set",
        /// Appends.
        add: BTreeMap<String, String> = "add",
        /// Removes.
        remove: Vec<String> = "remove",
    }

    /// 0 to 100.
    pub struct Percent {
        /// Fractions down to 0.0001 count.
        value: Option<f64> = "value",
    }

    /// Chooses workloads of the document's namespace.
    pub struct WorkloadSelector {
        /// All must be there.
        labels: BTreeMap<String, String> = "labels",
        /// The form DestinationRule uses.
        match_labels: BTreeMap<String, String> = "matchLabels",
    }
}

impl WorkloadSelector {
    /// The labels, whichever way they are spelled.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        if self.labels.is_empty() { &self.match_labels } else { &self.labels }
    }
}
