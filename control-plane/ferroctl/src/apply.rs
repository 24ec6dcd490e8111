use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use ferro_api::{Applied, ApplyResponse, Outcome};

use crate::client::Client;
use crate::{Global, input, outcome};

#[cfg(test)]
mod tests;

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
    let mut all = ApplyResponse::default();
    let mut applied = Ok(());
    for path in input::expand(&arguments.filename)? {
        match apply(&client, arguments, &path) {
            Ok(response) => outcome::add(&mut all, response),
            Err(error) => {
                applied = Err(error);
                break;
            }
        }
    }
    // What went well before a file that did not is told all the same.
    if applied.is_ok() || !all.objects.is_empty() {
        outcome::show(global.output, &all)?;
    }
    applied.and_then(|()| in_force(&all.objects))
}

fn apply(client: &Client, arguments: &Arguments, path: &Path) -> Result<ApplyResponse> {
    let response = client
        .apply(input::read(path)?, arguments.dry_run, arguments.resource_version)
        .with_context(|| format!("{} was not applied", path.display()))?;
    for line in &response.messages {
        eprintln!("{}: {line}", path.display());
    }
    Ok(response)
}

/// An error unless every object is in force: whoever applies a policy relies on it.
fn in_force(objects: &[Applied]) -> Result<()> {
    let with = |outcome: Outcome| {
        let found = objects.iter().filter(move |object| object.outcome == outcome);
        found.map(|object| object.object.as_str()).collect::<Vec<_>>().join(", ")
    };
    let (refused, unsupported) = (with(Outcome::Refused), with(Outcome::Unsupported));
    if !refused.is_empty() {
        bail!("refused, and what was in force before stays in force: {refused}");
    }
    if !unsupported.is_empty() {
        bail!("of a kind that is not supported yet, so that nothing enforces it: {unsupported}");
    }
    Ok(())
}
