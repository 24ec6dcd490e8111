//! Processes that outlive the command that started them, ended by their id and never by their name.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::plan::Process;
use super::{netns, procfs};

/// Longer than an agent's drain, so that a kill is the exception.
pub(crate) const GRACE: Duration = Duration::from_secs(15);
/// What a killed process may take to be gone.
const KILLED_WITHIN: Duration = Duration::from_secs(5);

/// A started process. The start time tells it from a later process that got the same id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pid: i32,
    /// Clock ticks since boot, field 22 of `/proc/<pid>/stat`.
    started: u64,
    argv: Vec<String>,
    env: BTreeMap<String, String>,
    #[serde(default)]
    netns: Option<String>,
    #[serde(default)]
    binaries: BTreeMap<PathBuf, Stamp>,
}

/// Tells a file from one that takes its place: inode, and time of the last change in seconds and nanoseconds.
type Stamp = (u64, i64, i64);

impl Record {
    /// Whether this very process still runs.
    pub(crate) fn alive(&self) -> bool {
        procfs::stat(self.pid).is_some_and(|stat| stat.started == self.started)
    }

    /// Whether it runs what `process` asks for: the same program, built when it was, in the same network namespace.
    pub(crate) fn matches(&self, process: &Process) -> bool {
        self.argv == process.argv
            && self.env == process.env
            && self.netns == process.netns
            && self.binaries == stamps(&process.binaries)
            && self.netns.as_ref().is_none_or(|name| procfs::lives_in(self.pid, &netns::mount(name)))
    }

    /// The process id.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Asks it, and what it started, to end.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// Waits until it has ended, and what it started; kills them at the deadline. True if they went by themselves.
    pub(crate) fn wait_end(&self, deadline: Instant) -> bool {
        let by_itself = self.wait_gone(deadline);
        if !by_itself {
            self.signal(Signal::SIGKILL);
            self.wait_gone(Instant::now() + KILLED_WITHIN);
        }
        by_itself
    }

    /// Signals its process group. One that ended in between is what was wanted.
    fn signal(&self, signal: Signal) {
        if self.remains() {
            let _ = killpg(Pid::from_raw(self.pid), signal);
        }
    }

    fn wait_gone(&self, deadline: Instant) -> bool {
        while self.remains() {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }

    /// Whether it runs, or a child that it left behind in its process group. As long as there is one, the kernel gives the
    /// id to nobody else.
    fn remains(&self) -> bool {
        match procfs::stat(self.pid) {
            Some(stat) => stat.started == self.started,
            None => procfs::others().any(|other| other.group == self.pid && other.started >= self.started),
        }
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
    // Before it starts: a build that comes in between is noticed by the next `up`.
    let binaries = stamps(&process.binaries);
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
    let stat = procfs::stat(pid).with_context(|| format!("{} ended at once; see {}", process.name, log.display()))?;
    // The child is reaped here when it dies while this command still runs, so that `alive` sees the truth.
    std::thread::spawn(move || {
        let mut child = child;
        let _ = child.wait();
    });
    let (argv, env, netns) = (process.argv.clone(), process.env.clone(), process.netns.clone());
    Ok(Record { pid, started: stat.started, argv, env, netns, binaries })
}

/// Starts a process again as it was started before.
pub(crate) fn restart(name: &str, record: &Record, log: &Path) -> Result<Record> {
    let process = Process {
        name: name.to_owned(),
        argv: record.argv.clone(),
        env: record.env.clone(),
        netns: record.netns.clone(),
        binaries: record.binaries.keys().cloned().collect(),
        listens: None,
    };
    start(&process, log)
}

/// Ends every process that `belongs`, recorded or not: asks first, kills at the end of the grace. How many there were.
pub(crate) fn end_all(belongs: impl Fn(i32) -> bool) -> usize {
    let found = || procfs::others().map(|stat| stat.pid).filter(|pid| belongs(*pid)).collect::<Vec<_>>();
    let all = found();
    let (mut left, mut signal, mut deadline) = (all.clone(), Signal::SIGTERM, Instant::now() + GRACE);
    while !left.is_empty() {
        left.iter().for_each(|pid| {
            let _ = kill(Pid::from_raw(*pid), signal);
        });
        while !left.is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
            left = found();
        }
        if signal == Signal::SIGKILL {
            break;
        }
        (signal, deadline) = (Signal::SIGKILL, Instant::now() + KILLED_WITHIN);
    }
    all.len()
}

/// `ip netns exec` replaces itself by the program, so the recorded id is the program's.
fn in_netns(process: &Process) -> Vec<String> {
    let Some(netns) = &process.netns else { return process.argv.clone() };
    let gid = if process.name.ends_with(".agent") { "1337" } else { "0" };
    let prefix = ["ip", "netns", "exec", netns, "setpriv", "--regid", gid, "--clear-groups"];
    prefix.into_iter().map(str::to_owned).chain(process.argv.iter().cloned()).collect()
}

fn stamps(binaries: &[PathBuf]) -> BTreeMap<PathBuf, Stamp> {
    let stamp = |path: &PathBuf| fs::metadata(path).map(|found| (found.ino(), found.mtime(), found.mtime_nsec())).ok();
    binaries.iter().filter_map(|path| Some((path.clone(), stamp(path)?))).collect()
}

#[cfg(test)]
mod tests;
