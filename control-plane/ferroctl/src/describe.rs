use anyhow::Result;
use clap::Args;
use ferro_api::{Object, ProxyStatus};
use serde_json::{Value, json};

use crate::Global;
use crate::output::{Format, print, print_lines};
use crate::select::{Scope, find, kind_and_name};

#[cfg(test)]
mod tests;

#[derive(Args)]
pub(crate) struct Arguments {
    /// `kind`, `kind name...` or `kind/name...`, as for `get`
    #[arg(required = true)]
    what: Vec<String>,
    #[command(flatten)]
    scope: Scope,
}

pub(crate) fn run(global: &Global, arguments: &Arguments) -> Result<()> {
    let client = global.client()?;
    let objects = find(&client, &arguments.what, &arguments.scope)?;
    let (proxies, diagnostics) = (client.proxies()?, client.diagnostics()?);
    let about = |object: &Object| -> Vec<&Value> {
        diagnostics.iter().filter(|diagnostic| concerns(diagnostic, object)).collect()
    };
    match global.output {
        Format::Table => {
            let texts: Vec<String> = objects.iter().map(|object| text(object, &about(object), &proxies)).collect();
            print_lines([texts.join("\n\n")]);
            Ok(())
        }
        Format::Name => {
            print_lines(objects.iter().map(|object| kind_and_name(&object.kind, &object.name)));
            Ok(())
        }
        format => {
            let late = late(&proxies);
            let sync = json!({ "connected": proxies.len(), "notInSync": late });
            let value = |object| json!({ "object": object, "diagnostics": about(object), "proxies": sync });
            print(format, &objects.iter().map(value).collect::<Vec<_>>(), &[], Vec::new())
        }
    }
}

fn concerns(diagnostic: &Value, object: &Object) -> bool {
    let name =
        if object.namespace.is_empty() { object.name.clone() } else { format!("{}/{}", object.namespace, object.name) };
    diagnostic["object"].as_str().is_some_and(|about| about == format!("{} {name}", object.kind))
}

/// The proxies that have not acknowledged everything they are to have.
fn late(proxies: &[ProxyStatus]) -> Vec<&str> {
    let late = proxies.iter().filter(|proxy| proxy.types.values().any(|status| status.state != "SYNCED"));
    late.map(|proxy| proxy.name.as_str()).collect()
}

fn text(object: &Object, diagnostics: &[&Value], proxies: &[ProxyStatus]) -> String {
    let late = late(proxies);
    let mut sync = format!("{} of {}", proxies.len() - late.len(), proxies.len());
    if !late.is_empty() {
        sync = format!("{sync}, not {}", late.join(", "));
    }
    let mut lines = vec![
        format!("{} {}", object.kind, object.name),
        format!("  namespace         {}", object.namespace),
        format!("  owner             {}", object.owner),
        format!("  resource version  {}", object.resource_version),
        format!("  proxies in sync   {sync}"),
    ];
    if diagnostics.is_empty() {
        lines.push("  diagnostics       none".to_owned());
    }
    lines.extend(diagnostics.iter().map(|diagnostic| format!("  {}", finding(diagnostic))));
    lines.push(String::new());
    lines.push(object.text.trim_end().to_owned());
    lines.join("\n")
}

/// `error: file:line:column field: message`, without what is not known of it.
fn finding(diagnostic: &Value) -> String {
    let text = |key: &str| diagnostic[key].as_str().unwrap_or_default();
    let number = |key: &str| diagnostic[key].as_u64().filter(|number| *number > 0);
    let numbers = ["line", "column"].into_iter().map_while(number).map(|number| format!(":{number}"));
    let place = text("file").to_owned() + &numbers.collect::<String>();
    let words = [place.as_str(), text("field")].into_iter().filter(|word| !word.is_empty());
    let whereabouts = words.collect::<Vec<_>>().join(" ");
    let parts = [text("severity"), &whereabouts, text("message")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
}
