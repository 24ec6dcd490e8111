use anyhow::{Result, bail};
use clap::Args;
use ferro_api::{Object, ProxyStatus};
use serde_json::{Value, json};

use crate::output::{Format, print};
use crate::{Global, get};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The kind, as for `get`
    kind: String,
    /// The name
    name: String,
    /// Only this namespace
    #[arg(short, long)]
    namespace: Option<String>,
}

pub(crate) fn run(global: &Global, arguments: &Arguments) -> Result<()> {
    let client = global.client()?;
    let kind = get::kind(&arguments.kind);
    let objects = client.objects(Some(&kind), arguments.namespace.as_deref(), Some(&arguments.name))?;
    if objects.is_empty() {
        bail!("no {kind} `{}`", arguments.name);
    }
    let (proxies, diagnostics) = (client.proxies()?, client.diagnostics()?);
    for object in &objects {
        let about: Vec<&Value> = diagnostics.iter().filter(|diagnostic| concerns(diagnostic, object)).collect();
        match global.output {
            Format::Table => describe(object, &about, &proxies),
            format => print(format, &json!({ "object": object, "diagnostics": about }), &[], Vec::new())?,
        }
    }
    Ok(())
}

fn concerns(diagnostic: &Value, object: &Object) -> bool {
    let name =
        if object.namespace.is_empty() { object.name.clone() } else { format!("{}/{}", object.namespace, object.name) };
    diagnostic["object"].as_str().is_some_and(|about| about == format!("{} {name}", object.kind))
}

fn describe(object: &Object, diagnostics: &[&Value], proxies: &[ProxyStatus]) {
    let synced = proxies.iter().filter(|proxy| proxy.types.values().all(|status| status.state == "SYNCED")).count();
    println!("{} {}", object.kind, object.name);
    println!("  namespace         {}", object.namespace);
    println!("  owner             {}", object.owner);
    println!("  resource version  {}", object.resource_version);
    println!("  proxies in sync   {synced} of {}", proxies.len());
    if diagnostics.is_empty() {
        println!("  diagnostics       none");
    }
    for diagnostic in diagnostics {
        println!("  {}: {}", text(diagnostic, "severity"), text(diagnostic, "message"));
    }
    println!("\n{}", object.text.trim_end());
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
