use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use ferro_api::ApplyResponse;
use ferro_model::document::parse;
use ferro_model::{Limits, ObjectKey};

use crate::client::Client;
use crate::select::{absent, wanted};
use crate::{Global, input, outcome};

#[derive(Args)]
pub(crate) struct Arguments {
    /// `kind name...` or `kind/name...`, as for `get`
    #[arg(required_unless_present = "filename", conflicts_with = "filename")]
    what: Vec<String>,
    /// Every object of a file, a folder, or standard input (`-`); may be repeated
    #[arg(short, long = "filename")]
    filename: Vec<PathBuf>,
    /// The namespace of the objects named; those of a file say theirs
    #[arg(short, long, default_value = "default", conflicts_with = "filename")]
    namespace: String,
    /// Only if the object still has this resource version
    #[arg(long)]
    resource_version: Option<u64>,
}

pub(crate) fn run(global: &Global, arguments: &Arguments) -> Result<()> {
    let keys = if arguments.filename.is_empty() { named(arguments)? } else { in_files(&arguments.filename)? };
    if keys.len() > 1 && arguments.resource_version.is_some() {
        bail!("--resource-version is of one object, and these are {}", keys.len());
    }
    let client = global.client()?;
    let mut all = ApplyResponse::default();
    let mut failures = Vec::new();
    for key in &keys {
        match delete(&client, key, arguments.resource_version) {
            Ok(response) => outcome::add(&mut all, response),
            Err(error) => failures.push(format!("{error:#}")),
        }
    }
    if failures.is_empty() || !all.objects.is_empty() {
        outcome::show(global.output, &all)?;
    }
    if !failures.is_empty() {
        bail!("{}", failures.join("\nerror: "));
    }
    Ok(())
}

fn named(arguments: &Arguments) -> Result<Vec<ObjectKey>> {
    let keys = wanted(&arguments.what)?.into_iter().map(|wanted| {
        let kind = wanted.kind;
        let name = wanted.name.with_context(|| format!("which {kind}? write `ferroctl delete {kind} NAME`"))?;
        let namespace = if kind.namespaced() { arguments.namespace.as_str() } else { "" };
        Ok(ObjectKey::new(kind, namespace, name))
    });
    keys.collect()
}

/// The objects of files, if each can be told: part of a file is not what was asked for.
fn in_files(paths: &[PathBuf]) -> Result<Vec<ObjectKey>> {
    let mut keys = Vec::new();
    for path in input::expand(paths)? {
        let parsed = parse(&path.display().to_string(), &input::read(&path)?, &Limits::default());
        let errors = parsed.diagnostics.iter().filter(|found| found.is_error()).map(ToString::to_string);
        let unsupported = parsed.unsupported.iter().map(|document| {
            format!("{}: {} {} is of a kind that is not supported yet", document.location, document.kind, document.name)
        });
        let wrong: Vec<String> = errors.chain(unsupported).collect();
        if !wrong.is_empty() {
            bail!("nothing was deleted:\n  {}", wrong.join("\n  "));
        }
        keys.extend(parsed.objects.into_iter().map(|(object, _)| object.key));
    }
    Ok(keys)
}

fn delete(client: &Client, key: &ObjectKey, resource_version: Option<u64>) -> Result<ApplyResponse> {
    let (kind, namespace) = (key.kind.as_str(), &*key.namespace);
    let filter = Some(namespace).filter(|namespace| !namespace.is_empty());
    if client.objects(Some(kind), filter, Some(&key.name))?.is_empty() {
        return Err(absent(client, key.kind, filter, &key.name)?);
    }
    client.delete(kind, namespace, &key.name, resource_version)
}
