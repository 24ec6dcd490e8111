//! The last-known-good file: what Envoy last accepted, so that an Envoy started while ferrod is away can serve.
//!
//! ```text
//! "ferrolkg"  format: u32  saved: u64 (Unix milliseconds)
//! identity, node id, bootstrap hash, Envoy minor version: 4 x (length: u32, text)
//! sections: (length: u32, type URL) (length: u64, entries of DeltaDiscoveryResponse.resources)
//! checksum: u64 (XXH3 of everything before it)
//! ```
//! Numbers are little-endian. The file is replaced by rename and not synced to disk: a crash of the machine may leave a
//! damaged one, which the checksum finds out. Secrets never enter it.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use ferro_xds_protos::{Kind, Resource};
use sha2::{Digest, Sha256};

mod format;
#[cfg(test)]
mod tests;

/// The largest file that is written or read.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// For whom the configuration in the file is good. It is discarded when any part differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheKey {
    identity: String,
    node_id: String,
    bootstrap_hash: String,
    envoy_minor: String,
}

/// Where the file is and for whom.
#[derive(Clone, Debug)]
pub struct CacheFile {
    path: PathBuf,
    key: CacheKey,
}

/// The content of a file that fits.
#[derive(Debug)]
pub struct Saved {
    /// When it was written, in milliseconds since 1970.
    pub unix_millis: u64,
    /// What Envoy had accepted, and the name table.
    pub resources: Vec<(Kind, Resource)>,
}

/// Why a file is of no use. It is as if there were none.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It cannot be read.
    #[error("it cannot be read")]
    Unreadable(#[from] io::Error),
    /// It is larger than any file we write.
    #[error("its {0} bytes are more than we ever write")]
    TooLarge(u64),
    /// It is not a cache file.
    #[error("it is not a last-known-good file")]
    Foreign,
    /// It has another format.
    #[error("it has format {found}, this agent reads format {ours}", ours = format::VERSION)]
    Format {
        /// The format it says it has.
        found: u32,
    },
    /// Its content is not what was written.
    #[error("it is damaged: the checksum does not fit")]
    Damaged,
    /// It was written for another identity, node, bootstrap or Envoy.
    #[error("it belongs to {part} `{found}`, this is `{ours}`")]
    OtherOwner {
        /// Which part of the key differs.
        part: &'static str,
        /// The value in the file.
        found: String,
        /// The value of this agent.
        ours: String,
    },
}

// === impl CacheKey ===

impl CacheKey {
    /// A key of the workload's `identity` (SPIFFE ID, or the service account while there is no identity), the node id,
    /// the text of Envoy's bootstrap, and Envoy's `major.minor` version.
    pub fn new(identity: String, node_id: String, bootstrap: &[u8], envoy_minor: String) -> Self {
        let bootstrap_hash = Sha256::digest(bootstrap).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { identity, node_id, bootstrap_hash, envoy_minor }
    }

    fn parts(&self) -> [(&'static str, &str); 4] {
        [
            ("identity", &self.identity),
            ("node", &self.node_id),
            ("bootstrap", &self.bootstrap_hash),
            ("Envoy", &self.envoy_minor),
        ]
    }
}

// === impl CacheFile ===

impl CacheFile {
    /// A file at `path` for the owner `key` names.
    pub fn new(path: PathBuf, key: CacheKey) -> Self {
        Self { path, key }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file; `None` if there is none.
    ///
    /// # Errors
    /// [`Unusable`]; the caller goes on without.
    pub fn load(&self) -> Result<Option<Saved>, Unusable> {
        let size = match fs::metadata(&self.path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if size > MAX_FILE_BYTES {
            return Err(Unusable::TooLarge(size));
        }
        format::read(&fs::read(&self.path)?, &self.key).map(Some)
    }

    /// Replaces the file. `saved_at` is in milliseconds since 1970; secrets among the resources are left out.
    ///
    /// # Errors
    /// The file cannot be written; the old one is still there.
    pub fn save(&self, saved_at: u64, sections: &[(Kind, Vec<Resource>)]) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        let kept = sections.iter().filter(|(kind, _)| *kind != Kind::Secret);
        let written = format::write(io::BufWriter::new(file), &self.key, saved_at, kept);
        let replaced = written.and_then(|()| fs::rename(&new, &self.path));
        if replaced.is_err() {
            // What was begun is of no use, and takes room; the error that led here matters more than another.
            let _ = fs::remove_file(&new);
        }
        replaced
    }
}
