//! Processes, known by id and start time, so that nothing else is ever killed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

pub(crate) use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde::Deserialize;

use crate::wait::eventually;

/// A process as ferroctl records it in `mesh.json`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Process {
    pid: i32,
    started: u64,
    argv: Vec<String>,
    env: BTreeMap<String, String>,
}

impl Process {
    /// The process that has this id now.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        Some(Self { pid, started: start_time(pid)?, argv: Vec::new(), env: BTreeMap::new() })
    }

    /// Whether it runs.
    pub(crate) fn alive(&self) -> bool {
        start_time(self.pid) == Some(self.started)
    }

    /// Sends a signal, if it still runs.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.alive() {
            // It may end by itself in this moment.
            let _ = kill(Pid::from_raw(self.pid), signal);
        }
    }

    /// Kills it and waits until it is gone.
    pub(crate) fn kill(&self) {
        self.signal(Signal::SIGKILL);
        eventually("a killed process is gone", || !self.alive());
    }

    /// Starts the same program again with the same arguments, and more of them.
    pub(crate) fn again(&self, log: &Path, more: &[&str]) -> Self {
        let log = File::options().append(true).create(true).open(log).expect("a log of a mesh of our own");
        let (program, arguments) = self.argv.split_first().expect("a recorded process has a program");
        let mut child = Command::new(program)
            .args(arguments)
            .args(more)
            .envs(&self.env)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file of our own"))
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("a program that ran before");
        let pid = i32::try_from(child.id()).expect("ids are positive");
        let started = start_time(pid).unwrap_or_else(|| panic!("{program} ended at once"));
        // Waited for, so that it does not stay a zombie.
        std::thread::spawn(move || child.wait());
        Self { pid, started, ..self.clone() }
    }
}

/// Field 22 of `/proc/<pid>/stat`; none for a zombie.
fn start_time(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program may hold spaces and parentheses: fields are counted from the last `)`.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    // A killed process is a zombie while its last threads still end; until then it holds its files and locks.
    let threads = || fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    if matches!(state, "Z" | "X") && threads() <= 1 { None } else { fields.nth(18)?.parse().ok() }
}
