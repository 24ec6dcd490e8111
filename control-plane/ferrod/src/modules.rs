//! Hands out the Wasm module by its content: `ferromesh.v1.Modules/Fetch`.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use axum::body::Bytes;
use ferro_xds_protos::ferromesh::v1::modules_server::{Modules, ModulesServer};
use ferro_xds_protos::ferromesh::v1::{FetchRequest, FetchResponse};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use sha2::{Digest, Sha256};
use tonic::{Request, Response, Status};

const CHUNK: usize = 64 * 1024;
/// The most an agent accepts (reliability.md S19).
const LIMIT: usize = 32 * 1024 * 1024;

/// One module and its hash.
#[derive(Clone, Debug)]
pub struct Module {
    sha256: String,
    bytes: Bytes,
}

impl Module {
    /// Reads a module once; it is not watched, so that every sidecar of one ferrod runs the same code.
    ///
    /// # Errors
    /// The file cannot be read, is too large, or is no Wasm module.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read the Wasm module {}", path.display()))?;
        ensure!(bytes.starts_with(b"\0asm"), "{} is no Wasm module: `make build` makes one", path.display());
        ensure!(bytes.len() <= LIMIT, "{} has {} bytes; agents accept {LIMIT}", path.display(), bytes.len());
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { sha256, bytes: bytes.into() })
    }

    /// The hash that filter configuration names it by.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

/// The service over the module there is, if any.
pub fn service(module: Option<Module>) -> ModulesServer<impl Modules> {
    ModulesServer::new(Shelf { module })
}

struct Shelf {
    module: Option<Module>,
}

#[tonic::async_trait]
impl Modules for Shelf {
    type FetchStream = BoxStream<'static, Result<FetchResponse, Status>>;

    async fn fetch(&self, request: Request<FetchRequest>) -> Result<Response<Self::FetchStream>, Status> {
        let wanted = request.into_inner().sha256;
        let Some(module) = self.module.clone().filter(|module| module.sha256 == wanted) else {
            return Err(Status::not_found(format!("no module with SHA-256 {wanted} here")));
        };
        let count = module.bytes.len().div_ceil(CHUNK);
        let chunks = stream::iter(0..count).map(move |index| {
            let end = module.bytes.len().min((index + 1) * CHUNK);
            Ok(FetchResponse { chunk: module.bytes.slice((index * CHUNK).min(end)..end) })
        });
        Ok(Response::new(chunks.boxed()))
    }
}
