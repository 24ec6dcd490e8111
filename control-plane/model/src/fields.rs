//! From [`Node`] trees to typed structs: one declaration makes the struct, its conversion and the report of unknown fields.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::{Diagnostic, Location, Severity};
use crate::node::{Node, Style, Value};
use crate::object::ObjectKey;

/// The most findings one document may have; the rest is counted in a last one.
const FINDINGS: usize = 50;

/// What a conversion knows and collects.
pub(crate) struct Context<'a> {
    file: Arc<str>,
    root: &'a Node,
    object: Option<ObjectKey>,
    path: String,
    findings: Vec<Diagnostic>,
    dropped: usize,
}

/// A type that a node can be read as.
pub(crate) trait FromNode: Sized {
    /// Reads a node that is there. `None` after a finding was noted.
    fn from_node(node: &Node, context: &mut Context<'_>) -> Option<Self>;

    /// What an absent field means; `None` makes the field required.
    fn absent() -> Option<Self> {
        None
    }
}

// === impl Context ===

impl<'a> Context<'a> {
    pub(crate) fn new(file: Arc<str>, root: &'a Node, object: Option<ObjectKey>) -> Self {
        Self { file, root, object, path: String::new(), findings: Vec::new(), dropped: 0 }
    }

    /// Notes an error at the current field.
    pub(crate) fn error(&mut self, node: &Node, code: &'static str, message: impl Into<String>) {
        let path = self.path.clone();
        self.note(Severity::Error, node, code, path, message.into());
    }

    /// Notes what a rule over typed values found; the place is looked up by the path.
    pub(crate) fn at(&mut self, severity: Severity, path: &str, code: &'static str, message: impl Into<String>) {
        let root = self.root;
        self.note(severity, root.nearest(path), code, path.to_owned(), message.into());
    }

    /// A value of another type than the field wants.
    pub(crate) fn wrong<T>(&mut self, node: &Node, wanted: &str) -> Option<T> {
        self.error(node, "wrong-type", format!("found {}, wanted {wanted}", node.describe()));
        None
    }

    /// Runs `read` with the path one field deeper.
    pub(crate) fn within<T>(&mut self, step: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        if !step.starts_with('[') && length > 0 {
            self.path.push('.');
        }
        self.path.push_str(step);
        let result = read(self);
        self.path.truncate(length);
        result
    }

    /// Whether an error was noted so far.
    pub(crate) fn failed(&self) -> bool {
        self.findings.iter().any(Diagnostic::is_error)
    }

    /// Everything noted.
    pub(crate) fn into_findings(mut self) -> Vec<Diagnostic> {
        if self.dropped > 0 {
            let message = format!("{} more findings are not shown; mend these first", self.dropped);
            self.findings.push(Diagnostic::warning("more", Location { file: self.file, ..Location::default() }, message));
        }
        self.findings
    }

