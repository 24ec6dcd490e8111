//! What the relay says of itself, for the agent's debug page and metrics.

use std::collections::BTreeMap;

use serde::Serialize;

/// The relay at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The stream to ferrod.
    pub upstream: UpstreamStatus,
    /// Whether Envoy has a stream open.
    pub envoy_connected: bool,
    /// The last-known-good configuration.
    pub cache: CacheStatus,
    /// Every kind Envoy or the agent asked for, in push order.
    pub kinds: Vec<KindStatus>,
    /// Wasm modules that could not be had since the agent started.
    pub module_failures: u64,
}

/// The stream to ferrod.
#[derive(Clone, Debug, Serialize)]
pub struct UpstreamStatus {
    /// Since when it is open, in milliseconds since 1970; absent while it is not.
    pub connected_since_unix_millis: Option<u64>,
    /// Why it is not open.
    pub error: Option<String>,
    /// How often it was opened since the agent started.
    pub connects: u64,
}

/// The last-known-good configuration.
#[derive(Clone, Debug, Serialize)]
pub struct CacheStatus {
    /// The file, if the relay keeps one.
    pub path: Option<String>,
    /// Age of the file's content in seconds; absent if there is no usable file.
    pub file_age_seconds: Option<u64>,
    /// Whether everything Envoy has accepted is in the file.
    pub complete: bool,
    /// Why the file found at the start was not used.
    pub discarded: Option<String>,
    /// Age in seconds of what Envoy is served from the cache; absent while it is served from ferrod.
    pub serving_age_seconds: Option<u64>,
    /// How often Envoy was served from the cache since the agent started.
    pub fills: u64,
    /// How often the file was written since the agent started.
    pub writes: u64,
    /// Why the last attempt to write the file failed.
    pub write_error: Option<String>,
}

/// One kind of resource.
#[derive(Clone, Debug, Serialize)]
pub struct KindStatus {
    /// `CDS`, `EDS`, ...
    pub kind: &'static str,
    /// Whether everything of it is asked for.
    pub wildcard: bool,
    /// How many names are asked for.
    pub names: usize,
    /// How many resources are served.
    pub resources: usize,
    /// A hash of the names and versions served.
    pub version: String,
    /// How many resources were accepted in this stream.
    pub accepted: usize,
    /// Resources whose newest content is refused, and why.
    pub refused: BTreeMap<String, String>,
    /// How many responses of ferrod wait for Envoy's verdict.
    pub undecided: usize,
    /// How many responses Envoy refused since the agent started.
    pub nacks: u64,
    /// The last of them.
    pub last_nack: Option<LastNack>,
}

/// A refused response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastNack {
    /// What was in it, 20 names at most.
    pub names: Vec<String>,
    /// Envoy's words.
    pub reason: String,
}
