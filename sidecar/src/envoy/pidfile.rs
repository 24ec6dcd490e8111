//! Remembers which Envoy an agent started, so that the next agent of the same state folder can end one that is left.
//!
//! Envoys are tied to their agent (see [`crate::launch`]); this is for the cases in which the tie does not hold. A
//! process id alone may belong to a stranger by now, so the start time of the process is kept and compared too.

use std::{fs, path::PathBuf};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tracing::warn;

#[cfg(test)]
mod tests;

/// The file `envoy.pid`: process id and start time, in clock ticks since boot.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
}

// === impl PidFile ===

impl PidFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Writes down a process that was just started. Failing to is a warning: it only matters after a crash.
    pub(super) fn record(&self, pid: u32) {
        let Some(started) = start_time(pid) else { return };
        if let Err(error) = fs::write(&self.path, format!("{pid} {started}\n")) {
            warn!(path = %self.path.display(), %error, "cannot write the process id of Envoy");
        }
    }

    /// Forgets it.
    pub(super) fn clear(&self) {
        let _ = fs::remove_file(&self.path);
    }

    /// Kills the process that was written down, if it is still the same one.
    pub(super) fn end_stale(&self) {
        let Ok(text) = fs::read_to_string(&self.path) else { return };
        self.clear();
        let Some((pid, started)) = parse(&text) else { return };
        if start_time(pid) != Some(started) {
            return;
        }
        if let Ok(raw) = i32::try_from(pid) {
            warn!(pid, "ending the Envoy that an earlier agent left behind");
            let _ = kill(Pid::from_raw(raw), Signal::SIGKILL);
        }
    }
}

fn parse(text: &str) -> Option<(u32, u64)> {
    let (pid, started) = text.trim().split_once(' ')?;
    Some((pid.parse().ok()?, started.parse().ok()?))
}

/// Field 22 of `/proc/<pid>/stat`. The second field, the program's name, may hold spaces and parentheses: count after
/// its end.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(19)?.parse().ok()
}
