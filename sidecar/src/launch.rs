//! Starts a program that dies with its parent: `ferro-agent launch-tied PARENT PROGRAM ARGUMENTS...`.
//!
//! An Envoy that outlives its agent would keep the workload's ports and serve configuration nobody updates. The kernel
//! can kill a child when its parent dies, but the child has to ask for it between fork and exec. Doing that in a hook
//! of the agent needs unsafe code; a short-lived instance of the agent's own program that asks and then becomes Envoy
//! does not, and keeps the process id.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt,
    path::Path,
    process::Command,
};

use nix::{
    errno::Errno,
    sys::{
        prctl::set_pdeathsig,
        resource::{Resource, getrlimit, setrlimit},
        signal::Signal,
    },
    unistd::getppid,
};

/// The word that makes the agent's program a launcher.
pub const SUBCOMMAND: &str = "launch-tied";

/// Why a program could not be launched.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The arguments are not those of a launcher.
    #[error("usage: ferro-agent {SUBCOMMAND} PARENT PROGRAM [ARGUMENT...]")]
    Usage,
    /// The kernel refused.
    #[error("cannot tie the program to its parent")]
    Tie(#[source] Errno),
    /// The parent died before the tie was made.
    #[error("the parent is gone")]
    Orphan,
    /// The program did not start.
    #[error("cannot start the program")]
    Exec(#[source] io::Error),
}

/// The command that launches `program` through `launcher`, tied to this process.
///
/// The tie is to the *thread* that spawns the command: spawn it from one that lives as long as the process.
pub(crate) fn tied(launcher: &Path, program: &Path, arguments: &[OsString]) -> Command {
    let mut command = Command::new(launcher);
    command.arg(SUBCOMMAND).arg(std::process::id().to_string()).arg(program).args(arguments);
    command
}

/// Becomes the program that `arguments` (what follows the subcommand) name. Returns only if that fails.
pub fn launch(arguments: impl IntoIterator<Item = OsString>) -> LaunchError {
    let mut arguments = arguments.into_iter();
    let parent = arguments.next().and_then(|parent| parent.to_str().and_then(|parent| parent.parse().ok()));
    let (Some(parent), Some(program)) = (parent, arguments.next()) else {
        return LaunchError::Usage;
    };
    match tie(parent) {
        Ok(()) => exec(&program, arguments),
        Err(error) => error,
    }
}

fn tie(parent: i32) -> Result<(), LaunchError> {
    set_pdeathsig(Signal::SIGKILL).map_err(LaunchError::Tie)?;
    // A parent that died before the line above is not noticed by the kernel any more.
    if getppid().as_raw() == parent { Ok(()) } else { Err(LaunchError::Orphan) }
}

fn exec(program: &OsStr, arguments: impl Iterator<Item = OsString>) -> LaunchError {
    // Envoy needs two descriptors a connection; the soft limit is often 1,024. Failing to raise it is no reason to stop.
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
    LaunchError::Exec(Command::new(program).args(arguments).exec())
}
