//! The whole agent, put together.
//!
//! ```text
//! start: relay listens ─► Envoy starts ─► asks the relay ─► ready
//! end:   SIGTERM ─► ferrod learns "draining" ─► Envoy drains and ends ─► everything else ends
//! ```

use std::{
    convert::Infallible,
    fs::{self, File, TryLockError},
    io,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU32},
    time::Duration,
};

use ferro_process::{
    backoff::Policy,
    supervise::{Ended, Supervisor},
};
use tokio::{
    net::{TcpListener, UnixListener},
    sync::watch,
};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    bootstrap::{bootstrap, node_message},
    cache::CacheKey,
    config::Config,
    dns::{DnsProxy, DnsStats, HostResolvers, Zone},
    envoy::{EnvoyError, Runner},
    http, probes,
    probes::state::Health,
    relay::{self, CacheConfig, NameTable, Relay},
    status::{Agent, ReadinessPort},
};

/// How long tasks have to end after Envoy did.
const GRACE: Duration = Duration::from_secs(5);

/// Why the agent cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state folder cannot be made.
    #[error("cannot use the state folder {path}; choose another --state-dir")]
    StateDir {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        reason: io::Error,
    },
    /// Another agent works in the state folder.
    #[error("another agent uses the state folder {path}; choose another --state-dir")]
    StateDirTaken {
        /// The folder.
        path: PathBuf,
    },
    /// Envoy cannot be run.
    #[error("cannot run Envoy")]
    Envoy(#[source] EnvoyError),
    /// The relay cannot work.
    #[error("cannot relay xDS")]
    Relay(#[source] relay::Error),
    /// A port is taken.
    #[error("cannot bind {address} for {purpose}; does another agent use this address?")]
    Bind {
        /// What for.
        purpose: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        reason: io::Error,
    },
    /// The relay's socket cannot be made.
    #[error("cannot listen on {path}")]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        reason: io::Error,
    },
}

/// An agent whose sockets are bound and whose Envoy is not started yet.
pub struct App {
    config: Config,
    agent: Arc<Agent>,
    application: watch::Sender<Health>,
    runner: Runner,
    relay: Relay,
    relay_socket: UnixListener,
    dns: DnsProxy<NameTable>,
    status: TcpListener,
    readiness: TcpListener,
    /// Kept open, and with it locked, as long as the agent lives.
    _state_lock: File,
}

// === impl App ===

impl App {
    /// Makes the state folder, binds every socket and writes Envoy's bootstrap. `launcher` is the agent's own program;
    /// `shutdown` is what will end the agent.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn bind(config: Config, launcher: PathBuf, shutdown: CancellationToken) -> Result<Self, StartError> {
        let state_lock = take_state_dir(&config.state_dir)?;
        let public = config.public_address();
        let status = bind_tcp("metrics and status", SocketAddr::new(public, config.ports.status)).await?;
        let readiness = bind_tcp("readiness", SocketAddr::new(public, config.ports.readiness)).await?;
        let text = format!("{:#}\n", bootstrap(&config));
        let runner = Runner::new(&config, &text, launcher).await.map_err(StartError::Envoy)?;
        let relay = Relay::new(relay_config(&config, &runner, &text)).map_err(StartError::Relay)?;
        let dns_stats = Arc::new(DnsStats::default());
        let dns = bind_dns(&config, &relay, Arc::clone(&dns_stats)).await?;
        let relay_socket = bind_unix(&config.relay_socket())?;
        let application = watch::Sender::new(Health::Unknown);
        let agent = Arc::new(Agent {
            node_id: config.node_id(),
            envoy_version: runner.version(),
            admin: config.admin(),
            envoy: runner.status(),
            application: application.subscribe(),
            app_metrics: config.app_metrics.clone(),
            relay: relay.status(),
            dns: dns_stats,
            scrapes: crate::metrics::ScrapeFailures::default(),
            shutdown,
            configured: AtomicU32::new(0),
        });
        Ok(Self {
            config,
            agent,
            application,
            runner,
            relay,
            relay_socket,
            dns,
            status,
            readiness,
            _state_lock: state_lock,
        })
    }

    /// Runs until the shutdown, drains, and ends.
    ///
    /// # Errors
    /// When an essential task ends by itself, or one does not end.
    pub async fn run(self) -> Result<(), Ended> {
        // The wish to end starts the drain; everything but Envoy goes on until that is over.
        let drain = self.agent.shutdown.clone();
        let stop = CancellationToken::new();
        let health = self.relay.health();
        let mut tasks = Supervisor::new(stop.clone());
        info!(node = self.agent.node_id, envoy = %self.agent.envoy_version, "starting");

        tasks.spawn("relay", self.relay.run(self.relay_socket, stop.clone()));
        tasks.spawn("dns", self.dns.run(stop.clone()));
        tasks.spawn("status", http::serve(self.status, Arc::clone(&self.agent), stop.clone()));
        let agent = Arc::clone(&self.agent);
        let readiness = Arc::new(ReadinessPort(self.agent));
        tasks.spawn("readiness", http::serve(self.readiness, readiness, stop.clone()));
        match self.config.probe {
            Some(spec) => {
                let (reporter, draining) = (health.clone(), drain.clone());
                let report = move |health: &Health| {
                    self.application.send_replace(health.clone());
                    if !draining.is_cancelled() {
                        report(&reporter, health);
                    }
                };
                tasks.spawn("probes", probes::run(spec, self.config.capture, report, stop.clone()));
            }
            None if self.config.workload.group.is_some() => {
                tasks.spawn("registration", report_when_ready(agent, health.clone(), stop.clone()));
            }
            None => {}
        }
        tasks.spawn("envoy", async move {
            let announce = async {
                drain.cancelled().await;
                health.report(relay::Health::Unhealthy("draining".to_owned()));
            };
            let (ended, ()) = tokio::join!(self.runner.run(drain.clone(), stop.clone()), async {
                tokio::select! {
                    () = announce => {}
                    () = stop.cancelled() => {}
                }
            });
            stop.cancel();
            ended
        });
        tasks.run(GRACE).await
    }
}

