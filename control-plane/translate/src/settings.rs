//! What translation is told besides the mesh: switches of ferrod, never globals.

use std::fmt;
use std::time::Duration;

/// Switches of ferrod that change resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The Wasm module with our filters; without one no filter is referred to.
    pub wasm_module: Option<ModuleHash>,
    /// How long Envoy waits for a resource that another one refers to. Never zero, which means for ever: a cluster whose
    /// endpoints are late must not keep its proxy from starting (reliability.md §5, incident 2).
    pub initial_fetch_timeout: Duration,
    /// How soon a Wasm VM that trapped is started again; doubles up to ten times as much while it keeps trapping.
    pub filter_reload: Duration,
}

/// SHA-256 of a Wasm module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ModuleHash([u8; 32]);

/// A text that is not 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a module hash is 64 hexadecimal digits")]
pub struct InvalidHash;

impl Default for Settings {
    fn default() -> Self {
        Self {
            wasm_module: None,
            initial_fetch_timeout: Duration::from_secs(15),
            filter_reload: Duration::from_millis(100),
        }
    }
}

// === impl ModuleHash ===

impl From<[u8; 32]> for ModuleHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl std::str::FromStr for ModuleHash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(InvalidHash);
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| InvalidHash)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| InvalidHash)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for ModuleHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests;
