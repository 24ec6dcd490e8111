use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use ferro_api::Outcome;

use crate::Global;
use crate::output::{Format, print};

#[derive(Args)]
pub(crate) struct Arguments {
    /// A file, a folder (its *.yaml, *.yml and *.json), or `-` for standard input; may be repeated
    #[arg(short, long = "filename", required = true)]
    filename: Vec<PathBuf>,
    /// Check only: say what would happen and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Only if the object still has this resource version (`ferroctl get -o yaml`)
    #[arg(long)]
    resource_version: Option<u64>,
}

pub(crate) fn run(global: &Global, arguments: &Arguments) -> Result<()> {
    let client = global.client()?;
    let mut refused = 0;
    for path in expand(&arguments.filename)? {
        let text = read(&path)?;
        let response = client
            .apply(text, arguments.dry_run, arguments.resource_version)
            .with_context(|| format!("{} was not applied", path.display()))?;
        for line in &response.messages {
            eprintln!("{}: {line}", path.display());
        }
        refused += response.objects.iter().filter(|object| object.outcome == Outcome::Refused).count();
        let rows = response
            .objects
            .iter()
            .map(|object| vec![object.object.clone(), word(object.outcome).to_owned()])
            .collect();
        match global.output {
            Format::Table => {
                let rows: Vec<Vec<String>> = rows;
                rows.iter().for_each(|row| println!("{} {}", row[0], row[1]));
            }
            format => print(format, &response, &[], rows)?,
        }
    }
    if refused > 0 {
        bail!("{refused} object(s) refused; what was in force before stays in force");
    }
    Ok(())
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Created => "created",
        Outcome::Configured => "configured",
        Outcome::Unchanged => "unchanged",
        Outcome::Deleted => "deleted",
        Outcome::Refused => "refused",
        Outcome::Unsupported => "not supported yet",
    }
}

fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let mut inside: Vec<PathBuf> = std::fs::read_dir(path)?.flatten().map(|entry| entry.path()).collect();
            inside.retain(|file| {
                file.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|wanted| end == *wanted))
            });
            inside.sort();
            files.extend(inside);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<String> {
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    }
    Ok(text)
}
