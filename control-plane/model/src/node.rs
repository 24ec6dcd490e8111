//! A YAML document as a tree that remembers where everything stood.

/// A value and its place: line and column start at 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// What stands there. Scalars keep their text: what it means depends on the field that reads it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Scalar { text: Box<str>, style: Style },
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// Whether a scalar was quoted: `"80"` is a string, `80` a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Quoted,
}

/// One pair of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: Box<str>,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) value: Node,
}

impl Node {
    /// The value under `key`; nulls count as absent, as Kubernetes reads them.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Value::Mapping(entries) = &self.value else { return None };
        entries.iter().find(|entry| &*entry.key == key).map(|entry| &entry.value).filter(|node| !node.is_null())
    }

    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// What stands there, for messages: short, and never more than a line.
    pub(crate) fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Sequence(items) => format!("a list of {}", items.len()),
            Value::Mapping(entries) => format!("an object with {} fields", entries.len()),
            Value::Scalar { text, style } => {
                let short: String = text.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
                let more = if text.chars().count() > 60 { "…" } else { "" };
                match style {
                    Style::Quoted => format!("the string \"{short}{more}\""),
                    Style::Plain => format!("`{short}{more}`"),
                }
            }
        }
    }
}
