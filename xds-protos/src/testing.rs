//! For tests of this crate and of those above it: Envoy's protos as descriptors.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Why there are no descriptors.
#[derive(Debug)]
pub enum Missing {
    /// cargo could not say where `envoy-types` lies; its words.
    Cargo(String),
    /// The file is not where the crate used to have it.
    File(PathBuf, std::io::Error),
}

/// The encoded `FileDescriptorSet` that `envoy-types` ships but does not export.
///
/// # Errors
/// When cargo or the file cannot be read.
pub fn file_descriptor_set() -> Result<Vec<u8>, Missing> {
    let path = envoy_types()?.join("src/generated/types.bin");
    std::fs::read(&path).map_err(|error| Missing::File(path, error))
}

fn envoy_types() -> Result<PathBuf, Missing> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu", "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .output()
        .map_err(|error| Missing::Cargo(error.to_string()))?;
    let complaint = || Missing::Cargo(String::from_utf8_lossy(&output.stderr).into_owned());
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).map_err(|_| complaint())?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let manifest = packages
        .filter(|package| package["name"] == "envoy-types")
        .find_map(|package| Path::new(package["manifest_path"].as_str()?).parent().map(Path::to_path_buf));
    manifest.ok_or_else(complaint)
}
