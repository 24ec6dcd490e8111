//! The agent's configuration, resolved: every value typed and checked, nothing left to parse.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use ferro_xds::client::Upstream;

use crate::{
    args::{Args, EnvoyLogArg, KindArg},
    probes::spec::{ProbeSpec, SpecError},
};

mod parse;
#[cfg(test)]
mod tests;

/// The longest path a unix socket can have (`sockaddr_un`, 108 bytes with its terminating zero).
const SOCKET_PATH_MAX: usize = 107;

/// Everything the agent needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where ferrod listens.
    pub ferrod: Upstream,
    /// The workload the agent stands for.
    pub workload: Workload,
    /// The mesh it belongs to.
    pub mesh: MeshIdentity,
    /// Sidecar or gateway.
    pub kind: ProxyKind,
    /// How traffic reaches Envoy.
    pub capture: Capture,
    /// How Envoy is run.
    pub envoy: EnvoyConfig,
    /// The folder that belongs to this agent.
    pub state_dir: PathBuf,
    /// Ports of the agent and of Envoy's own services.
    pub ports: Ports,
    /// How the application is probed, if at all.
    pub probe: Option<ProbeSpec>,
    /// Where the application shows its metrics.
    pub app_metrics: Option<AppMetrics>,
    /// The longest time a drain takes.
    pub drain: Duration,
    /// The file that names the host's resolvers.
    pub resolv_conf: PathBuf,
    /// The version of the protocol to ferrod that the agent says it speaks.
    pub protocol: u32,
}

/// Who the workload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Its address.
    pub ip: IpAddr,
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The account it runs as.
    pub service_account: String,
    /// The WorkloadGroup it registers under.
    pub group: Option<String>,
    /// Where it runs.
    pub locality: Locality,
}

/// Region, zone and subzone; empty where unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locality {
    /// The region.
    pub region: String,
    /// The zone within the region.
    pub zone: String,
    /// The subzone within the zone.
    pub sub_zone: String,
}

/// The mesh the workload belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeshIdentity {
    /// The cluster within the mesh.
    pub cluster_id: String,
    /// The mesh.
    pub mesh_id: String,
    /// What service names end in, without a leading or trailing dot.
    pub domain: String,
}

/// What the proxy is, as the first part of its node id says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// Beside a workload.
    Sidecar,
    /// A gateway.
    Router,
}

/// How traffic reaches Envoy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capture {
    /// By iptables, as in a pod.
    Redirect,
    /// Not at all: Envoy binds the workload's own address.
    None {
        /// From a service's target port to the port of the application on 127.0.0.1.
        app_ports: BTreeMap<u16, u16>,
    },
}

/// How Envoy is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvoyConfig {
    /// The program.
    pub program: PathBuf,
    /// Worker threads.
    pub concurrency: u32,
    /// Log level.
    pub log_level: String,
    /// Where its output goes.
    pub log: EnvoyLog,
}

/// Where Envoy's output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvoyLog {
    /// Appended to a file.
    File(PathBuf),
    /// To the agent's own standard output and error.
    Inherit,
}

/// Where the application shows its metrics, on the application's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppMetrics {
    /// The application's address.
    pub address: SocketAddr,
    /// The path, with its leading slash.
    pub path: String,
}

/// The ports of a proxy, Istio's numbers (istio-coverage.md §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// Envoy's admin interface.
    pub admin: u16,
    /// Merged metrics and the agent's status.
    pub status: u16,
    /// Readiness.
    pub readiness: u16,
    /// DNS proxy.
    pub dns: u16,
    /// Envoy's own Prometheus endpoint.
    pub envoy_stats: u16,
}

/// Why a command line makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value that does not parse.
    #[error("--{flag} `{value}`: {allowed}")]
    Invalid {
        /// The flag's name.
        flag: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A flag that has no meaning beside another.
    #[error("--{flag} has no meaning with {beside}")]
    Meaningless {
        /// The flag's name.
        flag: &'static str,
        /// What it stands beside.
        beside: &'static str,
    },
    /// A socket path that the kernel refuses.
    #[error("the socket {path} has more than {SOCKET_PATH_MAX} bytes; choose a shorter --state-dir")]
    SocketPath {
        /// The path.
        path: PathBuf,
    },
    /// A probe file that cannot be read.
    #[error("--probe: cannot read {path}")]
    ProbeFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        reason: io::Error,
    },
    /// A probe that makes no sense.
    #[error("--probe")]
    Probe(#[source] SpecError),
}

// === impl Config ===

