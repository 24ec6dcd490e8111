//! Meshes from terse documents.
//!
//! ```ignore
//! let mesh = mesh(&[
//!     service("shop/reviews", "{ports: [{name: http, port: 9080}], selector: {app: reviews}}"),
//!     virtual_service("shop/reviews", "{hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]}"),
//! ]);
//! ```
//! Everything here panics, with the diagnostics, when a document is not accepted: a test that meant something else should see it.

use std::fmt;
use std::sync::Arc;

use ferro_model::mesh::{AddressTable, Labels, Mesh, address};
use ferro_model::{Change, Limits, MeshConfig, Object, ObjectKey, ObjectKind, Timestamp, document};

/// One document under construction; its parts are YAML flow mappings.
#[derive(Clone, Debug)]
pub struct Document {
    key: ObjectKey,
    labels: String,
    annotations: String,
    created: Option<String>,
    body: String,
}

impl Document {
    /// A document of a kind under `namespace/name`.
    pub fn new(kind: ObjectKind, name: &str) -> Self {
        let labels = "{}".to_owned();
        Self { key: key(kind, name), annotations: labels.clone(), labels, created: None, body: "spec: {}".to_owned() }
    }

    /// With these labels: `{app: reviews}`.
    #[must_use]
    pub fn labels(mut self, labels: &str) -> Self {
        labels.clone_into(&mut self.labels);
        self
    }

    /// With these annotations.
    #[must_use]
    pub fn annotations(mut self, annotations: &str) -> Self {
        annotations.clone_into(&mut self.annotations);
        self
    }

    /// Created at this time, RFC 3339. Documents without one are as old as they stand early in their list.
    #[must_use]
    pub fn created(mut self, time: &str) -> Self {
        self.created = Some(time.to_owned());
        self
    }

    /// With this specification.
    #[must_use]
    pub fn spec(mut self, spec: &str) -> Self {
        self.body = format!("spec: {spec}");
        self
    }

    /// With this beside the metadata, for kinds that have more than a specification: `{spec: {}, status: {podIP: 10.0.0.1}}`.
    #[must_use]
    pub fn rest(mut self, mapping: &str) -> Self {
        let inner = mapping.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        inner.expect("a flow mapping").clone_into(&mut self.body);
        self
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ObjectKey { kind, namespace, name } = &self.key;
        let version = kind.api_versions().first().copied().unwrap_or_default();
        write!(f, "{{apiVersion: {version}, kind: {kind}, metadata: {{name: {name}, namespace: '{namespace}'")?;
        write!(f, ", labels: {}, annotations: {}", self.labels, self.annotations)?;
        if let Some(created) = &self.created {
            write!(f, ", creationTimestamp: '{created}'")?;
        }
        write!(f, "}}, {}}}", self.body)
    }
}

/// A key from `namespace/name`.
pub fn key(kind: ObjectKind, name: &str) -> ObjectKey {
    let (namespace, name) = name.split_once('/').expect("namespace/name");
    ObjectKey::new(kind, namespace, name)
}

/// A Service with this specification.
pub fn service(name: &str, spec: &str) -> Document {
    Document::new(ObjectKind::Service, name).spec(spec)
}

/// A ready Pod at an address, with labels such as `{app: reviews, version: v1}`.
pub fn pod(name: &str, labels: &str, ip: &str) -> Document {
    let status = format!("{{podIP: {ip}, conditions: [{{type: Ready, status: 'True'}}]}}");
    Document::new(ObjectKind::Pod, name).labels(labels).rest(&format!("{{spec: {{}}, status: {status}}}"))
}

/// A WorkloadEntry with this specification.
pub fn workload_entry(name: &str, spec: &str) -> Document {
    Document::new(ObjectKind::WorkloadEntry, name).spec(spec)
}

/// A ServiceEntry with this specification.
pub fn service_entry(name: &str, spec: &str) -> Document {
    Document::new(ObjectKind::ServiceEntry, name).spec(spec)
}

/// A VirtualService with this specification.
pub fn virtual_service(name: &str, spec: &str) -> Document {
    Document::new(ObjectKind::VirtualService, name).spec(spec)
}

/// A DestinationRule with this specification.
pub fn destination_rule(name: &str, spec: &str) -> Document {
    Document::new(ObjectKind::DestinationRule, name).spec(spec)
}

/// A Sidecar with this specification.
pub fn sidecar(name: &str, spec: &str) -> Document {
    Document::new(ObjectKind::Sidecar, name).spec(spec)
}

/// A Gateway with this specification.
pub fn gateway(name: &str, spec: &str) -> Document {
    Document::new(ObjectKind::Gateway, name).spec(spec)
}

/// The labels of a flow mapping; the empty text is none.
pub fn labels(mapping: &str) -> Labels {
    let mapping = if mapping.is_empty() { "{}" } else { mapping };
    let changes = changes(&[Document::new(ObjectKind::ServiceAccount, "any/any").labels(mapping)]);
    let applied = changes.into_iter().find_map(|change| match change {
        Change::Applied(object) => Some(object.meta.labels.clone()),
        Change::Deleted(_) => None,
    });
    applied.unwrap_or_default()
}

/// The objects of a text of one or more documents, in order; those without a creation time are as old as they stand early.
pub fn objects_from_yaml(yaml: &str) -> Vec<Arc<Object>> {
    let parsed = document::parse("test", yaml, &Limits::default());
    let errors: Vec<String> =
        parsed.diagnostics.iter().filter(|found| found.is_error()).map(ToString::to_string).collect();
    assert!(
        errors.is_empty() && parsed.unsupported.is_empty(),
        "{}\n{:?}\nin {yaml}",
        errors.join("\n"),
        parsed.unsupported
    );
    let aged = parsed.objects.into_iter().zip(1..).map(|((mut object, _), age)| {
        if !object.meta.has_creation_time() {
            object.meta.created = Timestamp::from_unix_millis(age);
        }
        Arc::new(object)
    });
    aged.collect()
}

/// The changes that put documents into force, one for each.
pub fn changes(documents: &[Document]) -> Vec<Change> {
    let texts: Vec<String> = documents.iter().map(ToString::to_string).collect();
    objects_from_yaml(&texts.join("\n---\n")).into_iter().map(Change::Applied).collect()
}

/// The change that takes `namespace/name` away.
pub fn deleted(kind: ObjectKind, name: &str) -> Change {
    Change::Deleted(key(kind, name))
}

/// The mesh of some documents, under the default configuration and with an address for every service that wants one.
pub fn mesh(documents: &[Document]) -> Mesh {
    addressed(&Mesh::new(Arc::new(MeshConfig::default())).apply(&changes(documents)))
}

/// The mesh of a text of one or more documents, like [`mesh`].
pub fn mesh_from_yaml(yaml: &str) -> Mesh {
    mesh_with_config(MeshConfig::default(), yaml)
}

/// The mesh of a text of one or more documents under a configuration, with an address for every service that wants one.
pub fn mesh_with_config(config: MeshConfig, yaml: &str) -> Mesh {
    let changes: Vec<Change> = objects_from_yaml(yaml).into_iter().map(Change::Applied).collect();
    addressed(&Mesh::new(Arc::new(config)).apply(&changes))
}

fn addressed(mesh: &Mesh) -> Mesh {
    mesh.with_addresses(address::allocate(&AddressTable::default(), mesh.unaddressed().cloned()).table)
}

#[cfg(test)]
mod tests;
