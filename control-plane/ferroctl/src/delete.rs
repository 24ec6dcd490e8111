use anyhow::Result;
use clap::Args;

use crate::{Global, get};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The kind, as for `get`
    kind: String,
    /// The name
    name: String,
    /// The namespace
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// Only if the object still has this resource version
    #[arg(long)]
    resource_version: Option<u64>,
}

pub(crate) fn run(global: &Global, arguments: &Arguments) -> Result<()> {
    let kind = get::kind(&arguments.kind);
    let namespace = if kind == "Namespace" { "" } else { &arguments.namespace };
    let response = global.client()?.delete(&kind, namespace, &arguments.name, arguments.resource_version)?;
    response.objects.iter().for_each(|object| println!("{} deleted", object.object));
    Ok(())
}
