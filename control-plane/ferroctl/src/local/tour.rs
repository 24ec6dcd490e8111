//! A scripted tour of the sample shop: applies each policy, drives real traffic through real sidecars and compares what
//! was observed with what the policy says.

mod endurance;
mod scene;
mod steps;
mod view;

use std::path::Path;

use anyhow::{Result, bail};
use ferro_api::Figure;

use super::plan::Mode;
use super::{down, up};
use crate::output::Format;
use scene::Scene;

/// How the tour ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// After the last step; the mesh is stopped.
    Once,
    /// With a live view until Ctrl-C.
    LiveView,
}

/// Brings the mesh up, walks the tour and stops it again.
///
/// # Errors
/// A figure does not fit its policy, or a step could not be taken at all.
pub(crate) fn run(file: &Path, mode: Mode, range: [u8; 2], ending: Ending, format: Format) -> Result<()> {
    eprintln!("starting {} ({mode:?} mode)", file.display());
    let (folder, state) = up::up(file, mode, range)?;
    let walked = walk(Scene::new(file, folder.clone(), state)?, ending, format);
    let stopped = down::down(&folder, false);
    let figures = walked?;
    stopped?;
    let short = figures.iter().filter(|figure| !figure.ok).count();
    if short > 0 {
        bail!("{short} of {} figures do not fit their policy", figures.len());
    }
    Ok(())
}

fn walk(mut scene: Scene, ending: Ending, format: Format) -> Result<Vec<Figure>> {
    if ending == Ending::LiveView {
        view::run(&scene)?;
        return Ok(Vec::new());
    }
    let mut figures = Vec::new();
    let mut note = |made: Vec<Figure>| {
        for figure in made {
            if format == Format::Table {
                println!("{figure}");
            }
            figures.push(figure);
        }
    };
    for step in steps::STEPS {
        note(step(&scene)?);
    }
    note(endurance::weights_change_under_load(&scene)?);
    note(endurance::long_lived_exchanges(&scene)?);
    note(endurance::control_plane_dies(&mut scene)?);
    note(endurance::memory(&scene)?);
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    }
    Ok(figures)
}
