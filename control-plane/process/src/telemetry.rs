//! One way to set up logs: to standard error, as text for people or JSON for machines.

use std::{io, io::IsTerminal, str::FromStr};

use tracing_subscriber::{EnvFilter, filter::ParseError, fmt, util::TryInitError};

#[cfg(test)]
mod tests;

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people; coloured on a terminal.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why logs could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter does not parse.
    #[error("log filter `{filter}` is not valid; write a level (info) or targets (warn,ferro_xds=debug)")]
    Filter {
        /// What was given.
        filter: String,
        /// Why it does not parse.
        #[source]
        reason: ParseError,
    },
    /// Logs were set up before.
    #[error("logs are set up already")]
    AlreadySet(#[source] TryInitError),
}

/// A format that does not exist.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("log format `{0}` is unknown; use `text` or `json`")]
pub struct UnknownFormat(String);

/// Sends log lines that pass `filter` (as `RUST_LOG`: `info`, `warn,ferro_xds=debug`) to standard error.
///
/// # Errors
/// When the filter does not parse or logs are set up already.
pub fn init(format: Format, filter: &str) -> Result<(), TelemetryError> {
    let filter = parse_filter(filter)?;
    let builder = fmt().with_env_filter(filter).with_writer(io::stderr);
    let result = match format {
        Format::Text => tracing_init(builder.with_ansi(io::stderr().is_terminal()).finish()),
        Format::Json => tracing_init(builder.json().flatten_event(true).finish()),
    };
    result.map_err(TelemetryError::AlreadySet)
}

fn tracing_init(subscriber: impl Into<tracing::Dispatch>) -> Result<(), TryInitError> {
    tracing_subscriber::util::SubscriberInitExt::try_init(subscriber)
}

fn parse_filter(filter: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::try_new(filter).map_err(|reason| TelemetryError::Filter { filter: filter.to_owned(), reason })
}

// === impl Format ===

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(UnknownFormat(other.to_owned())),
        }
    }
}