/// Without a probe a workload is healthy once its sidecar can take requests. ferrod must be told: the WorkloadGroup may have
/// gained a probe after this agent was started, and an agent before this one may have said "draining".
async fn report_when_ready(
    agent: Arc<Agent>,
    reporter: relay::HealthReporter,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    tokio::select! {
        () = agent.until_ready() => {
            reporter.report(relay::Health::Healthy);
            stop.cancelled().await;
        }
        () = stop.cancelled() => {}
    }
    Ok(())
}

fn report(reporter: &relay::HealthReporter, health: &Health) {
    match health {
        Health::Unknown => {}
        Health::Healthy => reporter.report(relay::Health::Healthy),
        Health::Unhealthy(reason) => reporter.report(relay::Health::Unhealthy(reason.clone())),
    }
}

fn relay_config(config: &Config, runner: &Runner, bootstrap: &str) -> relay::Config {
    let version = runner.version();
    let node = node_message(config, version);
    // Until there are certificates, a workload is known by its namespace and service account.
    let identity = format!("{}/{}", config.workload.namespace, config.workload.service_account);
    let key = CacheKey::new(identity, node.id.clone(), bootstrap.as_bytes(), version.minor_version());
    relay::Config {
        upstream: config.ferrod.clone(),
        node,
        cache: Some(CacheConfig { path: config.state_dir.join("last-known-good"), key }),
        modules_dir: config.state_dir.join("modules"),
        unreachable_after: relay::Config::UNREACHABLE_AFTER,
        backoff: Policy::default(),
    }
}

async fn bind_dns(config: &Config, relay: &Relay, stats: Arc<DnsStats>) -> Result<DnsProxy<NameTable>, StartError> {
    let address = SocketAddr::new(config.private_address(), config.ports.dns);
    let zone = Zone::new(&config.workload.namespace, &config.mesh.domain);
    let names = relay.names();
    let source = Arc::new(move || names.borrow().clone());
    let host = HostResolvers { path: config.resolv_conf.clone(), port: 53 };
    DnsProxy::bind(address, zone, source, host, stats).await.map_err(|reason| StartError::Bind {
        purpose: "DNS",
        address,
        reason,
    })
}

async fn bind_tcp(purpose: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|reason| StartError::Bind { purpose, address, reason })
}

/// A socket file that an earlier agent left behind is in the way: nobody listens on it, as the folder is ours.
fn bind_unix(path: &Path) -> Result<UnixListener, StartError> {
    let _ = fs::remove_file(path);
    UnixListener::bind(path).map_err(|reason| StartError::Socket { path: path.to_owned(), reason })
}

/// Makes the folder and locks it: a second agent in it would end the first one's Envoy as left behind. Only the
/// agent's user may enter, as it will hold keys.
fn take_state_dir(path: &Path) -> Result<File, StartError> {
    let unusable = |reason| StartError::StateDir { path: path.to_owned(), reason };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
    let lock = File::create(path.join("lock")).map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StartError::StateDirTaken { path: path.to_owned() }),
        Err(TryLockError::Error(reason)) => Err(unusable(reason)),
    }
}
