//! The WorkloadEntry of a registered workload: its group's template with what the agent said.

use std::collections::BTreeMap;

use ferro_model::document;
use ferro_model::istio::{WorkloadGroup, WorkloadTemplate};
use ferro_model::{Limits, Object, Spec};
use serde_json::json;

use crate::registration::{Announcement, Health};

/// Istio's annotation on entries that registered themselves.
const GROUP_ANNOTATION: &str = "istio.io/autoRegistrationGroup";

/// The template and what the agent said do not make a valid entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the WorkloadGroup's template does not make a valid WorkloadEntry: {0}")]
pub struct InvalidEntry(String);

/// Builds the entry.
///
/// # Errors
/// The result would be refused as a document.
pub fn entry(group: &WorkloadGroup, said: &Announcement, health: &Health) -> Result<Object, InvalidEntry> {
    let template = group.template.clone().unwrap_or_default();
    let metadata = group.metadata.clone().unwrap_or_default();
    let mut annotations = metadata.annotations;
    annotations.insert(GROUP_ANNOTATION.to_owned(), said.group.to_string());
    let document = json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "WorkloadEntry",
        "metadata": {
            "name": said.entry().name,
            "namespace": said.namespace,
            "labels": labels(&template, &metadata.labels, &said.labels),
            "annotations": annotations,
        },
        "spec": spec(&template, said),
        "status": { "conditions": [condition(health)] },
    });
    let parsed = document::parse("registration", &document.to_string(), &Limits::default());
    match parsed.objects.into_iter().next() {
        Some((object, _)) => Ok(object),
        None => Err(InvalidEntry(parsed.diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))),
    }
}

fn labels(
    template: &WorkloadTemplate,
    metadata: &BTreeMap<String, String>,
    said: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let all = template.labels.iter().chain(metadata).chain(said);
    all.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn spec(template: &WorkloadTemplate, said: &Announcement) -> serde_json::Value {
    let mut spec = json!({ "address": said.address, "ports": template.ports, "labels": template.labels });
    let locality = said.locality.clone().or_else(|| template.locality.clone());
    let optional = [
        ("network", template.network.clone().map(Into::into)),
        ("locality", locality.map(Into::into)),
        ("weight", template.weight.map(Into::into)),
        ("serviceAccount", template.service_account.clone().map(serde_json::Value::from)),
    ];
    if let Some(fields) = spec.as_object_mut() {
        fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    spec
}

fn condition(health: &Health) -> serde_json::Value {
    let (status, message) = match health {
        Health::Healthy => ("True", String::new()),
        Health::Unhealthy(reason) => ("False", reason.clone()),
        Health::Unknown => ("Unknown", "the probe has no result yet".to_owned()),
    };
    json!({ "type": "Healthy", "status": status, "message": message })
}

/// The health that an entry says, in the words of [`condition`].
pub fn health(object: &Object) -> Health {
    let Spec::WorkloadEntry(entry) = &object.spec else { return Health::Unknown };
    let condition = entry.conditions.iter().find(|condition| condition.type_.as_deref() == Some("Healthy"));
    match condition.map(|condition| (condition.status.as_deref(), condition.message.clone())) {
        None | Some((Some("True"), _)) => Health::Healthy,
        Some((Some("False"), reason)) => Health::Unhealthy(reason.unwrap_or_default()),
        Some(_) => Health::Unknown,
    }
}

#[cfg(test)]
mod tests;
