//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Parser;

/// The Ferromesh control plane: policy YAML in, xDS for every sidecar out.
#[derive(Clone, Debug, Parser)]
#[command(name = "ferrod", version)]
pub struct Args {
    /// A file or folder of policy to watch; may be repeated
    #[arg(long = "config", env = "FERROD_CONFIG", value_delimiter = ':')]
    pub config: Vec<PathBuf>,
    /// Where revisions, objects and addresses are kept
    #[arg(long, env = "FERROD_DATA_DIR", default_value = "ferrod-data")]
    pub data_dir: PathBuf,
    /// A MeshConfig (Istio's mesh-wide settings)
    #[arg(long, env = "FERROD_MESH_CONFIG")]
    pub mesh_config: Option<PathBuf>,
    /// The address every port is bound on; only loopback until identity exists
    #[arg(long, env = "FERROD_BIND", default_value = "127.0.0.1")]
    pub bind: IpAddr,
    /// The xDS port
    #[arg(long, default_value_t = 15010)]
    pub xds_port: u16,
    /// The port of the admin API, /ready and /debug
    #[arg(long, default_value_t = 8080)]
    pub api_port: u16,
    /// The port of /metrics
    #[arg(long, default_value_t = 15014)]
    pub metrics_port: u16,
    /// A unix socket that serves xDS as well, for workloads in network namespaces
    #[arg(long, env = "FERROD_XDS_SOCKET")]
    pub xds_socket: Option<PathBuf>,
    /// The Wasm module every sidecar loads; without it no filter is configured
    #[arg(long, env = "FERROD_WASM_MODULE")]
    pub wasm_module: Option<PathBuf>,
    /// Milliseconds after which a Wasm VM that trapped is started again
    #[arg(long, default_value_t = 100)]
    pub wasm_reload_ms: u64,
    /// What to log, in the form of tracing-subscriber's filters
    #[arg(long, env = "FERROD_LOG", default_value = "info")]
    pub log: String,
    /// `text` or `json`
    #[arg(long, env = "FERROD_LOG_FORMAT", default_value = "text")]
    pub log_format: String,
}
