//! What the policies of a mesh say about its workloads: their WorkloadGroups and Services.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ferro_model::document::parse;
use ferro_model::istio::{HttpGetAction, Probe, WorkloadGroup};
use ferro_model::kube::{IntOrString, ServicePort};
use ferro_model::{Limits, Object, Spec};
use serde_json::{Value, json};

use super::mesh_file::Workload;

/// What is known of groups and services.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policies {
    /// By namespace and name.
    pub(crate) groups: BTreeMap<(String, String), Group>,
    services: Vec<Service>,
}

/// The part of a WorkloadGroup that an agent is started with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) service_account: String,
    /// The probe as JSON, in the group's own words.
    pub(crate) probe: Option<String>,
    /// Port and path of a probe by plain HTTP.
    health: Option<(u32, String)>,
}

/// A port of a Service that speaks HTTP.
#[derive(Clone, Debug)]
struct Service {
    namespace: String,
    host: String,
    port: u16,
    /// None if it is named: the number depends on the workload.
    target: Option<u16>,
    selector: BTreeMap<String, String>,
}

/// How to see that an application answers through its sidecar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Inbound {
    /// Its probe's path is answered with success.
    Probe(String),
    /// Any path is answered, by whatever status.
    Http,
    /// A connection stays open.
    Tcp,
}

// === impl Policies ===

impl Policies {
    /// Reads everything below `paths`. What is wrong with a document is ferrod's to report.
    pub(crate) fn load(paths: &[PathBuf]) -> Result<Self> {
        let mut policies = Self::default();
        for path in paths.iter().flat_map(|path| files(path)) {
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            policies.read(&path.display().to_string(), &text);
        }
        Ok(policies)
    }

    pub(super) fn read(&mut self, name: &str, text: &str) {
        for (object, _) in parse(name, text, &Limits::default()).objects {
            let key = (object.key.namespace.to_string(), object.key.name.to_string());
            match &object.spec {
                Spec::WorkloadGroup(spec) => {
                    self.groups.insert(key, group(&object, spec));
                }
                Spec::Service(spec) => {
                    let spec = spec.spec.iter().filter(|spec| !spec.selector.is_empty());
                    let ports = spec.flat_map(|spec| spec.ports.iter().map(|port| (port, &spec.selector)));
                    let http = ports.filter(|(port, _)| speaks_http(port));
                    self.services.extend(http.map(|(port, selector)| service(&key, port, selector.clone())));
                }
                _ => {}
            }
        }
    }

    /// How to see that a workload of this group answers.
    pub(crate) fn inbound(&self, group: &Group, workload: &Workload) -> Inbound {
        match group.health_path(workload.port) {
            Some(path) => Inbound::Probe(path.to_owned()),
            None if self.service(group, workload).is_some() => Inbound::Http,
            None => Inbound::Tcp,
        }
    }

    /// Where others of the mesh call a workload by HTTP, if they do.
    pub(crate) fn url(&self, group: &Group, workload: &Workload) -> Option<String> {
        let Service { host, port, .. } = self.service(group, workload)?;
        Some(format!("http://{host}:{port}{}", group.health_path(workload.port).unwrap_or("/")))
    }

    fn service(&self, group: &Group, workload: &Workload) -> Option<&Service> {
        self.services.iter().find(|service| {
            service.namespace == workload.namespace
                && service.target.is_none_or(|target| target == workload.port)
                && service.selector.iter().all(|(key, value)| group.labels.get(key) == Some(value))
        })
    }
}

impl Group {
    fn health_path(&self, port: u16) -> Option<&str> {
        self.health.as_ref().filter(|(probed, _)| *probed == u32::from(port)).map(|(_, path)| path.as_str())
    }
}

/// The files that ferrod reads: not those of editors and of git, which are hidden.
fn files(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else { return vec![path.to_path_buf()] };
    let shown = entries.flatten().filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    let mut inside: Vec<PathBuf> = shown.flat_map(|entry| files(&entry.path())).collect();
    inside
        .retain(|file| file.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|policy| end == *policy)));
    inside
}

fn service((namespace, name): &(String, String), port: &ServicePort, selector: BTreeMap<String, String>) -> Service {
    let target = match &port.target_port {
        None => Some(port.port),
        Some(IntOrString::Int(number)) => Some(*number),
        Some(IntOrString::String(_)) => None,
    };
    let host = format!("{name}.{namespace}.svc.cluster.local");
    Service { namespace: namespace.clone(), host, port: port.port, target, selector }
}

/// By its application protocol, else by its name. gRPC answers no plain GET, and of others nothing is known.
fn speaks_http(port: &ServicePort) -> bool {
    let protocol = port.app_protocol.as_deref().or_else(|| port.name.as_deref()?.split('-').next());
    protocol.is_some_and(|protocol| ["http", "http2"].iter().any(|http| protocol.eq_ignore_ascii_case(http)))
}

fn group(object: &Object, group: &WorkloadGroup) -> Group {
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
        health: group.probe.as_ref().and_then(|probe| health(probe.http_get.as_ref()?)),
    }
}

/// Of a probe that anybody can make: some need a host, headers or TLS.
fn health(get: &HttpGetAction) -> Option<(u32, String)> {
    let plain = get.scheme.as_deref().is_none_or(|scheme| scheme.eq_ignore_ascii_case("http"));
    let path = get.path.as_deref().unwrap_or("/").trim_start_matches('/');
    (plain && get.host.is_none() && get.http_headers.is_empty()).then(|| (get.port, format!("/{path}")))
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

#[cfg(test)]
mod tests;
