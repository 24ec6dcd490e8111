//! What the WorkloadGroups of a mesh's policies say about its workloads.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ferro_model::document::parse;
use ferro_model::istio::{Probe, WorkloadGroup};
use ferro_model::{Limits, Object, Spec};
use serde_json::{Value, json};

/// Groups by namespace and name.
pub(crate) type Groups = BTreeMap<(String, String), Group>;

/// The part of a WorkloadGroup that an agent is started with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) service_account: String,
    /// The probe as JSON, in the group's own words.
    pub(crate) probe: Option<String>,
}

/// Reads every WorkloadGroup below `paths`. What is wrong with other documents is ferrod's to report.
pub(crate) fn load(paths: &[PathBuf]) -> Result<Groups> {
    let mut groups = Groups::new();
    for path in paths.iter().flat_map(|path| files(path)) {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for (object, _) in parse(&path.display().to_string(), &text, &Limits::default()).objects {
            if let Spec::WorkloadGroup(group) = &object.spec {
                groups.insert((object.key.namespace.to_string(), object.key.name.to_string()), of(&object, group));
            }
        }
    }
    Ok(groups)
}

fn files(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else { return vec![path.to_path_buf()] };
    let mut inside: Vec<PathBuf> = entries.flatten().flat_map(|entry| files(&entry.path())).collect();
    inside.retain(|file| file.extension().is_some_and(|end| end == "yaml" || end == "yml"));
    inside
}

fn of(object: &Object, group: &WorkloadGroup) -> Group {
    let template = group.template.as_ref();
    let mut labels = template.map(|template| template.labels.clone()).unwrap_or_default();
    labels.extend(group.metadata.iter().flat_map(|meta| meta.labels.clone()));
    labels.entry("app".to_owned()).or_insert_with(|| object.key.name.to_string());
    Group {
        labels,
        service_account: template
            .and_then(|template| template.service_account.clone())
            .unwrap_or_else(|| "default".to_owned()),
        probe: group.probe.as_ref().map(|probe| probe_json(probe).to_string()),
    }
}

/// The probe in the words of the document, absent fields left out.
fn probe_json(probe: &Probe) -> Value {
    let numbers = [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ];
    let mut fields: serde_json::Map<String, Value> =
        numbers.into_iter().filter_map(|(name, number)| Some((name.to_owned(), json!(number?)))).collect();
    if let Some(http) = &probe.http_get {
        let headers: Vec<Value> =
            http.http_headers.iter().map(|header| json!({ "name": header.name, "value": header.value })).collect();
        let get = json!({ "path": http.path, "port": http.port, "host": http.host, "scheme": http.scheme, "httpHeaders": headers });
        fields.insert("httpGet".to_owned(), without_nulls(get));
    }
    if let Some(tcp) = &probe.tcp_socket {
        fields.insert("tcpSocket".to_owned(), without_nulls(json!({ "port": tcp.port, "host": tcp.host })));
    }
    if let Some(exec) = &probe.exec {
        fields.insert("exec".to_owned(), json!({ "command": exec.command }));
    }
    Value::Object(fields)
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        other => other,
    }
}
