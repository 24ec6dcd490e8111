//! The packages of the repository, as Cargo sees them.

use std::{path::Path, process::Command};

use serde_json::Value;

use crate::repository::Repository;

/// One package.
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its folder, from the top of the repository.
    pub(crate) folder: String,
    /// The first file of each of its targets.
    pub(crate) roots: Vec<String>,
    /// The packages of the repository it depends on.
    pub(crate) edges: Vec<Edge>,
}

/// A dependency on a package of the repository.
pub(crate) struct Edge {
    /// The folder of the package.
    pub(crate) to: String,
    /// What it is needed for.
    pub(crate) purpose: Purpose,
}

/// What a dependency is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The product, or what builds it.
    Product,
    /// Tests and benchmarks.
    Tests,
}

/// The packages of the workspace.
pub(crate) fn members(repository: &Repository) -> Vec<Package> {
    described(repository, "Cargo.toml")
}

/// The packages that stand outside the workspace.
pub(crate) fn outsiders(repository: &Repository) -> Vec<Package> {
    let inside: Vec<String> = members(repository).iter().map(manifest_of).collect();
    let manifests = repository.ending("Cargo.toml").filter(|file| *file != "Cargo.toml");
    let outside = manifests.filter(|file| !inside.iter().any(|member| member == file));
    outside.flat_map(|manifest| described(repository, manifest)).collect()
}

/// Where a package's manifest is.
pub(crate) fn manifest_of(package: &Package) -> String {
    format!("{}/Cargo.toml", package.folder)
}

fn described(repository: &Repository, manifest: &str) -> Vec<Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(repository.root().join(manifest))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo cannot read {manifest}: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo's metadata");
    list(&metadata["packages"]).map(|package| read(repository.root(), package)).collect()
}

fn read(root: &Path, package: &Value) -> Package {
    let folder = Path::new(text(&package["manifest_path"])).parent().expect("a manifest is in a folder");
    Package {
        name: text(&package["name"]).to_owned(),
        folder: relative(root, folder),
        roots: list(&package["targets"]).map(|target| relative(root, Path::new(text(&target["src_path"])))).collect(),
        edges: list(&package["dependencies"]).filter_map(|dependency| edge(root, dependency)).collect(),
    }
}

fn edge(root: &Path, dependency: &Value) -> Option<Edge> {
    let folder = Path::new(dependency["path"].as_str()?);
    let purpose = if dependency["kind"] == "dev" { Purpose::Tests } else { Purpose::Product };
    Some(Edge { to: relative(root, folder), purpose })
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string in cargo's metadata")
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).expect("below the top").to_str().expect("paths are UTF-8").to_owned()
}
