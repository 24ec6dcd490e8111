use anyhow::Result;
use clap::Args;
use ferro_api::Object;

use crate::Global;
use crate::output::{Format, print, print_lines};
use crate::select::{Scope, find, kind_and_name};

#[cfg(test)]
mod tests;

#[derive(Args)]
pub(crate) struct Arguments {
    /// A kind (VirtualService, virtualservices, vs, ...), `kind name...` or `kind/name...`; nothing for every kind
    what: Vec<String>,
    #[command(flatten)]
    scope: Scope,
}

pub(crate) fn run(global: &Global, arguments: &Arguments) -> Result<()> {
    let objects = find(&global.client()?, &arguments.what, &arguments.scope)?;
    if objects.is_empty() {
        let place = arguments
            .scope
            .of(None)
            .map_or_else(String::new, |namespace| format!(" in namespace {namespace}; -A looks in all of them"));
        eprintln!("nothing found{place}");
    }
    match global.output {
        Format::Table if objects.is_empty() => {}
        Format::Yaml => print_lines([documents(&objects)]),
        Format::Name => print_lines(objects.iter().map(|object| kind_and_name(&object.kind, &object.name))),
        format => print(
            format,
            &objects,
            &["KIND", "NAMESPACE", "NAME", "OWNER", "VERSION"],
            objects.iter().map(row).collect(),
        )?,
    }
    Ok(())
}

fn row(object: &Object) -> Vec<String> {
    let version = object.resource_version.to_string();
    [&object.kind, &object.namespace, &object.name, &object.owner, &version].into_iter().cloned().collect()
}

/// The documents as they were given, so that they can be applied again.
fn documents(objects: &[Object]) -> String {
    let document = |object: &Object| {
        format!("# resource version {}, owner {}\n{}", object.resource_version, object.owner, object.text.trim_end())
    };
    objects.iter().map(document).collect::<Vec<_>>().join("\n---\n")
}
