//! Starts Envoy, keeps it running, and ends it gently.
//!
//! ```text
//!            exits                    backoff is over
//! running ───────────► waiting ────────────────────────► running
//!    │ drain                │ drain
//!    ▼                      ▼
//! draining ──no connection is left, or time is up──► stopped
//! ```

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use ferro_process::supervise::Chain;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde::Serialize;
use tokio::{
    process::{Child, Command},
    sync::watch,
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    config::{Config, EnvoyConfig, EnvoyLog},
    launch,
};
use admin::Admin;
use pidfile::PidFile;
use restarts::Restarts;

pub mod admin;
mod log;
mod pidfile;
mod restarts;
mod version;

pub use version::{EnvoyVersion, VersionError};

#[cfg(test)]
mod tests;

/// How long peers get to learn that this proxy goes, before a lack of connections counts as the end of the drain.
const SHORTEST_DRAIN: Duration = Duration::from_secs(1);

/// From one look at the number of connections to the next.
const DRAIN_POLL: Duration = Duration::from_millis(200);

/// From SIGTERM to SIGKILL.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// From one look at the size of the log to the next.
const LOG_CHECK: Duration = Duration::from_secs(10);

/// How long connections of a listener that was replaced have to finish (Istio's `drainDuration`). Not the time a
/// shutdown takes: that is `--drain-seconds`.
const LISTENER_DRAIN_SECONDS: &str = "45";

/// What Envoy is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Not started yet, or dead and about to be started.
    Waiting,
    /// Running, with its process id.
    Running(u32),
    /// Running and finishing what it has.
    Draining,
    /// Ended for good.
    Stopped,
}

/// What there is to know about Envoy's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EnvoyStatus {
    /// What it is doing.
    pub phase: Phase,
    /// How often it was started again after it died.
    pub restarts: u64,
}

/// Why Envoy cannot be run at all.
#[derive(Debug, thiserror::Error)]
pub enum EnvoyError {
    /// The program is not there.
    #[error("there is no Envoy at {path}; name one by --envoy or $ENVOY")]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The program is no Envoy.
    #[error("{path} is no Envoy")]
    Unusable {
        /// The program.
        path: PathBuf,
        /// Why.
        #[source]
        reason: VersionError,
    },
    /// A file of the state folder cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        reason: io::Error,
    },
}

/// Runs one Envoy.
#[derive(Debug)]
pub struct Runner {
    envoy: EnvoyConfig,
    launcher: PathBuf,
    bootstrap: PathBuf,
    pid_file: PidFile,
    admin: Admin,
    /// Envoy's own Prometheus listener, whose connections no drain waits for.
    stats_port: u16,
    drain: Duration,
    version: EnvoyVersion,
    status: watch::Sender<EnvoyStatus>,
}

// === impl Runner ===

impl Runner {
    /// Finds Envoy, writes its `bootstrap` and ends an Envoy that an earlier agent left behind. `launcher` is the
    /// agent's own program.
    ///
    /// # Errors
    /// When there is no Envoy or the state folder cannot be written.
    pub async fn new(config: &Config, bootstrap: &str, launcher: PathBuf) -> Result<Self, EnvoyError> {
        let mut envoy = config.envoy.clone();
        envoy.program = find_program(&envoy.program)?;
        let version = version::ask(&envoy.program)
            .await
            .map_err(|reason| EnvoyError::Unusable { path: envoy.program.clone(), reason })?;
        let path = config.state_dir.join("bootstrap.json");
        write_whole(&path, bootstrap.as_bytes())?;
        let pid_file = PidFile::new(config.state_dir.join("envoy.pid"));
        pid_file.end_stale();
        Ok(Self {
            envoy,
            launcher,
            bootstrap: path,
            pid_file,
            admin: Admin::new(config.admin()),
            stats_port: config.ports.envoy_stats,
            drain: config.drain,
            version,
            status: watch::Sender::new(EnvoyStatus { phase: Phase::Waiting, restarts: 0 }),
        })
    }

    /// What Envoy is doing, now and later.
    pub fn status(&self) -> watch::Receiver<EnvoyStatus> {
        self.status.subscribe()
    }

    /// Which Envoy it is.
    pub fn version(&self) -> EnvoyVersion {
        self.version
    }

    /// Keeps Envoy running until `drain` is cancelled, then drains and ends it. Cancelling `stop` ends it at once.
    ///
    /// # Errors
    /// Never: what fails is tried again, or Envoy is killed.
    pub async fn run(self, drain: CancellationToken, stop: CancellationToken) -> io::Result<()> {
        let mut restarts = Restarts::default();
        loop {
            let started = Instant::now();
            match self.spawn() {
                Ok(child) => {
                    if self.attend(child, &drain, &stop).await.is_break() {
                        break;
                    }
                }
                Err(error) => warn!(%error, "cannot start Envoy"),
            }
            let delay = restarts.delay_after(started.elapsed());
            self.status.send_modify(|status| {
                status.phase = Phase::Waiting;
                status.restarts += 1;
            });
            info!(?delay, "starting Envoy again");
            tokio::select! {
                () = time::sleep(delay) => {}
                () = drain.cancelled() => break,
                () = stop.cancelled() => break,
            }
        }
        self.status.send_modify(|status| status.phase = Phase::Stopped);
        self.pid_file.clear();
        Ok(())
    }

