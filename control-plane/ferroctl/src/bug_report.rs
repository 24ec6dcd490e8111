use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use crate::Global;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder to write; it must not exist yet
    #[arg(long, default_value = "ferromesh-bug-report")]
    folder: PathBuf,
}

pub(crate) fn run(global: &Global, arguments: &Arguments) -> Result<()> {
    let folder = &arguments.folder;
    fs::create_dir(folder)
        .with_context(|| format!("cannot make the folder {}; give another with --folder", folder.display()))?;
    let client = global.client()?;
    save(folder, "version.json", client.version());
    save(folder, "proxies.json", client.proxies());
    save(folder, "revisions.json", client.revisions());
    save(folder, "diagnostics.json", client.diagnostics());
    save(folder, "objects.json", client.objects(None, None, None));
    for proxy in client.proxies().unwrap_or_default() {
        save(folder, &format!("config-{}.json", proxy.name), client.config_dump(&proxy.id));
    }
    if let Some((state_folder, state)) = global.local_mesh() {
        save(folder, "local-mesh.json", Ok(&state));
        copy_logs(&state_folder.join("logs"), folder)?;
    }
    println!(
        "written to {}; it holds policy, addresses and logs, no keys: read it before you pass it on",
        folder.display()
    );
    Ok(())
}

/// What cannot be had is told in the report instead of ending it.
fn save<T: Serialize>(folder: &Path, name: &str, value: Result<T>) {
    let text = match value.and_then(|value| Ok(serde_json::to_string_pretty(&value)?)) {
        Ok(text) => text,
        Err(error) => format!("not available: {error:#}"),
    };
    if let Err(error) = fs::write(folder.join(name), text) {
        eprintln!("{name}: {error}");
    }
}

fn copy_logs(logs: &Path, folder: &Path) -> Result<()> {
    for entry in fs::read_dir(logs)?.flatten() {
        fs::copy(entry.path(), folder.join(entry.file_name()))?;
    }
    Ok(())
}
