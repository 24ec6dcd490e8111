//! Lengths of time as people write them: `250us`, `100ms`, `1.5s`, `2m`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

/// A length of time with a unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Span(pub(crate) Duration);

/// A text that is no length of time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no length of time; write a number and a unit: 250us, 100ms, 1.5s, 2m")]
pub(crate) struct InvalidSpan(String);

// === impl Span ===

impl Span {
    /// So many milliseconds.
    pub(crate) const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }
}

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        let invalid = || InvalidSpan(text.to_owned());
        let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(invalid)?;
        let (number, unit) = text.split_at(unit_at);
        let seconds = match unit {
            "us" => 0.000_001,
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            _ => return Err(invalid()),
        };
        let number: f64 = number.parse().map_err(|_| invalid())?;
        Duration::try_from_secs_f64(number * seconds).map(Self).map_err(|_| invalid())
    }
}

impl TryFrom<String> for Span {
    type Error = InvalidSpan;

    fn try_from(text: String) -> Result<Self, InvalidSpan> {
        text.parse()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0.as_secs_f64() * 1000.0)
    }
}

#[cfg(test)]
mod tests;
