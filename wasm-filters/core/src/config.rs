//! The plugin configuration: `{"reporter": "source"}`.
//!
//! Module and configuration come from the same ferrod, so there is nothing to be lenient about: unknown, missing, repeated
//! or mistyped members are refused, and Envoy keeps what it has. The reader is our own because a general JSON library is
//! bigger than the rest of the module, and size is start-up time; it knows flat objects of strings, which is all there is.

mod json;

use alloc::string::String;
use core::fmt;

use crate::series::Reporter;

/// What one plugin is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Configuration {
    /// The side the plugin's listeners stand on.
    pub reporter: Reporter,
}

/// Why a configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidConfiguration {
    /// No flat JSON object of strings; the offset of the first byte that does not fit.
    Syntax { offset: usize },
    /// A member nobody knows.
    UnknownMember(String),
    /// A member that occurs twice.
    Repeated(&'static str),
    /// A required member that is not there.
    Missing(&'static str),
    /// A reporter that is neither `source` nor `destination`.
    Reporter(String),
}

// === impl Configuration ===

impl Configuration {
    /// Reads the JSON text Envoy hands over.
    ///
    /// # Errors
    /// If anything about it is not as expected, see [`InvalidConfiguration`].
    pub fn parse(text: &[u8]) -> Result<Self, InvalidConfiguration> {
        let mut reporter = None;
        for (name, value) in json::members(text).map_err(|offset| InvalidConfiguration::Syntax { offset })? {
            if name != "reporter" {
                return Err(InvalidConfiguration::UnknownMember(name));
            }
            if reporter.is_some() {
                return Err(InvalidConfiguration::Repeated("reporter"));
            }
            reporter = Some(parse_reporter(value)?);
        }
        let reporter = reporter.ok_or(InvalidConfiguration::Missing("reporter"))?;
        Ok(Self { reporter })
    }
}

fn parse_reporter(value: String) -> Result<Reporter, InvalidConfiguration> {
    match value.as_str() {
        "source" => Ok(Reporter::Source),
        "destination" => Ok(Reporter::Destination),
        _ => Err(InvalidConfiguration::Reporter(value)),
    }
}

// === impl InvalidConfiguration ===

impl fmt::Display for InvalidConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { offset } => {
                write!(f, "expected a JSON object with string values, but byte {offset} does not fit")
            }
            Self::UnknownMember(name) => write!(f, "unknown member \"{name}\"; known: reporter"),
            Self::Repeated(name) => write!(f, "\"{name}\" occurs twice"),
            Self::Missing(name) => write!(f, "\"{name}\" is missing"),
            Self::Reporter(found) => {
                write!(f, "\"reporter\" is \"{found}\"; allowed: source, destination")
            }
        }
    }
}

impl core::error::Error for InvalidConfiguration {}

#[cfg(test)]
mod tests;
