//! A scripted tour of the sample shop: applies each policy, drives real traffic through real sidecars and compares what
//! was observed with what the policy says.

mod endurance;
mod scene;
mod steps;
mod view;

use std::path::Path;

use anyhow::{Result, bail, ensure};
use ferro_api::Figure;

use super::mesh_file::MeshFile;
use super::state::State;
use super::up::Wish;
use super::{down, interrupt, up};
use crate::output::{self, Format};
use scene::Scene;

/// How the tour ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// After the last step; the mesh is stopped.
    Once,
    /// With a live view until Ctrl-C.
    LiveView,
}

/// Brings the mesh up, walks the tour and stops it again, however the tour ends.
///
/// # Errors
/// The mesh runs already, a figure does not fit its policy, or a step could not be taken at all.
pub(crate) fn run(file: &Path, wish: Wish, ending: Ending, format: Format) -> Result<()> {
    let folder = MeshFile::load(file)?.state_folder();
    let runs = State::load(&folder)?.is_some_and(|state| state.any_alive());
    ensure!(!runs, "this mesh runs already, and the tour would change its policies: `ferroctl local down` it first");
    interrupt::watch()?;
    eprintln!("starting {} ({:?} mode)", file.display(), wish.mode);
    let walked = {
        let _ended = Ended(&folder);
        start_and_walk(file, wish, ending, format)
    };
    let figures = walked?;
    let short = figures.iter().filter(|figure| !figure.ok).count();
    if short > 0 {
        bail!("{short} of {} figures do not fit their policy", figures.len());
    }
    Ok(())
}

/// Ends the mesh when dropped.
struct Ended<'a>(&'a Path);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        if let Err(error) = down::down(self.0, true) {
            eprintln!("error: the mesh is not stopped: {error:#}");
        }
    }
}

fn start_and_walk(file: &Path, wish: Wish, ending: Ending, format: Format) -> Result<Vec<Figure>> {
    let (folder, state) = up::up(file, wish)?;
    let mut scene = Scene::new(file, folder, state)?;
    if ending == Ending::LiveView {
        return view::run(&scene).map(|()| Vec::new());
    }
    let figures = walk(&mut scene, format)?;
    if format != Format::Table {
        output::print(format, &figures, &[], Vec::new())?;
    }
    Ok(figures)
}

fn walk(scene: &mut Scene, format: Format) -> Result<Vec<Figure>> {
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
        interrupt::check()?;
        note(step(scene)?);
    }
    note(endurance::weights_change_under_load(scene)?);
    note(endurance::long_lived_exchanges(scene)?);
    note(endurance::control_plane_dies(scene)?);
    note(endurance::memory(scene)?);
    Ok(figures)
}
