//! The running shop, and what a step may do with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::local::interrupt::{self, wait};
use crate::local::plan::Mode;
use crate::local::state::{MemberRecord, State};

/// A running mesh with its API and its policies.
pub(crate) struct Scene {
    pub(crate) client: Client,
    pub(crate) folder: PathBuf,
    pub(crate) state: State,
    /// The most memory that a ferrod has had so far, in MB: the tour kills some.
    pub(crate) ferrod_peak: f64,
    policies: PathBuf,
    driver: PathBuf,
}

/// What `ferro-shop load --json` prints.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Report {
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    #[serde(default)]
    pub(crate) failures: BTreeMap<String, u64>,
    pub(crate) statuses: BTreeMap<String, u64>,
    pub(crate) versions: BTreeMap<String, u64>,
    pub(crate) slower: u64,
}

impl Report {
    pub(crate) fn version(&self, version: &str) -> u64 {
        self.versions.get(version).copied().unwrap_or_default()
    }

    /// Takes in the next one.
    pub(crate) fn add(&mut self, next: Self) {
        self.requests += next.requests;
        self.failed += next.failed;
        self.slower += next.slower;
        let maps = [
            (&mut self.failures, next.failures),
            (&mut self.statuses, next.statuses),
            (&mut self.versions, next.versions),
        ];
        for (sum, map) in maps {
            for (key, count) in map {
                *sum.entry(key).or_default() += count;
            }
        }
    }

    pub(crate) fn status(&self, status: u16) -> u64 {
        self.statuses.get(&status.to_string()).copied().unwrap_or_default()
    }
}

const POLL: Duration = Duration::from_millis(20);

/// The client of every step: calls go out through its sidecar.
pub(crate) const CALLER: &str = "order";

impl Scene {
    pub(crate) fn new(file: &Path, folder: PathBuf, state: State) -> Result<Self> {
        let policies = std::path::absolute(file)?.parent().context("the mesh file has no folder")?.join("policies");
        let driver = std::env::current_exe()?.with_file_name("ferro-shop");
        ensure!(driver.exists(), "the tour needs {}: `make build` makes it", driver.display());
        Ok(Self { client: Client::new(&state.server)?, folder, state, ferrod_peak: 0.0, policies, driver })
    }

    /// Applies one of the sample's policies and waits until every proxy has it.
    pub(crate) fn policy(&self, name: &str) -> Result<()> {
        let path = self.policies.join(format!("{name}.yaml"));
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        self.apply(text)
    }

    /// Applies YAML and waits until every proxy has it.
    pub(crate) fn apply(&self, yaml: String) -> Result<()> {
        let response = self.client.apply(yaml, false, None)?;
        ensure!(
            response.objects.iter().all(|object| object.outcome != ferro_api::Outcome::Refused),
            "refused: {}",
            response.messages.join("; ")
        );
        self.settled()
    }

    /// Waits until no proxy has anything outstanding.
    pub(crate) fn settled(&self) -> Result<()> {
        // The views are published when the API answers; a session notices within its next turn.
        interrupt::sleep(Duration::from_millis(50))?;
        wait(Duration::from_secs(20), || {
            for proxy in self.client.proxies()? {
                for (kind, status) in &proxy.types {
                    ensure!(status.state != "STALE", "{} has not acknowledged {kind}", proxy.name);
                }
            }
            Ok(())
        })
    }

    /// Removes an object, so that the next step starts from none.
    pub(crate) fn remove(&self, kind: &str, name: &str) -> Result<()> {
        self.client.delete(kind, "shop", name, None)?;
        self.settled()
    }

    pub(crate) fn member(&self, name: &str) -> Result<&MemberRecord> {
        self.state.member(name)
    }

    /// Drives load from beside a workload to its end.
    pub(crate) fn load(&self, from: &str, arguments: &[&str]) -> Result<Report> {
        self.start_load(from, arguments)?.finish()
    }

    /// Starts load from beside a workload.
    pub(crate) fn start_load(&self, from: &str, arguments: &[&str]) -> Result<Driver> {
        self.beside(from, "load", &[arguments, &["--json"]].concat())
    }

    /// Runs the driver where the application of `from` runs.
    pub(crate) fn beside(&self, from: &str, verb: &str, arguments: &[&str]) -> Result<Driver> {
        let member = self.member(from)?;
        let mut command = match (&member.netns, self.state.mode) {
            (Some(netns), Mode::Netns) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", netns]).arg(&self.driver);
                command
            }
            _ => Command::new(&self.driver),
        };
        command.args(verb.split_whitespace()).args(arguments);
        if self.state.mode == Mode::Loopback {
            command.args(["--proxy", &format!("http://{}:15007", member.ip)]);
        }
        Driver::start(command)
    }

    /// A request from this machine to an address of the mesh, not through anybody's own sidecar.
    pub(crate) fn load_from_outside(&self, arguments: &[&str]) -> Result<Report> {
        let mut command = Command::new(&self.driver);
        command.arg("load").args(arguments).arg("--json");
        Driver::start(command)?.finish()
    }
}

/// A load driver that does not outlive whoever waits for it.
pub(crate) struct Driver(Child);

impl Driver {
    fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        command.spawn().map(Self).context("cannot start the load driver")
    }

    /// Waits for its end and reads its report.
    pub(crate) fn finish<T: DeserializeOwned>(mut self) -> Result<T> {
        // A report fits into the pipe, so that a driver ends whether it is read or not.
        let status = loop {
            match self.0.try_wait()? {
                Some(status) => break status,
                None => interrupt::sleep(POLL)?,
            }
        };
        ensure!(status.success(), "the load driver failed: {status}");
        let report = self.0.stdout.take().context("the load driver's output was taken")?;
        serde_json::from_reader(report).context("the load driver's report is not understood")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // One that has ended is neither killed nor waited for again.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests;
