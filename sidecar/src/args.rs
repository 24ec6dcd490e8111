//! The command line as it was typed: strings, with environment variables as fallback. [`crate::config`] makes sense
//! of them.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use ferro_xds_protos::PROTOCOL_VERSION;

/// The Ferromesh sidecar agent: starts Envoy beside a workload and keeps it configured.
#[derive(Clone, Debug, Parser)]
#[command(name = "ferro-agent", version, args_override_self = true)]
pub struct Args {
    /// ferrod's address: http://HOST:PORT or unix:/PATH
    #[arg(long, env = "FERRO_FERROD", value_name = "ADDRESS", default_value = "http://127.0.0.1:15010")]
    pub ferrod: String,
    /// The Envoy to run
    #[arg(long, env = "ENVOY", value_name = "PATH", default_value = "envoy")]
    pub envoy: PathBuf,
    /// Folder for sockets, cache, logs and the bootstrap; one per agent
    #[arg(long, env = "FERRO_STATE_DIR", value_name = "DIR", default_value = "/var/lib/ferromesh/agent")]
    pub state_dir: PathBuf,
    /// The workload's address
    #[arg(long, env = "INSTANCE_IP", value_name = "IP")]
    pub ip: String,
    /// The workload's name
    #[arg(long, env = "WORKLOAD_NAME", value_name = "NAME")]
    pub workload: String,
    /// The workload's namespace
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE", default_value = "default")]
    pub namespace: String,
    /// The workload's labels: k=v,k=v
    #[arg(long, env = "FERRO_LABELS", value_name = "LABELS", default_value = "")]
    pub labels: String,
    /// The service account the workload runs as
    #[arg(long, env = "SERVICE_ACCOUNT", value_name = "NAME", default_value = "default")]
    pub service_account: String,
    /// The cluster the workload belongs to
    #[arg(long, env = "ISTIO_META_CLUSTER_ID", value_name = "ID", default_value = "Kubernetes")]
    pub cluster_id: String,
    /// The mesh the workload belongs to
    #[arg(long, env = "ISTIO_META_MESH_ID", value_name = "ID", default_value = "cluster.local")]
    pub mesh_id: String,
    /// The domain that service names end in
    #[arg(long, env = "DOMAIN_SUFFIX", value_name = "DOMAIN", default_value = "cluster.local")]
    pub domain: String,
    /// The WorkloadGroup to register under
    #[arg(long, env = "AUTO_REGISTER_GROUP", value_name = "NAME")]
    pub group: Option<String>,
    /// Where the workload runs: REGION[/ZONE[/SUBZONE]]
    #[arg(long, env = "FERRO_LOCALITY", value_name = "LOCALITY", default_value = "")]
    pub locality: String,
    /// Whether the proxy stands beside a workload or is a gateway
    #[arg(long, env = "FERRO_KIND", value_enum, default_value_t = KindArg::Sidecar)]
    pub kind: KindArg,
    /// How traffic reaches Envoy
    #[arg(long, env = "FERRO_CAPTURE", value_enum, default_value_t = CaptureArg::Redirect)]
    pub capture: CaptureArg,
    /// Without capture: where the application serves a target port, as TARGET=LOCAL; repeat for more
    #[arg(long = "app-port", env = "FERRO_APP_PORTS", value_name = "TARGET=LOCAL", value_delimiter = ',')]
    pub app_ports: Vec<String>,
    /// Where the application shows Prometheus metrics: PORT[/PATH]
    #[arg(long, env = "FERRO_APP_METRICS", value_name = "PORT[/PATH]")]
    pub app_metrics: Option<String>,
    /// The application's probe, as in a WorkloadGroup, in JSON; @FILE reads it from a file
    #[arg(long, env = "FERRO_PROBE", value_name = "JSON|@FILE")]
    pub probe: Option<String>,
    /// Worker threads of Envoy
    #[arg(long, env = "FERRO_CONCURRENCY", value_name = "N", default_value_t = 2)]
    pub concurrency: u32,
    /// The longest time connections have to finish after SIGTERM
    #[arg(long, env = "FERRO_DRAIN_SECONDS", value_name = "SECONDS", default_value_t = 45)]
    pub drain_seconds: u64,
    /// Envoy's log level
    #[arg(long, env = "FERRO_ENVOY_LOG_LEVEL", value_name = "LEVEL", default_value = "warning")]
    pub envoy_log_level: String,
    /// Where Envoy's output goes: file (envoy.log in the state folder) or inherit
    #[arg(long, env = "FERRO_ENVOY_LOG", value_enum, default_value_t = EnvoyLogArg::File)]
    pub envoy_log: EnvoyLogArg,
    /// The file that names the resolvers for names outside the mesh
    #[arg(long, env = "FERRO_RESOLV_CONF", value_name = "PATH", default_value = "/etc/resolv.conf")]
    pub resolv_conf: PathBuf,
    /// The protocol version to say, in place of the agent's own: for tests of meshes of mixed versions
    #[arg(long, env = "FERRO_PROTOCOL_VERSION", value_name = "N", default_value_t = PROTOCOL_VERSION, hide = true)]
    pub protocol_version: u32,
    /// Which log lines the agent writes
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
    /// How they look: text or json
    #[arg(long, env = "FERRO_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub log_format: String,
}

/// Values of `--kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    /// Beside a workload.
    Sidecar,
    /// A gateway.
    Router,
}

/// Values of `--capture`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CaptureArg {
    /// iptables send the workload's traffic to Envoy, as in a pod.
    Redirect,
    /// Nothing is captured: Envoy binds the workload's address, the application uses the HTTP proxy on 15007.
    None,
}

/// Values of `--envoy-log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EnvoyLogArg {
    /// `envoy.log` in the state folder.
    File,
    /// The agent's own standard output and error.
    Inherit,
}
