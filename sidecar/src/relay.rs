//! Stands between Envoy and ferrod: an xDS server for Envoy on a unix socket, one delta ADS stream to ferrod, and what
//! Envoy last accepted in between, so that neither notices when the other goes away.
//!
//! `core` decides (no sockets, no clocks), `drive` carries out, `shared` is where Envoy's streams and the driver meet.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use ferro_process::{CancellationToken, backoff::Policy, clock::Clock};
use ferro_xds::{
    client::{ClientSession, Handle, Upstream},
    server::ServeError,
};
use ferro_xds_protos::{Kind, envoy::envoy::config::core::v3::Node};
use tokio::{net::UnixListener, sync::watch};

mod core;
mod drive;
mod fetch;
mod health;
mod names;
mod shared;
mod status;
#[cfg(test)]
mod tests;
mod wasm;
pub(crate) mod wire;

pub use health::{Health, HealthReporter};
pub use names::{NameEntry, NameTable};
pub use status::{CacheStatus, KindStatus, LastNack, Status, UpstreamStatus};

use self::{core::Core, shared::Shared};
use crate::{
    cache::{CacheFile, CacheKey},
    modules::Modules,
};

/// What a relay needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where ferrod is.
    pub upstream: Upstream,
    /// What ferrod is told about this proxy.
    pub node: Node,
    /// The last-known-good file; without it, only what this process remembers is served while ferrod is away.
    pub cache: Option<CacheConfig>,
    /// The folder for Wasm modules; made if it is missing.
    pub modules_dir: PathBuf,
    /// How long ferrod may stay silent before the file is used.
    pub unreachable_after: Duration,
    /// How attempts to reach ferrod are spaced.
    pub backoff: Policy,
}

/// Where the last-known-good file is, and for whom it is good.
#[derive(Clone, Debug)]
pub struct CacheConfig {
    /// The file.
    pub path: PathBuf,
    /// Its owner.
    pub key: CacheKey,
}

/// Why a relay cannot work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder for Wasm modules cannot be used.
    #[error("the module folder {path} cannot be used", path = path.display())]
    Modules {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        reason: io::Error,
    },
    /// The socket for Envoy failed.
    #[error("xDS cannot be served to Envoy")]
    Serve(#[source] ServeError),
}

/// A relay that is ready to run.
pub struct Relay {
    shared: Arc<Shared>,
    names: watch::Receiver<Option<Arc<NameTable>>>,
    config: Config,
    cache: Option<CacheFile>,
    modules: Modules,
}

/// Reads the relay's status; cheap to clone.
#[derive(Clone)]
pub struct StatusReader {
    shared: Arc<Shared>,
}

// === impl Config ===

impl Config {
    /// How long ferrod may stay silent before the file is used, unless told otherwise (architecture.md, section 3).
    pub const UNREACHABLE_AFTER: Duration = Duration::from_secs(1);
}

// === impl Relay ===

impl Relay {
    /// Opens the module folder and reads the last-known-good file. A file that cannot be used is no error: it is
    /// reported and ignored.
    ///
    /// # Errors
    /// [`Error::Modules`].
    pub fn new(config: Config) -> Result<Self, Error> {
        Self::with_clock(config, Clock::system())
    }

    /// [`Relay::new`] with a clock for the ages of what is cached.
    ///
    /// # Errors
    /// [`Error::Modules`].
    pub fn with_clock(config: Config, clock: Clock) -> Result<Self, Error> {
        let modules = Modules::open(config.modules_dir.clone())
            .map_err(|reason| Error::Modules { path: config.modules_dir.clone(), reason })?;
        let mut session = ClientSession::new(config.node.clone());
        session.subscribe_all(Kind::NameTable);
        let mut core = Core::new(config.unreachable_after, clock.now());
        let cache = config.cache.clone().map(|cache| CacheFile::new(cache.path, cache.key));
        let file = cache.as_ref().map(|cache| shared::load(cache, &mut core, &mut session));
        let (names_tx, names) = watch::channel(None);
        let shared = Arc::new(Shared::new(core, Handle::new(session), names_tx, clock, file.unwrap_or_default()));
        Ok(Self { shared, names, config, cache, modules })
    }

    /// The mesh's names; `None` until ferrod or the cache has said any.
    pub fn names(&self) -> watch::Receiver<Option<Arc<NameTable>>> {
        self.names.clone()
    }

    /// Where to report the workload's health.
    pub fn health(&self) -> HealthReporter {
        HealthReporter::new(self.shared.handle().clone())
    }

    /// Where to ask how the relay is doing.
    pub fn status(&self) -> StatusReader {
        StatusReader { shared: Arc::clone(&self.shared) }
    }

    /// Serves Envoy on `listener` and keeps in touch with ferrod until `shutdown`.
    ///
    /// # Errors
    /// [`Error::Serve`].
    pub async fn run(self, listener: UnixListener, shutdown: CancellationToken) -> Result<(), Error> {
        let server = shared::serve(Arc::clone(&self.shared), listener, shutdown.clone());
        let driver = drive::Driver::new(self.shared, self.config, self.cache, self.modules);
        let driver = Box::pin(async {
            driver.run(shutdown).await;
            Ok(())
        });
        tokio::try_join!(server, driver).map(|_| ())
    }
}

// === impl StatusReader ===

impl StatusReader {
    /// The relay as it is now.
    pub fn read(&self) -> Status {
        self.shared.status()
    }
}

/// The encoded message in a resource's frame (`DeltaDiscoveryResponse.resources[].resource.value`).
fn value_of(frame: &[u8]) -> &[u8] {
    const VALUE: [u32; 3] = [2, 2, 2];
    wire::find(frame, &VALUE).unwrap_or_default()
}
