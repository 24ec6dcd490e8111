//! Ends a mesh: agents drain first, then applications, then ferrod; with force also what a crash left behind.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::netns;
use super::plan::Mode;
use super::process::Record;
use super::state::State;

/// Longer than an agent's drain, so that a kill is the exception.
const GRACE: Duration = Duration::from_secs(15);

/// Stops every process of the mesh whose state is in `folder`.
pub(crate) fn down(folder: &Path, force: bool) -> Result<()> {
    let Some(state) = State::load(folder)? else {
        if force {
            return clean(folder, [127, 77]);
        }
        bail!("nothing runs under {}; after a crash `--force` removes namespaces and rules", folder.display());
    };
    let mut killed = 0;
    for wave in [".agent", ".app", ""] {
        killed += end_wave(&state, wave);
    }
    if state.mode == Mode::Netns {
        clean(folder, state.range)?;
    }
    State::remove(folder)?;
    eprintln!(
        "  stopped {} processes{}",
        state.processes.len(),
        if killed > 0 { format!(", {killed} by force") } else { String::new() }
    );
    Ok(())
}

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

fn clean(folder: &Path, range: [u8; 2]) -> Result<()> {
    let layout = super::up::layout(folder, Mode::Netns, range)?;
    let removed = netns::down(&layout)?;
    eprintln!("  removed {removed} namespaces and links");
    Ok(())
}
