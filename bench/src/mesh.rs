//! A local mesh for a measurement: started by `ferroctl`, stopped when it is dropped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;
use tempfile::TempDir;

/// The top of the repository.
pub(crate) fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A program of `dist/`.
pub(crate) fn program(name: &str) -> PathBuf {
    top().join("dist").join(name)
}

/// A running mesh in a folder of its own.
pub(crate) struct Mesh {
    folder: TempDir,
    server: String,
    http: reqwest::blocking::Client,
}

impl Mesh {
    /// Writes the files and starts the mesh; `mesh.yaml` must be among them. `range` is the second octet of its addresses.
    pub(crate) fn start(range: u8, files: &[(&str, String)]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        for (name, text) in files {
            let path = folder.path().join(name);
            path.parent().map(fs::create_dir_all).transpose()?;
            fs::write(path, text)?;
        }
        let http = reqwest::blocking::Client::builder().no_proxy().build()?;
        let mesh = Self { folder, server: format!("http://127.{range}.0.1"), http };
        let output = mesh.ferroctl(&["up", "-f", "mesh.yaml", "--range", &range.to_string()])?;
        ensure!(output.status.success(), "the mesh did not start: {}", String::from_utf8_lossy(&output.stderr));
        Ok(mesh)
    }

    /// A file of the mesh's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An answer of ferrod's API.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        Ok(self.http.get(format!("{}:8080{path}", self.server)).send()?.error_for_status()?.json()?)
    }

    fn ferroctl(&self, arguments: &[&str]) -> Result<Output> {
        Command::new(program("ferroctl"))
            .arg("local")
            .args(arguments)
            .current_dir(self.folder.path())
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .output()
            .context("dist/ferroctl does not run: `make build`")
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        if let Err(error) = self.ferroctl(&["down", "-f", "mesh.yaml"]) {
            eprintln!("the mesh was not stopped: {error:#}");
        }
    }
}
