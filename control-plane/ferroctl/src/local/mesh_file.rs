//! `mesh.yaml`: which processes make up a local mesh.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct MeshFile {
    api_version: String,
    kind: String,
    metadata: Metadata,
    pub(crate) spec: Spec,
    /// The folder that relative paths start from.
    #[serde(skip)]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: String,
}

/// What the mesh is made of.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Spec {
    /// Files and folders of policy, relative to this file; ferrod watches them.
    pub(crate) policies: Vec<PathBuf>,
    /// A MeshConfig, relative to this file.
    pub(crate) mesh_config: Option<PathBuf>,
    /// One application process and one sidecar each.
    #[serde(default)]
    pub(crate) workloads: Vec<Workload>,
    /// Gateway proxies without an application.
    #[serde(default)]
    pub(crate) gateways: Vec<Gateway>,
}

/// An application and its sidecar.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Workload {
    pub(crate) name: String,
    pub(crate) namespace: String,
    /// The WorkloadGroup that holds its labels, service account, ports and probe.
    pub(crate) group: String,
    /// Program and arguments; `$PORT`, `$IP` and `$NAME` are filled in.
    pub(crate) command: Vec<String>,
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    /// The service target port the application serves.
    pub(crate) port: u16,
    #[serde(default = "one")]
    pub(crate) replicas: u16,
}

/// A gateway proxy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Gateway {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) labels: BTreeMap<String, String>,
}

fn one() -> u16 {
    1
}

impl MeshFile {
    /// Reads and checks a file; errors say what to change.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read the mesh file {}", path.display()))?;
        let mut file: Self =
            serde_saphyr::from_str(&text).with_context(|| format!("{} is not a LocalMesh", path.display()))?;
        ensure!(
            file.api_version == "ferromesh.dev/v1alpha1" && file.kind == "LocalMesh",
            "{} is a {} {}, wanted `apiVersion: ferromesh.dev/v1alpha1` and `kind: LocalMesh`",
            path.display(),
            file.api_version,
            file.kind
        );
        file.folder = std::path::absolute(path)?.parent().map(Path::to_path_buf).unwrap_or_default();
        file.check().with_context(|| format!("{} cannot be started", path.display()))?;
        Ok(file)
    }

    /// Where the state of the mesh is kept: a mesh is known by its name.
    pub(crate) fn state_folder(&self) -> PathBuf {
        super::state::root().join(&self.metadata.name)
    }

    /// Absolute paths of the policies.
    pub(crate) fn policies(&self) -> Vec<PathBuf> {
        self.spec.policies.iter().map(|path| self.folder.join(path)).collect()
    }

    fn check(&self) -> Result<()> {
        let mut names = std::collections::BTreeSet::new();
        let all = self.spec.workloads.iter().map(|w| &w.name).chain(self.spec.gateways.iter().map(|g| &g.name));
        for name in all.chain([&self.metadata.name]) {
            ensure!(is_label(name), "`{name}` is no name: lower-case letters, digits and `-`, at most 40 characters");
        }
        for name in self.spec.workloads.iter().map(|w| &w.name).chain(self.spec.gateways.iter().map(|g| &g.name)) {
            ensure!(names.insert(name), "the name `{name}` stands twice; each workload and gateway needs its own");
        }
        for workload in &self.spec.workloads {
            ensure!(!workload.command.is_empty(), "workload `{}` has no command", workload.name);
            ensure!((1..=50).contains(&workload.replicas), "workload `{}`: replicas must be 1 to 50", workload.name);
        }
        for path in self.policies() {
            ensure!(path.exists(), "the policy path {} does not exist", path.display());
        }
        Ok(())
    }
}

fn is_label(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 40
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

#[cfg(test)]
mod tests;
