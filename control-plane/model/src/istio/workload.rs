use std::collections::BTreeMap;

use crate::context::Context;
use crate::fields::{field, fields, unknown_fields};
use crate::node::Node;

fields! {
    /// One workload outside of Kubernetes (istio-coverage.md §1.6).
    pub struct WorkloadEntry {
        /// An IP address, a name, or `unix://` and a path.
        address: Option<String> = "address",
        /// Port numbers by service port name.
        ports: BTreeMap<String, u32> = "ports",
        /// Labels, under those of the metadata.
        labels: BTreeMap<String, String> = "labels",
        /// The network it is reached through.
        network: Option<String> = "network",
        /// `region/zone/subzone`.
        locality: Option<String> = "locality",
        /// Its share.
        weight: Option<u32> = "weight",
        /// Its identity.
        service_account: Option<String> = "serviceAccount",
    }
    unread {
        /// From `status.conditions` of the document, for entries that were registered.
        conditions: Vec<HealthCondition>,
    }

    /// One condition of a status.
    pub struct HealthCondition {
        /// `Healthy` is the one a mesh reads.
        type_: Option<String> = "type",
        /// `True`, `False` or `Unknown`.
        status: Option<String> = "status",
        /// Why.
        message: Option<String> = "message",
    }
    ignored ["reason", "lastProbeTime", "lastTransitionTime", "observedGeneration"]

    /// The template of workloads that register themselves.
    pub struct WorkloadGroup {
        /// Labels and annotations of each entry.
        metadata: Option<ObjectTemplate> = "metadata",
        /// The entry without its address.
        template: Option<WorkloadTemplate> = "template",
        /// How the agent finds out whether the application lives.
        probe: Option<Probe> = "probe",
    }

    /// Labels and annotations of entries to be.
    pub struct ObjectTemplate {
        /// Labels.
        labels: BTreeMap<String, String> = "labels",
        /// Annotations.
        annotations: BTreeMap<String, String> = "annotations",
    }

    /// A WorkloadEntry without address.
    pub struct WorkloadTemplate {
        /// Not allowed here; the agent brings it.
        address: Option<String> = "address",
        /// Port numbers by service port name.
        ports: BTreeMap<String, u32> = "ports",
        /// Labels.
        labels: BTreeMap<String, String> = "labels",
        /// The network it is reached through.
        network: Option<String> = "network",
        /// `region/zone/subzone`.
        locality: Option<String> = "locality",
        /// Its share.
        weight: Option<u32> = "weight",
        /// Its identity.
        service_account: Option<String> = "serviceAccount",
    }

    /// A check of the application.
    pub struct Probe {
        /// Seconds before the first; 0 if not given.
        initial_delay_seconds: Option<i32> = "initialDelaySeconds",
        /// Seconds one may take; 1 if not given.
        timeout_seconds: Option<i32> = "timeoutSeconds",
        /// Seconds between them; 10 if not given.
        period_seconds: Option<i32> = "periodSeconds",
        /// In a row; 1 if not given.
        success_threshold: Option<i32> = "successThreshold",
        /// In a row; 1 if not given.
        failure_threshold: Option<i32> = "failureThreshold",
        /// By HTTP.
        http_get: Option<HttpGetAction> = "httpGet",
        /// By connecting.
        tcp_socket: Option<TcpSocketAction> = "tcpSocket",
        /// By a program's exit status.
        exec: Option<ExecAction> = "exec",
        /// By gRPC; refused, as in Istio.
        grpc: Option<GrpcAction> = "grpc",
    }

    /// A check by HTTP.
    pub struct HttpGetAction {
        /// `/` if not given.
        path: Option<String> = "path",
        /// The port.
        port: u32 = "port",
        /// The application's own if not given.
        host: Option<String> = "host",
        /// `HTTP` or `HTTPS`.
        scheme: Option<String> = "scheme",
        /// Headers to send.
        http_headers: Vec<HttpHeader> = "httpHeaders",
    }

    /// A header.
    pub struct HttpHeader {
        /// Its name.
        name: String = "name",
        /// Its value.
        value: Option<String> = "value",
    }

    /// A check by connecting.
    pub struct TcpSocketAction {
        /// The application's own if not given.
        host: Option<String> = "host",
        /// The port.
        port: u32 = "port",
    }

    /// A check by a program.
    pub struct ExecAction {
        /// Program and arguments.
        command: Vec<String> = "command",
    }

    /// A check by gRPC.
    pub struct GrpcAction {
        /// The port.
        port: Option<u32> = "port",
        /// The service asked about.
        service: Option<String> = "service",
    }
}

/// What a registered entry's conditions say about its health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing is said, or it is well.
    Healthy,
    /// It is not, or not known to be.
    Unhealthy,
}

impl WorkloadEntry {
    pub(crate) fn from_document(document: &Node, context: &mut Context<'_>) -> Option<Self> {
        unknown_fields(document, &super::DOCUMENT, context)?;
        let mut entry: Self = field(document, "spec", context)?;
        if let Some(status) = document.get("status") {
            entry.conditions = context.within("status", |context| conditions(status, context))?;
        }
        Some(entry)
    }

    /// Whether requests may be sent to it: an entry without a condition is healthy, `False` and `Unknown` are not.
    pub fn health(&self) -> Health {
        let condition = self.conditions.iter().find(|condition| condition.type_.as_deref() == Some("Healthy"));
        match condition.map(|condition| condition.status.as_deref()) {
            None | Some(Some("True")) => Health::Healthy,
            Some(_) => Health::Unhealthy,
        }
    }
}

fn conditions(status: &Node, context: &mut Context<'_>) -> Option<Vec<HealthCondition>> {
    field(status, "conditions", context)
}
