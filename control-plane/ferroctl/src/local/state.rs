//! What runs: the record of a local mesh, kept in its state folder so that later commands find it.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};

use super::plan::Mode;
use super::process::Record;

/// A started mesh.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) mesh_file: PathBuf,
    pub(crate) mode: Mode,
    pub(crate) range: [u8; 2],
    /// Where ferrod's API answers.
    pub(crate) server: String,
    /// By name of the process.
    pub(crate) processes: BTreeMap<String, Record>,
    pub(crate) members: Vec<MemberRecord>,
}

/// What later commands need of a workload or gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MemberRecord {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) ip: std::net::Ipv4Addr,
    pub(crate) netns: Option<String>,
    pub(crate) port: Option<u16>,
}

/// The folder that holds the state of every local mesh of this user.
pub(crate) fn root() -> PathBuf {
    let home = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state")));
    let root = home.unwrap_or_else(|| PathBuf::from("/var/tmp")).join("ferromesh");
    // A mesh's network is named after its folder, wherever a command is typed.
    std::path::absolute(&root).unwrap_or(root)
}

/// The right to start and stop processes of the mesh in `folder`, until it is dropped.
///
/// # Errors
/// Another command has it.
pub(crate) fn lock(folder: &Path) -> Result<File> {
    fs::create_dir_all(folder).with_context(|| format!("cannot write {}", folder.display()))?;
    let path = folder.join("lock");
    let lock = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(anyhow!(
            "another `ferroctl local up` or `down` works on this mesh right now (it holds {}): wait for it, or end it",
            path.display()
        )),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("mesh.json")
}

impl State {
    /// The state in `folder`, if a mesh was started there.
    pub(crate) fn load(folder: &Path) -> Result<Option<Self>> {
        match fs::read(file(folder)) {
            Ok(bytes) => {
                let state = serde_json::from_slice(&bytes);
                state.map(Some).with_context(|| format!("{} is damaged: remove it", file(folder).display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", file(folder).display())),
        }
    }

    /// Writes it whole or not at all.
    pub(crate) fn save(&self, folder: &Path) -> Result<()> {
        let temporary = folder.join("mesh.json.new");
        fs::write(&temporary, serde_json::to_vec_pretty(self)?)?;
        fs::rename(temporary, file(folder)).context("cannot record what runs")
    }

    /// Forgets the mesh.
    pub(crate) fn remove(folder: &Path) -> Result<()> {
        match fs::remove_file(file(folder)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).context("cannot forget the mesh"),
            _ => Ok(()),
        }
    }

    /// The one mesh that runs here, for commands that were not told which. A mesh without its control plane counts, and
    /// so does one of which nothing is left but its record: that is when people look for what happened.
    pub(crate) fn only_running() -> Option<(PathBuf, Self)> {
        let folders = fs::read_dir(root()).ok()?.flatten().map(|entry| entry.path());
        let recorded = folders.filter_map(|folder| Some((folder.clone(), Self::load(&folder).ok()??)));
        let (running, dead): (Vec<_>, Vec<_>) = recorded.partition(|(_, state)| state.any_alive());
        let mut candidates = if running.is_empty() { dead } else { running };
        if candidates.len() == 1 { candidates.pop() } else { None }
    }

    /// Whether any of its processes runs.
    pub(crate) fn any_alive(&self) -> bool {
        self.processes.values().any(Record::alive)
    }

    /// Whether its control plane runs.
    pub(crate) fn running(&self) -> bool {
        self.processes.get("ferrod").is_some_and(Record::alive)
    }

    /// The member a user means by `name` or `name.namespace`.
    pub(crate) fn member(&self, name: &str) -> Result<&MemberRecord> {
        let matches =
            |member: &&MemberRecord| member.name == name || format!("{}.{}", member.name, member.namespace) == name;
        match self.members.iter().find(matches) {
            Some(member) => Ok(member),
            None => {
                let names: Vec<_> = self.members.iter().map(|member| member.name.as_str()).collect();
                bail!("no workload `{name}` in this mesh; there are: {}", names.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests;
