//! Meshes from terse documents. Documents without a creation time are as old as they stand early in the list.

use std::fmt;
use std::sync::Arc;

use crate::Limits;
use crate::document;
use crate::mesh::{Labels, Mesh, Service};
use crate::mesh_config::MeshConfig;
use crate::object::{Change, Object, ObjectKey, ObjectKind, Timestamp};

/// One document; its parts are YAML flow mappings.
#[derive(Clone)]
pub(super) struct Doc {
    kind: ObjectKind,
    namespace: String,
    name: String,
    labels: String,
    annotations: String,
    metadata: String,
    body: String,
}

impl Doc {
    /// A document of a kind under `namespace/name`.
    pub(super) fn new(kind: &str, name: &str) -> Self {
        let key = key(kind, name);
        Self {
            kind: key.kind,
            namespace: key.namespace.to_string(),
            name: key.name.to_string(),
            labels: "{}".into(),
            annotations: "{}".into(),
            metadata: String::new(),
            body: String::new(),
        }
    }

    pub(super) fn labels(mut self, labels: &str) -> Self {
        self.labels = labels.into();
        self
    }

    pub(super) fn annotations(mut self, annotations: &str) -> Self {
        self.annotations = annotations.into();
        self
    }

    pub(super) fn created(self, time: &str) -> Self {
        self.metadata(&format!("creationTimestamp: '{time}'"))
    }

    /// The key of its object.
    pub(super) fn key(&self) -> ObjectKey {
        ObjectKey::new(self.kind, self.namespace.as_str(), self.name.as_str())
    }

    /// One more `key: value` of the metadata.
    pub(super) fn metadata(mut self, entry: &str) -> Self {
        self.metadata = entry.into();
        self
    }

    pub(super) fn spec(self, spec: &str) -> Self {
        let rest = format!("{{spec: {spec}}}");
        self.rest(&rest)
    }

    /// Everything besides the metadata, as one mapping.
    pub(super) fn rest(mut self, mapping: &str) -> Self {
        let inner = mapping.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        self.body = inner.expect("a flow mapping").into();
        self
    }
}

impl fmt::Display for Doc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.kind.api_versions()[0];
        let separator = if self.metadata.is_empty() { "" } else { ", " };
        write!(
            f,
            "{{apiVersion: {version}, kind: {}, metadata: {{namespace: {}, name: {}, labels: {}, annotations: {}{separator}{}}}, {}}}",
            self.kind, self.namespace, self.name, self.labels, self.annotations, self.metadata, self.body
        )
    }
}

pub(super) fn service(name: &str, spec: &str) -> Doc {
    Doc::new("Service", name).spec(spec)
}

pub(super) fn service_entry(name: &str, spec: &str) -> Doc {
    Doc::new("ServiceEntry", name).spec(spec)
}

pub(super) fn virtual_service(name: &str, spec: &str) -> Doc {
    Doc::new("VirtualService", name).spec(spec)
}

pub(super) fn destination_rule(name: &str, spec: &str) -> Doc {
    Doc::new("DestinationRule", name).spec(spec)
}

pub(super) fn sidecar(name: &str, spec: &str) -> Doc {
    Doc::new("Sidecar", name).spec(spec)
}

/// The key of `namespace/name`.
pub(super) fn key(kind: &str, name: &str) -> ObjectKey {
    let (namespace, name) = name.split_once('/').expect("namespace/name");
    ObjectKey::new(kind.parse().expect("a kind"), namespace, name)
}

/// The mesh of these documents.
pub(super) fn mesh(documents: &[Doc]) -> Mesh {
    Mesh::new(Arc::new(MeshConfig::default())).apply(&changes(documents))
}

/// The changes that put these documents into force.
pub(super) fn changes(documents: &[Doc]) -> Vec<Change> {
    documents.iter().zip(1..).map(|(document, age)| Change::Applied(Arc::new(object(document, age)))).collect()
}

pub(super) fn deleted(kind: &str, name: &str) -> Change {
    Change::Deleted(key(kind, name))
}

fn object(document: &Doc, age: u64) -> Object {
    let text = document.to_string();
    let parsed = document::parse("test", &text, &Limits::default());
    let errors: Vec<String> =
        parsed.diagnostics.iter().filter(|found| found.is_error()).map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{text}\n{}", errors.join("\n"));
    let (mut object, _) = parsed.objects.into_iter().next().expect("one object");
    if !object.meta.has_creation_time() {
        object.meta.created = Timestamp::from_unix_millis(age);
    }
    object
}

/// Reads a flow mapping of labels; the empty text is none.
pub(super) fn labels(mapping: &str) -> Labels {
    let pod = Doc::new("Pod", "any/any").labels(if mapping.is_empty() { "{}" } else { mapping }).rest("{spec: {}}");
    object(&pod, 1).meta.labels
}

pub(super) fn hosts<'a>(
    services: impl IntoIterator<Item = impl std::borrow::Borrow<Arc<Service>> + 'a>,
) -> Vec<String> {
    services.into_iter().map(|service| service.borrow().host.to_string()).collect()
}

/// Endpoints of a host as `address:port` of its first port.
pub(super) fn addresses(mesh: &Mesh, host: &str) -> Vec<String> {
    let service = mesh.services().find(|service| &*service.host == host).expect("the service");
    let endpoints = mesh.endpoints(service);
    endpoints.iter().map(|endpoint| format!("{}:{}", endpoint.address, endpoint.ports[0].1)).collect()
}
