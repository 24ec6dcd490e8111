//! Gets Wasm modules from ferrod.

use std::{sync::Arc, time::Duration};

use ferro_process::supervise::Chain;
use ferro_xds::client::Upstream;
use ferro_xds_protos::ferromesh::v1::{FetchRequest, modules_client::ModulesClient};
use tokio::time::{sleep, timeout};
use tonic::Code;

use crate::modules::{Incoming, ModuleDigest, ModuleError};

/// ferrod must send something within this time.
const SILENCE: Duration = Duration::from_secs(5);

/// A module that arrived, or the reason why not.
pub(super) struct Fetched {
    pub(super) digest: ModuleDigest,
    /// How often it was tried before.
    pub(super) attempt: u32,
    pub(super) result: Result<Incoming, FetchError>,
}

/// Why a module did not arrive.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("ferrod cannot be asked for it: {0}")]
    Connect(String),
    #[error("ferrod answered {code:?}: {message}")]
    Refused { code: Code, message: String },
    #[error("ferrod sent nothing for {SILENCE:?}")]
    Silent,
    #[error(transparent)]
    Module(#[from] ModuleError),
}

// === impl Fetched ===

impl Fetched {
    /// Fetches a module into `incoming` after waiting for `delay`. The content is not verified yet.
    pub(super) async fn fetch(
        upstream: Upstream,
        digest: ModuleDigest,
        incoming: Incoming,
        attempt: u32,
        delay: Duration,
    ) -> Self {
        sleep(delay).await;
        Self { digest, attempt, result: fetch(&upstream, digest, incoming).await }
    }
}

// === impl FetchError ===

impl FetchError {
    /// Whether another attempt may end better.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Silent => true,
            Self::Refused { code, .. } => {
                matches!(code, Code::Unavailable | Code::Unknown | Code::ResourceExhausted | Code::Cancelled)
            }
            Self::Module(_) => false,
        }
    }

    /// The reason for a NACK.
    pub(super) fn reason(&self, digest: ModuleDigest) -> Arc<str> {
        format!("Wasm module {digest} cannot be had: {}", Chain(self)).into()
    }
}

impl From<tonic::Status> for FetchError {
    fn from(status: tonic::Status) -> Self {
        Self::Refused { code: status.code(), message: status.message().to_owned() }
    }
}

async fn fetch(upstream: &Upstream, digest: ModuleDigest, mut incoming: Incoming) -> Result<Incoming, FetchError> {
    let channel = timeout(SILENCE, connect(upstream)).await.map_err(|_| FetchError::Silent)?;
    let channel = channel.map_err(FetchError::Connect)?;
    let request = FetchRequest { sha256: digest.to_string() };
    let answer = timeout(SILENCE, async { ModulesClient::new(channel).fetch(request).await }).await;
    let mut chunks = answer.map_err(|_| FetchError::Silent)??.into_inner();
    while let Some(message) = timeout(SILENCE, chunks.message()).await.map_err(|_| FetchError::Silent)?? {
        incoming.push(&message.chunk)?;
    }
    Ok(incoming)
}

async fn connect(upstream: &Upstream) -> Result<tonic::transport::Channel, String> {
    let endpoint = match upstream {
        Upstream::Tcp(uri) => Ok(tonic::transport::Endpoint::from(uri.clone())),
        Upstream::Unix(path) => tonic::transport::Endpoint::from_shared(format!("unix:{}", path.display())),
    };
    endpoint.map_err(|error| error.to_string())?.connect().await.map_err(|error| Chain(&error).to_string())
}
