//! Ends a mesh: agents drain first, then applications, then ferrod; then what nobody recorded.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};

use super::plan::{Layout, MARK};
use super::process::{GRACE, Record, end_all};
use super::state::{self, State};
use super::{netns, procfs};

/// Stops every process of the mesh whose state is in `folder`, and removes its namespaces and links. With `force` also
/// when there is no record of it: all of them are found by what they say of the mesh they belong to.
pub(crate) fn down(folder: &Path, force: bool) -> Result<()> {
    let _lock = state::lock(folder)?;
    let recorded = match State::load(folder) {
        Err(error) if force => {
            eprintln!("  {error:#}");
            None
        }
        loaded => loaded?,
    };
    if recorded.is_none() && !force {
        bail!("nothing runs under {}; after a crash `--force` looks for what is left", folder.display());
    }
    let killed: usize = recorded.iter().flat_map(|state| WAVES.map(|wave| end_wave(state, wave))).sum();
    let mesh = folder.display().to_string();
    let unrecorded = end_all(|pid| procfs::has_variable(pid, MARK, &mesh));
    let removed = netns::down(&Layout::network_of(folder))?;
    State::remove(folder)?;
    let stopped = recorded.map_or(0, |state| state.processes.len()) + unrecorded;
    let by_force = if killed > 0 { format!(", {killed} by force") } else { String::new() };
    eprintln!("  stopped {stopped} processes{by_force}");
    if removed > 0 {
        eprintln!("  removed {removed} namespaces and links");
    }
    Ok(())
}

/// The ends of the names of processes, in the order in which they are stopped; ferrod's is none of them.
const WAVES: [&str; 3] = [".agent", ".app", ""];

fn end_wave(state: &State, suffix: &str) -> usize {
    let wave: Vec<&Record> = state
        .processes
        .iter()
        .filter(|(name, _)| if suffix.is_empty() { !name.contains('.') } else { name.ends_with(suffix) })
        .map(|(_, record)| record)
        .collect();
    wave.iter().for_each(|record| record.terminate());
    let deadline = Instant::now() + GRACE;
    wave.iter().filter(|record| !record.wait_end(deadline)).count()
}