impl Config {
    /// Checks and types a command line. Reads nothing but the file that `--probe @FILE` names.
    ///
    /// # Errors
    /// See [`ConfigError`]; the text says what is allowed.
    pub fn resolve(args: Args) -> Result<Self, ConfigError> {
        let ferrod = parse::upstream(&args.ferrod)?;
        let ip = parse::ip(&args.ip)?;
        let capture = parse::capture(args.capture, &args.app_ports)?;
        let app_metrics = args.app_metrics.as_deref().map(|text| parse::app_metrics(text, &capture)).transpose()?;
        let probe = args.probe.as_deref().map(parse::probe).transpose()?;
        let log = match args.envoy_log {
            EnvoyLogArg::File => EnvoyLog::File(args.state_dir.join("envoy.log")),
            EnvoyLogArg::Inherit => EnvoyLog::Inherit,
        };
        if args.concurrency == 0 {
            return Err(parse::invalid("concurrency", "0", "at least 1"));
        }
        let config = Self {
            ferrod,
            workload: Workload {
                ip,
                name: parse::name("workload", args.workload)?,
                namespace: parse::name("namespace", args.namespace)?,
                labels: parse::labels(&args.labels)?,
                service_account: parse::name("service-account", args.service_account)?,
                group: args.group.map(|group| parse::name("group", group)).transpose()?,
                locality: parse::locality(&args.locality)?,
            },
            mesh: MeshIdentity {
                cluster_id: args.cluster_id,
                mesh_id: args.mesh_id,
                domain: args.domain.trim_matches('.').to_ascii_lowercase(),
            },
            kind: match args.kind {
                KindArg::Sidecar => ProxyKind::Sidecar,
                KindArg::Router => ProxyKind::Router,
            },
            capture,
            envoy: EnvoyConfig {
                program: args.envoy,
                concurrency: args.concurrency,
                log_level: args.envoy_log_level,
                log,
            },
            state_dir: args.state_dir,
            ports: Ports::default(),
            probe,
            app_metrics,
            drain: Duration::from_secs(args.drain_seconds),
            resolv_conf: args.resolv_conf,
            protocol: args.protocol_version,
        };
        config.check_socket_path()?;
        Ok(config)
    }

    /// The unix socket on which the relay serves Envoy.
    pub fn relay_socket(&self) -> PathBuf {
        self.state_dir.join("xds.sock")
    }

    /// The name by which the mesh knows the proxy.
    pub fn node_id(&self) -> String {
        let Workload { ip, name, namespace, .. } = &self.workload;
        let kind = match self.kind {
            ProxyKind::Sidecar => "sidecar",
            ProxyKind::Router => "router",
        };
        format!("{kind}~{ip}~{name}.{namespace}~{namespace}.svc.{}", self.mesh.domain)
    }

    /// Where services for the workload itself and for operators bind: admin, DNS. In a pod that is loopback.
    pub fn private_address(&self) -> IpAddr {
        match self.capture {
            Capture::Redirect => Ipv4Addr::LOCALHOST.into(),
            Capture::None { .. } => self.workload.ip,
        }
    }

    /// Where services for the outside bind: readiness, metrics. In a pod that is every address.
    pub fn public_address(&self) -> IpAddr {
        match self.capture {
            Capture::Redirect => Ipv4Addr::UNSPECIFIED.into(),
            Capture::None { .. } => self.workload.ip,
        }
    }

    /// Envoy's admin interface.
    pub fn admin(&self) -> SocketAddr {
        SocketAddr::new(self.private_address(), self.ports.admin)
    }

    fn check_socket_path(&self) -> Result<(), ConfigError> {
        let upstream = match &self.ferrod {
            Upstream::Unix(path) => Some(path.clone()),
            Upstream::Tcp(_) => None,
        };
        let too_long = |path: &PathBuf| path.as_os_str().len() > SOCKET_PATH_MAX;
        match [Some(self.relay_socket()), upstream].into_iter().flatten().find(too_long) {
            Some(path) => Err(ConfigError::SocketPath { path }),
            None => Ok(()),
        }
    }
}

// === impl Capture ===

impl Capture {
    /// Where the application serves the target port `port`.
    pub fn app_address(&self, port: u16) -> SocketAddr {
        let local = match self {
            Self::Redirect => port,
            Self::None { app_ports } => app_ports.get(&port).copied().unwrap_or(port),
        };
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), local)
    }
}

// === impl Ports ===

impl Default for Ports {
    fn default() -> Self {
        Self { admin: 15000, status: 15020, readiness: 15021, dns: 15053, envoy_stats: 15090 }
    }
}
