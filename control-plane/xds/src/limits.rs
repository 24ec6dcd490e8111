use std::{sync::Arc, time::Duration};

/// What one server grants and waits for. The defaults are those of reliability.md (S17 and the rules named here).
#[derive(Clone, Debug)]
pub struct Limits {
    /// Names one stream may subscribe to, over all kinds.
    pub names_per_stream: usize,
    /// The longest resource name, in bytes.
    pub name_bytes: usize,
    /// Subscription changes and NACKs a stream may make per second; four times as many may come at once.
    pub changes_per_second: u32,
    /// A delta response is split when its resources exceed this many bytes (rule 37).
    pub response_bytes: usize,
    /// The largest request, in bytes (rule 37).
    pub request_bytes: usize,
    /// The first message of a stream must come within this time.
    pub first_message: Duration,
    /// A view that is being made must have its first snapshot within this time (rule 5).
    pub first_snapshot: Duration,
    /// A transport that takes nothing for this long although something is to be sent loses its stream (rule 52).
    pub send_deadline: Duration,
    /// CDS or LDS not acknowledged this long after it was sent is a suspected reject (rule 16).
    pub suspect_after: Duration,
    /// A stream that has not asked for CDS by then is told to drop what an earlier stream left unconfirmed (rule 17).
    pub silent_cds: Duration,
    /// Removals wait this long after the first request, until the client has named everything it holds.
    pub settle: Duration,
    /// Over this time the streams of a server that shuts down are closed (rule 55).
    pub drain: Duration,
    /// What responses say in `control_plane.identifier`.
    pub identity: Arc<str>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            names_per_stream: 20_000,
            name_bytes: 2 * 1024,
            changes_per_second: 50,
            response_bytes: 2 * 1024 * 1024,
            request_bytes: 16 * 1024 * 1024,
            first_message: Duration::from_secs(10),
            first_snapshot: Duration::from_secs(10),
            send_deadline: Duration::from_secs(30),
            suspect_after: Duration::from_secs(20),
            silent_cds: Duration::from_secs(5),
            settle: Duration::from_secs(1),
            drain: Duration::from_secs(10),
            identity: Arc::from("ferromesh"),
        }
    }
}
