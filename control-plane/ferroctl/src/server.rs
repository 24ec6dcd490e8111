//! Which ferrod a command talks to.

use std::fs;

use anyhow::{Result, bail};

use crate::local::state::{State, root};

/// Where ferrod listens when it is not told otherwise.
const DEFAULT: &str = "http://127.0.0.1:8080";

/// The server that was named; else the one of the local mesh that runs; else the default.
///
/// # Errors
/// Several local meshes run: none of them is more likely meant than the others.
pub(crate) fn address(named: Option<&str>) -> Result<String> {
    if let Some(server) = named {
        return Ok(server.to_owned());
    }
    if let Some((_, state)) = State::only_running() {
        return Ok(state.server);
    }
    let running = running();
    if running.len() > 1 {
        bail!(
            "{} local meshes run here; name one with --server or $FERRO_SERVER:\n  {}",
            running.len(),
            running.join("\n  ")
        );
    }
    Ok(DEFAULT.to_owned())
}

/// The local meshes that run, as `server (mesh file)`.
fn running() -> Vec<String> {
    let folders = fs::read_dir(root()).into_iter().flatten().flatten();
    let states = folders.filter_map(|folder| State::load(&folder.path()).ok()?).filter(State::running);
    let mut meshes: Vec<String> =
        states.map(|state| format!("{} ({})", state.server, state.mesh_file.display())).collect();
    meshes.sort();
    meshes
}
