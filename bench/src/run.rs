//! The group `run`: a whole mesh on one machine.

mod bytes;
mod convergence;

use std::process::Command;

use anyhow::{Context, Result};
use ferro_api::Figure;

use crate::mesh::{program, top};

/// Everything of the group, printed as it comes.
pub(crate) fn measure() -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let root = fs_owner_is_root();
    let modes: &[&str] = if root { &["loopback", "netns"] } else { &["loopback"] };
    for mode in modes {
        println!("tour, {mode} mode");
        figures.extend(show(tour(mode)?));
    }
    if !root {
        println!("tour, netns mode: skipped, it needs root");
    }
    println!("convergence");
    figures.extend(show(convergence::measure()?));
    println!("bytes");
    figures.extend(show(bytes::measure()?));
    Ok(figures)
}

fn show(figures: Vec<Figure>) -> Vec<Figure> {
    figures.iter().for_each(|figure| println!("{figure}"));
    figures
}

fn tour(mode: &str) -> Result<Vec<Figure>> {
    let mesh = top().join("istio-manifests/samples/shop/mesh.yaml");
    let output = Command::new(program("ferroctl"))
        .args(["-o", "json", "local", "tour", "--once", "--mode", mode, "-f"])
        .arg(mesh)
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("dist/ferroctl does not run: `make build`")?;
    serde_json::from_slice(&output.stdout).context("the tour ended without its figures")
}

/// The owner of this process's own entry in `/proc`.
fn fs_owner_is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
