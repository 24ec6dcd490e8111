//! From [`Node`] trees to typed structs: one declaration makes the struct, its conversion and the report of unknown fields.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::context::Context;
use crate::node::{Node, Style, Value};

/// A type that a node can be read as.
pub(crate) trait FromNode: Sized {
    /// Reads a node that is there. `None` after a finding was noted.
    fn from_node(node: &Node, context: &mut Context<'_>) -> Option<Self>;

    /// What an absent field means; `None` makes the field required.
    fn absent() -> Option<Self> {
        None
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
        let advice =
            near.map_or_else(|| format!("known: {}", known.join(", ")), |name| format!("did you mean `{name}`?"));
        let message = format!("no such field, it has no effect; {advice}");
        context.within(&entry.key, |context| context.warning(&place, "unknown-field", message));
    }
    Some(())
}

/// Reports keys that Istio gives a meaning and this mesh does not, yet.
pub(crate) fn later_fields(node: &Node, later: &[&str], context: &mut Context<'_>) {
    for name in later {
        if let Some(value) = node.get(name) {
            context.within(name, |context| {
                context.warning(value, "not-supported", "is not supported yet and has no effect");
            });
        }
    }
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
    a == b
        || (a.len().abs_diff(b.len()) <= 1
            && common + 1 >= a.len().max(b.len())
            && known.chars().next() == found.chars().next())
}

/// Declares structs with their conversion. `or` says what an absent field means where its type does not; `ignored` names fields
/// that are known and have no effect on a mesh; `later` those that should have one and
/// do not yet, which is said; `unread` declares fields that are filled in from elsewhere.
macro_rules! fields {
    ($(
        $(#[$doc:meta])*
        pub $(($scope:tt))? struct $name:ident { $($(#[$field_doc:meta])* $field:ident : $type:ty = $key:literal $(or $absent:expr)?),* $(,)? }
        $(ignored [$($ignored:literal),* $(,)?])?
        $(later [$($later:literal),* $(,)?])?
        $(unread { $($(#[$unread_doc:meta])* $unread:ident : $unread_type:ty),* $(,)? })?
    )+) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub $(($scope))? struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
            $($($(#[$unread_doc])* pub $unread: $unread_type,)*)?
        }

        impl $crate::fields::FromNode for $name {
            fn from_node(node: &$crate::node::Node, context: &mut $crate::context::Context<'_>) -> Option<Self> {
                $crate::fields::unknown_fields(node, &[$($key,)* $($($ignored,)*)? $($($later,)*)?], context)?;
                $($crate::fields::later_fields(node, &[$($later),*], context);)?
                // All are read before one is judged, so that one finding does not hide the next.
                $(let $field = $crate::fields::fields!(@read node, context, $key $(, $absent)?);)*
                Some(Self { $($field: $field?,)* $($($unread: Default::default(),)*)? })
            }
        }
    )+ };
    (@read $node:ident, $context:ident, $key:literal) => { $crate::fields::field($node, $key, $context) };
    (@read $node:ident, $context:ident, $key:literal, $absent:expr) => {
        $crate::fields::field($node, $key, $context).map(|value: Option<_>| value.unwrap_or($absent))
    };
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
            fn from_node(node: &$crate::node::Node, context: &mut $crate::context::Context<'_>) -> Option<Self> {
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
        let read: Vec<Option<T>> = items
            .iter()
            .enumerate()
            .map(|(index, item)| context.item(index, |context| T::from_node(item, context)))
            .collect();
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
            .map(|entry| {
                context
                    .within(&entry.key, |context| T::from_node(&entry.value, context))
                    .map(|value| (entry.key.to_string(), value))
            })
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

/// Whether Kubernetes takes a plain scalar for a boolean or a number. `y` and `n` are let through: as names they are meant as
/// they stand, and no field takes both.
fn is_typed(text: &str) -> bool {
    let letter = text.len() == 1 && !text.starts_with(|c: char| c.is_ascii_digit());
    (boolean(text).is_some() && !letter) || integer(text).is_some() || is_float(text)
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
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "y" | "Y" | "on" | "On" | "ON" => Some(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "n" | "N" | "off" | "Off" | "OFF" => Some(false),
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
    let digits: &str = &digits.replace('_', "");
    // A second sign after the prefix is none of YAML's, though `from_str_radix` would take it.
    let unsigned = |text: &str, radix| i64::from_str_radix(text, radix).ok().filter(|_| !text.starts_with(['-', '+']));
    let radix = |prefix: &str, radix| digits.strip_prefix(prefix).map(|rest| unsigned(rest, radix));
    let value = radix("0x", 16).or_else(|| radix("0o", 8)).or_else(|| radix("0b", 2)).unwrap_or_else(|| match digits {
        "0" => Some(0),
        octal if octal.starts_with('0') => unsigned(octal, 8),
        decimal => decimal.parse().ok(),
    });
    value.map(|value: i64| sign * value)
}

impl FromNode for bool {
    fn from_node(node: &Node, context: &mut Context<'_>) -> Option<Self> {
        match &node.value {
            Value::Scalar { text, style: Style::Plain } => {
                boolean(text).or_else(|| context.wrong(node, "true or false"))
            }
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
                    Value::Scalar { text, .. } if integer(text).is_some() => {
                        return context.wrong(node, "a whole number: leave the quotes out");
                    }
                    _ => None,
                };
                match plain.map(<$type>::try_from) {
                    Some(Ok(value)) => Some(value),
                    Some(Err(_)) => context.wrong(node, &format!("a whole number from {} to {}", <$type>::MIN, <$type>::MAX)),
                    None => context.wrong(node, "a whole number"),
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

/// Durations as Go and the Istio documents write them: decimal numbers with units, at most some 292 years.
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
    // Envoy's longest; Go's ends a second later. Above it the sum would lose precision anyway.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    (!text.is_empty() && nanos <= 9_223_372_035e9).then(|| Duration::from_nanos(nanos.round() as u64))
}

impl FromNode for IpAddr {
    fn from_node(node: &Node, context: &mut Context<'_>) -> Option<Self> {
        node.text().and_then(|text| text.parse().ok()).or_else(|| context.wrong(node, "an IP address"))
    }
}

#[cfg(test)]
mod tests;