    fn note(&mut self, severity: Severity, node: &Node, code: &'static str, field: String, message: String) {
        if self.findings.len() >= FINDINGS && (severity == Severity::Warning || self.failed()) {
            self.dropped += 1;
            return;
        }
        let location = Location { file: Arc::clone(&self.file), line: node.line, column: node.column };
        self.findings.push(Diagnostic { severity, code, location, object: self.object.clone(), field, message });
    }
}

/// Reads one field of a mapping.
pub(crate) fn field<T: FromNode>(node: &Node, name: &str, context: &mut Context<'_>) -> Option<T> {
    context.within(name, |context| match node.get(name) {
        Some(value) => T::from_node(value, context),
        None => T::absent().or_else(|| {
            context.error(node, "missing-field", "is required and not given");
            None
        }),
    })
}

/// Reports every key that is not in `known`.
pub(crate) fn unknown_fields(node: &Node, known: &[&str], context: &mut Context<'_>) -> Option<()> {
    let Value::Mapping(entries) = &node.value else { return context.wrong(node, "an object") };
    for entry in entries.iter().filter(|entry| !known.contains(&&*entry.key)) {
        let place = Node { value: Value::Null, line: entry.line, column: entry.column };
        let near = known.iter().find(|name| close(name, &entry.key));
        let advice = near.map_or_else(|| format!("known: {}", known.join(", ")), |name| format!("did you mean `{name}`?"));
        let path = context.within(&entry.key, |context| context.path.clone());
        context.note(Severity::Warning, &place, "unknown-field", path, format!("no such field, it has no effect; {advice}"));
    }
    Some(())
}

/// The same letters in another case or order, or one letter off: a likely slip of the keyboard.
fn close(known: &str, found: &str) -> bool {
    let letters = |word: &str| {
        let mut letters: Vec<char> = word.to_ascii_lowercase().chars().collect();
        letters.sort_unstable();
        letters
    };
    let (a, b) = (letters(known), letters(found));
    let common = a.iter().filter(|letter| b.contains(letter)).count();
    a == b || (a.len().abs_diff(b.len()) <= 1 && common + 1 >= a.len().max(b.len()) && known.chars().next() == found.chars().next())
}

/// Declares structs with their conversion. `ignored` names fields that are known and have no effect on a mesh.
macro_rules! fields {
    ($(
        $(#[$doc:meta])*
        pub struct $name:ident { $($(#[$field_doc:meta])* $field:ident : $type:ty = $key:literal),* $(,)? }
        $(ignored [$($ignored:literal),* $(,)?])?
    )+) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type),* }

        impl $crate::fields::FromNode for $name {
            fn from_node(node: &$crate::node::Node, context: &mut $crate::fields::Context<'_>) -> Option<Self> {
                $crate::fields::unknown_fields(node, &[$($key,)* $($($ignored,)*)?], context)?;
                $(let $field = $crate::fields::field(node, $key, context);)*
                Some(Self { $($field: $field?),* })
            }
        }
    )+ };
}

/// Declares enums of words, the first being the default.
macro_rules! words {
    ($(
        $(#[$doc:meta])*
        pub enum $name:ident { $(#[$first_doc:meta])* $first:ident = $first_word:literal, $($(#[$word_doc:meta])* $variant:ident = $word:literal),* $(,)? }
    )+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $(#[$first_doc])* #[default] $first, $($(#[$word_doc])* $variant),* }

        impl $crate::fields::FromNode for $name {
            fn from_node(node: &$crate::node::Node, context: &mut $crate::fields::Context<'_>) -> Option<Self> {
                match node.text() {
                    Some($first_word) => Some(Self::$first),
                    $(Some($word) => Some(Self::$variant),)*
                    _ => context.wrong(node, concat!("one of ", $first_word $(, ", ", $word)*)),
                }
            }
        }
    )+ };
}

pub(crate) use {fields, words};

// === impl FromNode for containers ===

impl<T: FromNode> FromNode for Option<T> {
    fn from_node(node: &Node, context: &mut Context<'_>) -> Option<Self> {
        T::from_node(node, context).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: FromNode> FromNode for Box<T> {
    fn from_node(node: &Node, context: &mut Context<'_>) -> Option<Self> {
        T::from_node(node, context).map(Box::new)
    }
}

impl<T: FromNode> FromNode for Vec<T> {
    fn from_node(node: &Node, context: &mut Context<'_>) -> Option<Self> {
        let Value::Sequence(items) = &node.value else { return context.wrong(node, "a list") };
        // Every item is read, so that one broken item does not hide the findings in the next.
        let read: Vec<Option<T>> =
            items.iter().enumerate().map(|(index, item)| context.within(&format!("[{index}]"), |context| T::from_node(item, context))).collect();
        read.into_iter().collect()
    }

    fn absent() -> Option<Self> {
        Some(Self::new())
    }
}

impl<T: FromNode> FromNode for BTreeMap<String, T> {
    fn from_node(node: &Node, context: &mut Context<'_>) -> Option<Self> {
        let Value::Mapping(entries) = &node.value else { return context.wrong(node, "an object") };
        let read: Vec<Option<(String, T)>> = entries
            .iter()
            .map(|entry| context.within(&entry.key, |context| T::from_node(&entry.value, context)).map(|value| (entry.key.to_string(), value)))
            .collect();
        read.into_iter().collect()
    }

    fn absent() -> Option<Self> {
        Some(Self::new())
    }
}

// === impl FromNode for scalars ===

impl FromNode for String {
    fn from_node(node: &Node, context: &mut Context<'_>) -> Option<Self> {
        match &node.value {
            Value::Scalar { text, style: Style::Plain } if is_typed(text) => {
                context.wrong(node, &format!("a string: put it in quotes, \"{text}\""))
            }
            Value::Scalar { text, .. } => Some(text.to_string()),
            _ => context.wrong(node, "a string"),
        }
    }
}

/// Whether Kubernetes takes a plain scalar for a boolean or a number.
fn is_typed(text: &str) -> bool {
    boolean(text).is_some() || integer(text).is_some() || is_float(text)
}

fn is_float(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.chars().any(|c| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'))
        && digits.parse::<f64>().is_ok()
}

/// Booleans as YAML 1.1 and with it Kubernetes reads them.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// Integers as YAML 1.1 writes them: `0400` is octal, as in Kubernetes.
fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let radix = |prefix: &str, radix| digits.strip_prefix(prefix).map(|rest| i64::from_str_radix(rest, radix).ok());
    let value = radix("0x", 16).or_else(|| radix("0o", 8)).or_else(|| radix("0b", 2)).unwrap_or_else(|| match digits {
        "0" => Some(0),
        octal if octal.starts_with('0') => i64::from_str_radix(octal, 8).ok(),
        decimal => decimal.parse().ok(),
    });
    value.map(|value| sign * value)
}

impl FromNode for bool {
    fn from_node(node: &Node, context: &mut Context<'_>) -> Option<Self> {
        match &node.value {
            Value::Scalar { text, style: Style::Plain } => boolean(text).or_else(|| context.wrong(node, "true or false")),
            _ => context.wrong(node, "true or false"),
        }
    }
}

macro_rules! integers {
    ($($type:ty),+) => { $(
        impl FromNode for $type {
            fn from_node(node: &Node, context: &mut Context<'_>) -> Option<Self> {
                let plain = match &node.value {
                    Value::Scalar { text, style: Style::Plain } => integer(text).or_else(|| whole_float(text)),
                    _ => None,
                };
                match plain.map(<$type>::try_from) {
                    Some(Ok(value)) => Some(value),
                    _ => context.wrong(node, &format!("a whole number from {} to {}", <$type>::MIN, <$type>::MAX)),
                }
            }
        }
    )+ };
}

integers!(i32, i64, u16, u32, u64);

/// `1e3` and `10.0` are whole numbers in JSON and so in Kubernetes.
fn whole_float(text: &str) -> Option<i64> {
    let value = is_float(text).then(|| text.parse::<f64>().ok()).flatten()?;
    // Beyond 2^53 a float no longer tells one whole number from the next.
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    (value.fract() == 0.0 && value.abs() < 9e15).then_some(value as i64)
}

impl FromNode for f64 {
    fn from_node(node: &Node, context: &mut Context<'_>) -> Option<Self> {
        let number = match &node.value {
            Value::Scalar { text, style: Style::Plain } if is_float(text) => text.parse::<Self>().ok(),
            _ => None,
        };
        number.filter(|value| value.is_finite()).or_else(|| context.wrong(node, "a number"))
    }
}

impl FromNode for Duration {
    fn from_node(node: &Node, context: &mut Context<'_>) -> Option<Self> {
        node.text().and_then(duration).or_else(|| context.wrong(node, "a duration such as 250ms, 1.5s, 2m or 1h30m"))
    }
}

/// Durations as Go and the Istio documents write them: decimal numbers with units, at most some 500 years.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, f64); 7] =
        [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12)];
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let (mut rest, mut nanos) = (text, 0.0_f64);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
        nanos += number.parse::<f64>().ok()? * scale;
        rest = tail;
    }
    // Go's largest duration; above it the sum would lose precision anyway.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    (!text.is_empty() && nanos < 9.2e18).then(|| Duration::from_nanos(nanos.round() as u64))
}

impl FromNode for IpAddr {
    fn from_node(node: &Node, context: &mut Context<'_>) -> Option<Self> {
        node.text().and_then(|text| text.parse().ok()).or_else(|| context.wrong(node, "an IP address"))
    }
}

/// A subtree that is known and has no effect on a mesh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ignored;

impl FromNode for Ignored {
    fn from_node(_: &Node, _: &mut Context<'_>) -> Option<Self> {
        Some(Self)
    }

    fn absent() -> Option<Self> {
        Some(Self)
    }
}

#[cfg(test)]
mod tests;
