//! Size and hash of content that passes by.

use sha2::{Digest, Sha256};

/// What has passed so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fingerprint {
    bytes: u64,
    hash: Sha256,
}

impl Fingerprint {
    /// The next part of the content.
    pub(crate) fn add(&mut self, part: &[u8]) {
        self.bytes += part.len() as u64;
        self.hash.update(part);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The SHA-256 in lower-case hexadecimal digits.
    pub(crate) fn sha256(&self) -> String {
        self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