    /// Stays with a running Envoy; breaks when it is not to be started again.
    async fn attend(
        &self,
        mut child: Child,
        drain: &CancellationToken,
        stop: &CancellationToken,
    ) -> std::ops::ControlFlow<()> {
        let mut log_check = time::interval(LOG_CHECK);
        loop {
            tokio::select! {
                exited = child.wait() => {
                    warn!(status = %describe(exited), "Envoy ended");
                    return std::ops::ControlFlow::Continue(());
                }
                () = stop.cancelled() => break,
                () = drain.cancelled() => {
                    self.status.send_modify(|status| status.phase = Phase::Draining);
                    tokio::select! {
                        () = self.drain() => {}
                        exited = child.wait() => warn!(status = %describe(exited), "Envoy ended while draining"),
                        () = stop.cancelled() => {}
                    }
                    break;
                }
                _ = log_check.tick() => self.bound_log().await,
            }
        }
        end(&mut child).await;
        std::ops::ControlFlow::Break(())
    }

    fn spawn(&self) -> io::Result<Child> {
        let mut command = Command::from(launch::tied(&self.launcher, &self.envoy.program, &self.arguments()));
        // Its own process group: Ctrl-C at a terminal reaches the agent alone, which then drains Envoy.
        command.stdin(Stdio::null()).process_group(0).kill_on_drop(true);
        if let EnvoyLog::File(path) = &self.envoy.log {
            let file = log::open(path)?;
            command.stdout(file.try_clone()?).stderr(file);
        }
        let child = command.spawn()?;
        if let Some(pid) = child.id() {
            self.pid_file.record(pid);
            self.status.send_modify(|status| status.phase = Phase::Running(pid));
            info!(pid, "Envoy started");
        }
        Ok(child)
    }

    fn arguments(&self) -> Vec<OsString> {
        let concurrency = self.envoy.concurrency.to_string();
        let mut arguments = vec!["--config-path".into(), self.bootstrap.clone().into_os_string()];
        let fixed = [
            "--concurrency",
            &concurrency,
            "--log-level",
            &self.envoy.log_level,
            // It warns of every deprecated field of every push. What Envoy refuses or does not know has other loggers.
            "--component-log-level",
            "misc:error",
            // No shared memory and no abstract sockets between the Envoys of a machine: nothing here restarts hot.
            "--disable-hot-restart",
            "--drain-time-s",
            LISTENER_DRAIN_SECONDS,
            // Ask every connection to close as soon as a drain begins, not some of them over its whole length.
            "--drain-strategy",
            "immediate",
            // Access log lines are read live.
            "--file-flush-interval-msec",
            "1000",
        ];
        arguments.extend(fixed.map(OsString::from));
        arguments
    }

    /// Asks Envoy to close its connections as they finish, and waits until they are gone or the time is up.
    async fn drain(&self) {
        let deadline = Instant::now() + self.drain;
        if let Err(error) = self.admin.drain_listeners().await {
            warn!(error = %Chain(&error), "Envoy does not drain");
            return;
        }
        info!(limit = ?self.drain, "draining Envoy");
        time::sleep_until(deadline.min(Instant::now() + SHORTEST_DRAIN)).await;
        while Instant::now() < deadline {
            match self.admin.active_connections(self.stats_port).await {
                Ok(0) => {
                    info!("no connection is left");
                    return;
                }
                Ok(_) => {}
                Err(error) => {
                    warn!(error = %Chain(&error), "cannot count Envoy's connections");
                    return;
                }
            }
            time::sleep_until(deadline.min(Instant::now() + DRAIN_POLL)).await;
        }
        info!("the time to drain is up");
    }

    async fn bound_log(&self) {
        if let EnvoyLog::File(path) = &self.envoy.log {
            let path = path.clone();
            // Copying tens of megabytes must not hold up the relay, which shares this thread.
            let bounded = tokio::task::spawn_blocking(move || log::bound(&path, log::MAX_BYTES)).await;
            if let Ok(Err(error)) = bounded {
                warn!(%error, "cannot shorten Envoy's log");
            }
        }
    }
}

/// SIGTERM, then SIGKILL. A child that was waited for has no id any more, so no stranger is hit.
async fn end(child: &mut Child) {
    let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) else { return };
    let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    match time::timeout(STOP_GRACE, child.wait()).await {
        Ok(exited) => info!(status = %describe(exited), "Envoy ended"),
        Err(_) => {
            warn!("Envoy does not end; killing it");
            if let Err(error) = child.kill().await {
                warn!(%error, "cannot kill Envoy");
            }
        }
    }
}

fn describe(exited: io::Result<ExitStatus>) -> String {
    exited.map_or_else(|error| error.to_string(), |status| status.to_string())
}

/// A path is taken as it is; a bare name is looked up in `$PATH`, as a shell does.
fn find_program(program: &Path) -> Result<PathBuf, EnvoyError> {
    let missing = || EnvoyError::Missing { path: program.to_owned() };
    if program.components().count() > 1 {
        return program.canonicalize().map_err(|_| missing());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file()).ok_or_else(missing)
}

/// Writes a file so that a reader sees the old content or the new, never a part.
fn write_whole(path: &Path, content: &[u8]) -> Result<(), EnvoyError> {
    let unfinished = path.with_extension("part");
    std::fs::write(&unfinished, content)
        .and_then(|()| std::fs::rename(&unfinished, path))
        .map_err(|reason| EnvoyError::Write { path: path.to_owned(), reason })
}
