use anyhow::{Result, bail};
use clap::Args;
use ferro_api::Object;

use crate::Global;
use crate::output::{Format, print};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The kind, singular or plural, any case, or its usual short form: vs, dr, se, we, wg, svc, eps, ns, sa, gw
    kind: Option<String>,
    /// The name of one object
    name: Option<String>,
    /// Only this namespace
    #[arg(short, long)]
    namespace: Option<String>,
}

pub(crate) fn run(global: &Global, arguments: &Arguments) -> Result<()> {
    let kind = arguments.kind.as_deref().map(kind);
    let objects =
        global.client()?.objects(kind.as_deref(), arguments.namespace.as_deref(), arguments.name.as_deref())?;
    if let (Some(name), true) = (&arguments.name, objects.is_empty()) {
        bail!(
            "no {} `{name}`; `ferroctl get {}` lists what there is",
            kind.as_deref().unwrap_or("object"),
            arguments.kind.as_deref().unwrap_or("")
        );
    }
    match (&arguments.name, global.output) {
        // One object in YAML is the document itself, as it was given.
        (Some(_), Format::Yaml) => {
            for object in &objects {
                println!(
                    "# resource version {}, owner {}\n{}",
                    object.resource_version,
                    object.owner,
                    object.text.trim_end()
                );
            }
            Ok(())
        }
        (_, format) => print(
            format,
            &objects,
            &["KIND", "NAMESPACE", "NAME", "OWNER", "VERSION"],
            objects.iter().map(row).collect(),
        ),
    }
}

fn row(object: &Object) -> Vec<String> {
    let version = object.resource_version.to_string();
    [&object.kind, &object.namespace, &object.name, &object.owner, &version].into_iter().cloned().collect()
}

/// The kind a user means, as the API spells it.
pub(crate) fn kind(word: &str) -> String {
    const KINDS: [(&str, &[&str]); 14] = [
        ("Service", &["svc", "services"]),
        ("EndpointSlice", &["eps", "endpointslices"]),
        ("Endpoints", &["ep"]),
        ("Pod", &["po", "pods"]),
        ("Deployment", &["deploy", "deployments"]),
        ("Namespace", &["ns", "namespaces"]),
        ("ServiceAccount", &["sa", "serviceaccounts"]),
        ("VirtualService", &["vs", "virtualservices"]),
        ("DestinationRule", &["dr", "destinationrules"]),
        ("ServiceEntry", &["se", "serviceentries"]),
        ("WorkloadEntry", &["we", "workloadentries"]),
        ("WorkloadGroup", &["wg", "workloadgroups"]),
        ("Sidecar", &["sidecars"]),
        ("Gateway", &["gw", "gateways"]),
    ];
    let lower = word.to_ascii_lowercase();
    let found =
        KINDS.iter().find(|(kind, short)| kind.to_ascii_lowercase() == lower || short.contains(&lower.as_str()));
    found.map_or_else(|| word.to_owned(), |(kind, _)| (*kind).to_owned())
}
