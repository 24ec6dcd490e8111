//! Wires everything: binds first, so that a port in use is an error before anything runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use ferro_model::{Diagnostic, MeshConfig};
use ferro_process::supervise::Supervisor;
use ferro_store::source::file::{FileOptions, FileSource};
use ferro_store::{Store, StoreOptions};
use ferro_translate::Settings;
use ferro_xds::Limits;
use ferro_xds::server::{Listener, Server};
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::api::{self, Api};
use crate::args::Args;
use crate::control::{Control, ControlSource};
use crate::metrics::Metrics;
use crate::modules::{self, Module};
use crate::pipeline::Pipeline;
use crate::tasks;

/// Longer than the drain of the streams.
const GRACE: Duration = Duration::from_secs(12);

/// A control plane that is bound and not running yet.
pub struct App {
    xds: TcpListener,
    socket: Option<UnixListener>,
    http: TcpListener,
    metrics: TcpListener,
    files: FileSource,
    module: Option<Module>,
    api: Api,
}

/// The addresses that were bound, for tests that ask for port 0.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// xDS.
    pub xds: SocketAddr,
    /// The admin API.
    pub http: SocketAddr,
    /// `/metrics`.
    pub metrics: SocketAddr,
}

// === impl App ===

impl App {
    /// Opens the store and binds every port.
    ///
    /// # Errors
    /// A port is in use, the data directory belongs to another process or a newer version, or a given file cannot be read.
    pub async fn bind(args: &Args) -> Result<Self> {
        ensure!(
            args.bind.is_loopback(),
            "--bind {}: only loopback addresses are served until workloads have identities",
            args.bind
        );
        let (config, findings) = mesh_config(args)?;
        let module = args.wasm_module.as_deref().map(Module::load).transpose()?;
        let wasm_module = module.as_ref().map(|module| module.sha256().parse()).transpose()?;
        let filter_reload = Duration::from_millis(args.wasm_reload_ms);
        let settings = Settings { wasm_module, filter_reload, ..Settings::default() };
        let store = Store::open(&args.data_dir, StoreOptions::default())
            .with_context(|| format!("cannot open the store in {}", args.data_dir.display()))?;
        for unserved in store.unserved() {
            warn!(key = unserved.key, reason = unserved.reason, "a stored object cannot be served");
        }
        let files = FileSource::new(&FileOptions::new(args.config.clone()), store.clone())?;
        let control = Arc::new(Control::new(Pipeline::new(Arc::new(config), settings), Metrics::new()?));
        let limits = Limits { identity: identity().into(), ..Limits::default() };
        let server = Server::new(Arc::new(ControlSource(Arc::clone(&control))), limits);
        let api = Api { control, store, xds: server, files: files.status(), mesh_config: findings.into() };
        Ok(Self {
            xds: bind(args, args.xds_port, "--xds-port").await?,
            socket: args.xds_socket.as_deref().map(socket).transpose()?,
            http: bind(args, args.api_port, "--api-port").await?,
            metrics: bind(args, args.metrics_port, "--metrics-port").await?,
            files,
            module,
            api,
        })
    }

    /// The addresses that were bound.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn addresses(&self) -> Result<Addresses> {
        Ok(Addresses {
            xds: self.xds.local_addr()?,
            http: self.http.local_addr()?,
            metrics: self.metrics.local_addr()?,
        })
    }

    /// Serves until `shutdown`.
    ///
    /// # Errors
    /// An essential task ended.
    pub async fn run(self, shutdown: CancellationToken) -> Result<()> {
        let addresses = self.addresses()?;
        info!(xds = %addresses.xds, http = %addresses.http, metrics = %addresses.metrics, "ferrod listens");
        let mut tasks = Supervisor::new(shutdown.clone());
        let Api { control, store, xds, files, .. } = self.api.clone();
        tasks.spawn("files", self.files.run(shutdown.clone()));
        tasks.spawn("follow", tasks::follow(Arc::clone(&control), store.clone(), files, shutdown.clone()));
        tasks.spawn("register", tasks::register(control, store, shutdown.clone()));
        let routes = xds.routes().add_service(modules::service(self.module));
        for listener in std::iter::once(Listener::Tcp(self.xds)).chain(self.socket.map(Listener::Unix)) {
            let (server, routes, shutdown) = (xds.clone(), routes.clone(), shutdown.clone());
            tasks.spawn("xds", async move { server.serve(listener, routes, shutdown).await });
        }
        tasks.spawn("api", http(self.http, api::router(self.api.clone()), shutdown.clone()));
        tasks.spawn("metrics", http(self.metrics, api::metrics_router(self.api), shutdown));
        tasks.run(GRACE).await.map_err(anyhow::Error::from)
    }
}

async fn http(listener: TcpListener, router: axum::Router, shutdown: CancellationToken) -> std::io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

async fn bind(args: &Args, port: u16, flag: &str) -> Result<TcpListener> {
    let address = SocketAddr::new(args.bind, port);
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}; another port with {flag}"))
}

/// A socket file of an earlier process is removed: the store's lock says that it no longer runs.
fn socket(path: &std::path::Path) -> Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot replace {}", path.display()));
        }
        _ => {}
    }
    UnixListener::bind(path).with_context(|| format!("cannot listen on {}", path.display()))
}

/// The settings, and what the file says that nobody reads.
fn mesh_config(args: &Args) -> Result<(MeshConfig, Vec<Diagnostic>)> {
    let Some(path) = &args.mesh_config else { return Ok((MeshConfig::default(), Vec::new())) };
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the mesh config {}", path.display()))?;
    match MeshConfig::parse(&path.display().to_string(), &text) {
        Ok((config, findings)) => {
            findings.iter().for_each(|finding| warn!("{finding}"));
            Ok((config, findings))
        }
        Err(findings) => bail!("{}", findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

/// What every response says of its sender.
fn identity() -> String {
    serde_json::json!({
        "Component": "ferrod",
        "Version": env!("CARGO_PKG_VERSION"),
        "Protocol": ferro_xds_protos::PROTOCOL_VERSION,
    })
    .to_string()
}
