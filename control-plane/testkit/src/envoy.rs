//! A real Envoy under test: its own directory, free ports, no hot restart, killed by its pid when dropped.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::sleep,
};

mod backend;
mod bootstrap;
mod http;

pub use backend::Backend;
pub use bootstrap::{Bootstrap, XdsVariant};
pub use http::{Reply, get, request};

/// How long an Envoy may take to do what a test waits for. Warming timeouts are 15 s and must be told apart.
pub const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// A running Envoy.
#[derive(Debug)]
pub struct Envoy {
    process: Child,
    directory: TempDir,
    admin: SocketAddr,
}

// === impl Envoy ===

impl Envoy {
    /// Starts an Envoy and waits for its admin interface.
    ///
    /// # Errors
    /// When there is no Envoy to start, or it ends at once; its log is in the error.
    pub async fn start(bootstrap: &Bootstrap) -> anyhow::Result<Self> {
        let program = program()?;
        let directory = TempDir::new().context("making a directory for Envoy")?;
        let (config, admin) = (directory.path().join("bootstrap.json"), directory.path().join("admin"));
        fs::write(&config, bootstrap.to_json().to_string()).context("writing the bootstrap")?;
        let log = File::create(directory.path().join("log")).context("making Envoy's log")?;
        let process = Command::new(program)
            .arg("--config-path")
            .arg(&config)
            .arg("--admin-address-path")
            .arg(&admin)
            .args(["--disable-hot-restart", "--concurrency", "1", "--log-level", "info"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("starting Envoy")?;
        let mut envoy = Self { process, directory, admin: SocketAddr::from(([127, 0, 0, 1], 0)) };
        envoy.admin = envoy.wait_for_admin(&admin).await?;
        Ok(envoy)
    }

    /// What Envoy has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Asks the admin interface.
    ///
    /// # Errors
    /// When it does not answer 200.
    pub async fn admin(&self, path: &str) -> anyhow::Result<String> {
        let reply = get(self.admin, path).await?;
        ensure!(reply.status == 200, "admin {path}: {} {}", reply.status, reply.body);
        Ok(reply.body)
    }

    /// The configuration Envoy has, `/config_dump` with EDS.
    ///
    /// # Errors
    /// When the admin interface does not answer.
    pub async fn config_dump(&self) -> anyhow::Result<Value> {
        serde_json::from_str(&self.admin("/config_dump?include_eds").await?).context("reading the config dump")
    }

    /// A counter or gauge, zero if it does not exist.
    ///
    /// # Errors
    /// When the admin interface does not answer.
    pub async fn stat(&self, name: &str) -> anyhow::Result<u64> {
        let text = self.admin(&format!("/stats?filter=^{}$", name.replace('.', "\\."))).await?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.map_or(Ok(0), |value| value.trim().parse().with_context(|| format!("stat {name}: {value}")))
    }

    /// Waits until a statistic satisfies `condition`, and tells how long that took.
    ///
    /// # Errors
    /// When it does not in time; Envoy's log is in the error.
    pub async fn until_stat(&self, name: &str, condition: impl Fn(u64) -> bool) -> anyhow::Result<Duration> {
        let began = Instant::now();
        loop {
            let value = self.stat(name).await?;
            if condition(value) {
                return Ok(began.elapsed());
            }
            if began.elapsed() > PATIENCE {
                bail!("{name} is still {value} after {PATIENCE:?}\n{}", self.log());
            }
            sleep(POLL).await;
        }
    }

    /// Waits until `GET http://address/path` answers with `status`, and tells how long that took.
    ///
    /// # Errors
    /// When it does not in time; Envoy's log is in the error.
    pub async fn until_serves(&self, address: SocketAddr, path: &str, status: u16) -> anyhow::Result<Duration> {
        let began = Instant::now();
        loop {
            let last = get(address, path).await.map(|reply| reply.status);
            if matches!(last, Ok(found) if found == status) {
                return Ok(began.elapsed());
            }
            if began.elapsed() > PATIENCE {
                bail!("{address}{path} answers {last:?}, not {status}, after {PATIENCE:?}\n{}", self.log());
            }
            sleep(POLL).await;
        }
    }

    async fn wait_for_admin(&mut self, path: &Path) -> anyhow::Result<SocketAddr> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().context("waiting for Envoy")? {
                bail!("Envoy ended with {status}\n{}", self.log());
            }
            let address = fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
            if let Some(address) = address {
                return Ok(address);
            }
            ensure!(began.elapsed() < PATIENCE, "Envoy has no admin interface after {PATIENCE:?}\n{}", self.log());
            sleep(POLL).await;
        }
    }
}

/// A TCP port of 127.0.0.1 that nobody listened on a moment ago.
///
/// # Errors
/// When the machine has none.
pub fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("finding a free port")?;
    Ok(listener.local_addr().context("reading a port")?.port())
}

/// The Envoy to test with: `$ENVOY`, else `dist/envoy` of the workspace.
///
/// # Errors
/// When neither is there. Tests fail then: skipping them would look like passing.
pub fn program() -> anyhow::Result<PathBuf> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dist/envoy");
    let program = std::env::var_os("ENVOY").map_or(dist, PathBuf::from);
    ensure!(program.is_file(), "no Envoy at {}: set ENVOY, or run `make build`", program.display());
    Ok(program)
}
