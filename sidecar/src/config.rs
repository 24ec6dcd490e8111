//! The agent's configuration, resolved: every value typed and checked, nothing left to parse.

use std::{
    collections::BTreeMap,
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use ferro_xds::client::Upstream;

use crate::{
    args::{Args, CaptureArg, EnvoyLogArg, KindArg},
    probes::spec::{ProbeSpec, SpecError},
};

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
        let ferrod = parse_upstream(&args.ferrod)?;
        let ip = parse_ip(&args.ip)?;
        let capture = parse_capture(args.capture, &args.app_ports)?;
        let app_metrics = args.app_metrics.as_deref().map(|text| parse_app_metrics(text, &capture)).transpose()?;
        let probe = args.probe.as_deref().map(parse_probe).transpose()?;
        let log = match args.envoy_log {
            EnvoyLogArg::File => EnvoyLog::File(args.state_dir.join("envoy.log")),
            EnvoyLogArg::Inherit => EnvoyLog::Inherit,
        };
        if args.concurrency == 0 {
            return Err(invalid("concurrency", "0", "at least 1"));
        }
        let config = Self {
            ferrod,
            workload: Workload {
                ip,
                name: label_value("workload", args.workload)?,
                namespace: label_value("namespace", args.namespace)?,
                labels: parse_labels(&args.labels)?,
                service_account: label_value("service-account", args.service_account)?,
                group: args.group.map(|group| label_value("group", group)).transpose()?,
                locality: parse_locality(&args.locality)?,
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

fn invalid(flag: &'static str, value: &str, allowed: &'static str) -> ConfigError {
    ConfigError::Invalid { flag, value: value.to_owned(), allowed }
}

fn parse_upstream(text: &str) -> Result<Upstream, ConfigError> {
    let wrong = || invalid("ferrod", text, "write http://HOST:PORT or unix:/PATH");
    if let Some(path) = text.strip_prefix("unix:") {
        let path = PathBuf::from(path);
        return if path.is_absolute() { Ok(Upstream::Unix(path)) } else { Err(wrong()) };
    }
    let uri: http::Uri = text.parse().map_err(|_| wrong())?;
    let is_bare = uri.scheme_str() == Some("http") && uri.path() == "/" && uri.query().is_none();
    let names_both = uri.host().is_some_and(|host| !host.is_empty()) && uri.port_u16().is_some();
    if is_bare && names_both { Ok(Upstream::Tcp(uri)) } else { Err(wrong()) }
}

fn parse_ip(text: &str) -> Result<IpAddr, ConfigError> {
    text.parse().map_err(|_| invalid("ip", text, "write an IP address"))
}

/// The characters of a node id's separators must not occur in its parts.
fn label_value(flag: &'static str, text: String) -> Result<String, ConfigError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if text.is_empty() || text.len() > 253 || !text.bytes().all(allowed) {
        return Err(invalid(flag, &text, "1 to 253 letters, digits, `-`, `.` or `_`"));
    }
    Ok(text)
}

fn parse_labels(text: &str) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut labels = BTreeMap::new();
    for pair in text.split(',').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| invalid("labels", pair, "write k=v,k=v"))?;
        if labels.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(invalid("labels", pair, "each key once"));
        }
    }
    Ok(labels)
}

fn parse_locality(text: &str) -> Result<Locality, ConfigError> {
    let mut parts = text.split('/').map(str::to_owned);
    let mut next = || parts.next().unwrap_or_default();
    let locality = Locality { region: next(), zone: next(), sub_zone: next() };
    match parts.next() {
        Some(_) => Err(invalid("locality", text, "write REGION[/ZONE[/SUBZONE]]")),
        None => Ok(locality),
    }
}

fn parse_port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port != 0)
}

fn parse_capture(capture: CaptureArg, app_ports: &[String]) -> Result<Capture, ConfigError> {
    match capture {
        CaptureArg::Redirect if app_ports.is_empty() => Ok(Capture::Redirect),
        CaptureArg::Redirect => Err(ConfigError::Meaningless { flag: "app-port", beside: "--capture redirect" }),
        CaptureArg::None => {
            let mut parsed = BTreeMap::new();
            for pair in app_ports {
                let ports =
                    pair.split_once('=').and_then(|(target, local)| Some((parse_port(target)?, parse_port(local)?)));
                let (target, local) = ports.ok_or_else(|| invalid("app-port", pair, "write TARGET=LOCAL"))?;
                if parsed.insert(target, local).is_some() {
                    return Err(invalid("app-port", pair, "each target port once"));
                }
            }
            Ok(Capture::None { app_ports: parsed })
        }
    }
}

fn parse_app_metrics(text: &str, capture: &Capture) -> Result<AppMetrics, ConfigError> {
    let (port, path) = match text.split_once('/') {
        Some((port, path)) => (port, format!("/{path}")),
        None => (text, "/metrics".to_owned()),
    };
    let port = parse_port(port).ok_or_else(|| invalid("app-metrics", text, "write PORT or PORT/PATH"))?;
    Ok(AppMetrics { address: capture.app_address(port), path })
}

fn parse_probe(text: &str) -> Result<ProbeSpec, ConfigError> {
    let parse = |json: &str| ProbeSpec::from_json(json).map_err(ConfigError::Probe);
    match text.strip_prefix('@') {
        None => parse(text),
        Some(path) => {
            let path = Path::new(path);
            let json =
                fs::read_to_string(path).map_err(|reason| ConfigError::ProbeFile { path: path.to_owned(), reason })?;
            parse(&json)
        }
    }
}
