//! `ferroctl local`: a whole mesh as processes of this machine.

mod down;
mod interrupt;
mod mesh_file;
mod netns;
pub(crate) mod plan;
mod policies;
mod process;
mod procfs;
mod ready;
pub(crate) mod request;
mod resolver;
pub(crate) mod state;
mod status;
mod tour;
mod up;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};

use mesh_file::MeshFile;
use plan::Mode;
use up::Wish;

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
        /// Without a record, as after a crash: find this mesh's processes, namespaces and links by its name
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
    /// Give up on a process or a sidecar that is not ready after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
}

impl Mesh {
    fn folder(&self) -> Result<PathBuf> {
        Ok(MeshFile::load(&self.file)?.state_folder())
    }
}

impl Start {
    fn wish(&self) -> Wish {
        Wish { mode: self.mode, range: self.range, within: Duration::from_secs(self.timeout) }
    }
}

pub(crate) fn run(arguments: Arguments, format: Format) -> Result<()> {
    match arguments.verb {
        Verb::Up(start) => {
            let (folder, state) = up::up(&start.mesh.file, start.wish())?;
            status::print(&folder, &state, format)
        }
        Verb::Down { mesh, force } => down::down(&mesh.folder()?, force),
        Verb::Status(mesh) => status(&mesh.folder()?, format),
        Verb::Tour { start, once } => {
            let ending = if once { tour::Ending::Once } else { tour::Ending::LiveView };
            tour::run(&start.mesh.file, start.wish(), ending, format)
        }
        Verb::Request { method, url } => {
            let answer = request::exchange(request::Way::Direct, method, &url)?;
            println!("{}", serde_json::to_string(&answer)?);
            Ok(())
        }
    }
}

fn status(folder: &Path, format: Format) -> Result<()> {
    match state::State::load(folder)? {
        Some(state) => status::print(folder, &state, format),
        None => status::print_nothing(format),
    }
}
