//! `ferro-bench`: figures against their bounds, one line each; exit status 1 when one is short.

mod mesh;
mod run;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use ferro_api::Figure;

#[derive(Parser)]
#[command(name = "ferro-bench", version, about = "Measured figures of Ferromesh against their bounds")]
struct Cli {
    /// What to measure
    group: Group,
}

#[derive(Clone, Copy, ValueEnum)]
enum Group {
    /// A whole mesh on this machine: the tour, convergence over ten Envoys, bytes of a change, memory
    Run,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match measure(cli.group) {
        Ok(figures) if figures.iter().all(|figure| figure.ok) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(group: Group) -> Result<Vec<Figure>> {
    match group {
        Group::Run => run::measure(),
    }
}
