//! `ferroctl local`: a whole mesh as processes of this machine.

mod down;
mod groups;
mod interrupt;
mod mesh_file;
mod netns;
pub(crate) mod plan;
mod process;
pub(crate) mod request;
pub(crate) mod state;
mod status;
mod tour;
mod up;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand};

use mesh_file::MeshFile;
use plan::Mode;

use crate::output::Format;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Start what is not running yet; ready only when traffic passes
    Up(Start),
    /// Drain and stop everything
    Down {
        #[command(flatten)]
        mesh: Mesh,
        /// After a crash: also remove namespaces, links and rules nobody recorded
        #[arg(long)]
        force: bool,
    },
    /// What runs and whether it is ready
    Status(Mesh),
    /// The sample shop: a live view, or with --once a scripted tour that checks every figure
    Tour {
        #[command(flatten)]
        start: Start,
        /// Walk the script and stop
        #[arg(long)]
        once: bool,
    },
    /// One request from where this process runs (used inside network namespaces)
    #[command(hide = true)]
    Request { method: request::Method, url: String },
}

/// Which mesh.
#[derive(Args)]
pub(crate) struct Mesh {
    /// The mesh file
    #[arg(short, long, default_value = "mesh.yaml")]
    file: PathBuf,
}

/// Which mesh, and how to run it.
#[derive(Args)]
pub(crate) struct Start {
    #[command(flatten)]
    mesh: Mesh,
    /// How workloads are kept apart
    #[arg(long, value_enum, default_value = "loopback")]
    mode: Mode,
    /// The second octet of every address, so that several meshes run side by side
    #[arg(long, default_value_t = 77)]
    range: u8,
}

impl Mesh {
    fn folder(&self) -> Result<PathBuf> {
        Ok(state::root().join(MeshFile::load(&self.file)?.name()))
    }
}

pub(crate) fn run(arguments: Arguments, format: Format) -> Result<()> {
    match arguments.verb {
        Verb::Up(start) => up::up(&start.mesh.file, start.mode, [127, start.range])
            .and_then(|(folder, state)| status::print(&folder, &state)),
        Verb::Down { mesh, force } => down::down(&mesh.folder()?, force),
        Verb::Status(mesh) => status(&mesh.folder()?),
        Verb::Tour { start, once } => {
            let ending = if once { tour::Ending::Once } else { tour::Ending::LiveView };
            tour::run(&start.mesh.file, start.mode, [127, start.range], ending, format)
        }
        Verb::Request { method, url } => request::send(method, &url).map(|body| print!("{body}")),
    }
}

fn status(folder: &Path) -> Result<()> {
    match state::State::load(folder)? {
        Some(state) => status::print(folder, &state),
        None => {
            println!("not running; `ferroctl local up -f mesh.yaml` starts it");
            Ok(())
        }
    }
}
