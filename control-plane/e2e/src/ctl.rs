//! Runs of ferroctl.

use std::process::Output;

/// What a run of ferroctl left.
#[derive(Clone, Debug)]
pub struct Ctl {
    /// Whether it said it went well.
    pub ok: bool,
    /// Its output.
    pub stdout: String,
    /// What it had to say besides.
    pub stderr: String,
}

// === impl Ctl ===

impl Ctl {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { ok: output.status.success(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}
