//! Processes that outlive the command that started them, ended by their id and never by their name.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::plan::Process;

/// A started process. The start time tells it from a later process that got the same id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pid: i32,
    /// Clock ticks since boot, field 22 of `/proc/<pid>/stat`.
    started: u64,
    argv: Vec<String>,
    env: BTreeMap<String, String>,
}

impl Record {
    /// Whether this very process still runs.
    pub(crate) fn alive(&self) -> bool {
        start_time(self.pid) == Some(self.started)
    }

    /// Whether it runs what `process` asks for.
    pub(crate) fn matches(&self, process: &Process) -> bool {
        self.argv == process.argv && self.env == process.env
    }

    /// The process id.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        if self.alive() {
            // A process that ended in between is what was wanted.
            let _ = kill(Pid::from_raw(self.pid), Signal::SIGTERM);
        }
    }

    /// Waits until it has ended; kills it at the deadline. True if it went by itself.
    pub(crate) fn wait_end(&self, deadline: Instant) -> bool {
        while self.alive() {
            if Instant::now() >= deadline {
                let _ = kill(Pid::from_raw(self.pid), Signal::SIGKILL);
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }
}

/// Starts a process in a process group of its own, its output appended to `log`.
pub(crate) fn start(process: &Process, log: &Path) -> Result<Record> {
    let output = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))?;
    let argv = in_netns(process);
    let (program, arguments) = argv.split_first().context("a process without a program")?;
    let child = Command::new(program)
        .args(arguments)
        .envs(&process.env)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {}: `{program}` does not run here", process.name))?;
    let pid = i32::try_from(child.id())?;
    let started = start_time(pid).with_context(|| format!("{} ended at once; see {}", process.name, log.display()))?;
    // The child is reaped here when it dies while this command still runs, so that `alive` sees the truth.
    std::thread::spawn(move || {
        let mut child = child;
        let _ = child.wait();
    });
    Ok(Record { pid, started, argv: process.argv.clone(), env: process.env.clone() })
}

/// Starts a process of the machine's own network again as it was started before.
pub(crate) fn restart(record: &Record, log: &Path) -> Result<Record> {
    let process =
        Process { name: "ferrod".to_owned(), argv: record.argv.clone(), env: record.env.clone(), netns: None };
    start(&process, log)
}

/// `ip netns exec` replaces itself by the program, so the recorded id is the program's.
fn in_netns(process: &Process) -> Vec<String> {
    let Some(netns) = &process.netns else { return process.argv.clone() };
    let gid = if process.name.ends_with(".agent") { "1337" } else { "0" };
    let prefix = ["ip", "netns", "exec", netns, "setpriv", "--regid", gid, "--clear-groups"];
    prefix.into_iter().map(str::to_owned).chain(process.argv.iter().cloned()).collect()
}

fn start_time(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name may hold spaces and parentheses: fields are counted from the last `)`.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    // A killed process is a zombie while its last threads still end; until then it holds its files and locks.
    let threads = || fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    if matches!(state, "Z" | "X") && threads() <= 1 {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests;
