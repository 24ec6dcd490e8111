//! MeshConfig: what holds for the whole mesh (Istio's `MeshConfig`, <https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/>).

mod check;
mod document;

use std::sync::Arc;
use std::time::Duration;

pub use document::{
    AccessLogEncoding, DefaultProxyConfig, DefaultTrafficPolicy, InboundMode, InboundTrafficPolicy, MeshConfigDocument,
    Normalization, PathNormalization,
};

use crate::context::Context;
use crate::diagnostic::{Diagnostic, Location};
use crate::fields::FromNode;
use crate::istio::{H2UpgradePolicy, HttpRetry, LocalityLbSetting, OutboundMode, OutboundTrafficPolicy, TcpKeepalive};
use crate::node::{Node, Value};
use crate::yaml::{self, Broken, Limits};

/// The settings in force: the document over Istio's defaults (istio-coverage.md §0).
#[derive(Clone, Debug, PartialEq)]
pub struct MeshConfig {
    /// The SPIFFE trust domain.
    pub trust_domain: String,
    /// Further names of the trust domain.
    pub trust_domain_aliases: Vec<String>,
    /// The domain of Kubernetes services.
    pub cluster_domain: String,
    /// The namespace whose policies apply to all.
    pub root_namespace: String,
    /// What becomes of traffic to unknown hosts.
    pub outbound_traffic_policy: OutboundTrafficPolicy,
    /// What becomes of inbound traffic to unknown ports.
    pub inbound_traffic_policy: InboundMode,
    /// Where access logs go; empty is off.
    pub access_log_file: String,
    /// The form of access logs.
    pub access_log_encoding: AccessLogEncoding,
    /// Own format in place of Istio's.
    pub access_log_format: Option<String>,
    /// In place of the built-in default.
    pub default_http_retry_policy: Option<HttpRetry>,
    /// Of upstream connections.
    pub connect_timeout: Duration,
    /// Probes of upstream connections.
    pub tcp_keepalive: Option<TcpKeepalive>,
    /// Whether HTTP/1.1 is upgraded.
    pub h2_upgrade_policy: H2UpgradePolicy,
    /// Who sees services that do not say.
    pub default_service_export_to: Vec<String>,
    /// Who sees VirtualServices that do not say.
    pub default_virtual_service_export_to: Vec<String>,
    /// Who sees DestinationRules that do not say.
    pub default_destination_rule_export_to: Vec<String>,
    /// Preferences among localities.
    pub locality_lb_setting: Option<LocalityLbSetting>,
    /// Whether sidecars speak mutual TLS without being told.
    pub enable_auto_mtls: bool,
    /// How long bytes are awaited to find out a protocol; 0 is for ever.
    pub protocol_detection_timeout: Duration,
    /// How often DNS names of clusters are resolved.
    pub dns_refresh_rate: Duration,
    /// For hosts whose DestinationRule leaves blocks out.
    pub default_traffic_policy: DefaultTrafficPolicy,
    /// How paths are normalised.
    pub path_normalization: Normalization,
    /// Pattern of inbound statistics.
    pub inbound_cluster_stat_name: Option<String>,
    /// Pattern of outbound statistics.
    pub outbound_cluster_stat_name: Option<String>,
}

// === impl MeshConfig ===

impl Default for MeshConfig {
    fn default() -> Self {
        Self::from(MeshConfigDocument::default())
    }
}

impl From<MeshConfigDocument> for MeshConfig {
    fn from(document: MeshConfigDocument) -> Self {
        let allow_any = OutboundTrafficPolicy { mode: Some(OutboundMode::AllowAny), egress_proxy: None };
        Self {
            trust_domain: document.trust_domain.unwrap_or_else(|| "cluster.local".to_owned()),
            trust_domain_aliases: document.trust_domain_aliases,
            cluster_domain: "cluster.local".to_owned(),
            root_namespace: document.root_namespace.unwrap_or_else(|| "istio-system".to_owned()),
            outbound_traffic_policy: document.outbound_traffic_policy.unwrap_or(allow_any),
            inbound_traffic_policy: document.inbound_traffic_policy.and_then(|policy| policy.mode).unwrap_or_default(),
            access_log_file: document.access_log_file.unwrap_or_default(),
            access_log_encoding: document.access_log_encoding.unwrap_or_default(),
            access_log_format: document.access_log_format.filter(|format| !format.is_empty()),
            default_http_retry_policy: document.default_http_retry_policy,
            connect_timeout: document.connect_timeout.unwrap_or(Duration::from_secs(10)),
            tcp_keepalive: document.tcp_keepalive,
            h2_upgrade_policy: document.h2_upgrade_policy.unwrap_or(H2UpgradePolicy::DoNotUpgrade),
            default_service_export_to: document.default_service_export_to,
            default_virtual_service_export_to: document.default_virtual_service_export_to,
            default_destination_rule_export_to: document.default_destination_rule_export_to,
            locality_lb_setting: document.locality_lb_setting,
            enable_auto_mtls: document.enable_auto_mtls.unwrap_or(true),
            protocol_detection_timeout: document.protocol_detection_timeout.unwrap_or_default(),
            dns_refresh_rate: document.dns_refresh_rate.unwrap_or(Duration::from_secs(60)),
            default_traffic_policy: document.default_traffic_policy.unwrap_or_default(),
            path_normalization: document.path_normalization.and_then(|path| path.normalization).unwrap_or_default(),
            inbound_cluster_stat_name: document.inbound_cluster_stat_name,
            outbound_cluster_stat_name: document.outbound_cluster_stat_name,
        }
    }
}

impl MeshConfig {
    /// Reads a MeshConfig: the settings themselves, or a ConfigMap that holds them under `data.mesh`, as Istio keeps it.
    ///
    /// # Errors
    /// What is wrong with it, when something is; unknown keys are findings beside the result.
    pub fn parse(source: &str, text: &str) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let file: Arc<str> = source.into();
        let Some(root) = only_document(&file, text)? else { return Ok((Self::default(), Vec::new())) };
        let inner = root.get("data").and_then(|data| data.get("mesh")).filter(|_| is_config_map(&root));
        let Some(inner) = inner.and_then(Node::text) else { return Self::read(&file, &root) };
        // Its places are those within the ConfigMap's value, and the file's name says so.
        let file: Arc<str> = format!("{source} (data.mesh)").into();
        match only_document(&file, inner)? {
            Some(root) => Self::read(&file, &root),
            None => Ok((Self::default(), Vec::new())),
        }
    }

    fn read(file: &Arc<str>, root: &Node) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut context = Context::new(Arc::clone(file), root, None);
        let document = MeshConfigDocument::from_node(root, &mut context);
        if let Some(document) = &document {
            check::check(&mut context, document);
        }
        let failed = context.failed();
        let findings = context.into_findings();
        match document {
            Some(document) if !failed => Ok((document.into(), findings)),
            _ => Err(findings),
        }
    }
}

/// The document of a text; several would leave open which one holds.
fn only_document(file: &Arc<str>, text: &str) -> Result<Option<Node>, Vec<Diagnostic>> {
    let limits = Limits::default();
    if text.len() > limits.document_bytes {
        let message = format!("{} bytes; at most {} are read", text.len(), limits.document_bytes);
        return Err(vec![Diagnostic::error(
            "too-large",
            Location { file: Arc::clone(file), line: 1, column: 1 },
            message,
        )]);
    }
    let mut documents = yaml::documents(text, &limits);
    let first = documents.next().transpose().map_err(|broken| vec![unreadable(file, broken)])?;
    match documents.next() {
        None => Ok(first.map(|document| document.root)),
        Some(Err(broken)) => Err(vec![unreadable(file, broken)]),
        Some(Ok(second)) => {
            let location = Location { file: Arc::clone(file), line: second.root.line, column: second.root.column };
            Err(vec![Diagnostic::error("conflict", location, "a second document; a mesh has one MeshConfig")])
        }
    }
}

fn unreadable(file: &Arc<str>, broken: Broken) -> Diagnostic {
    let location = Location { file: Arc::clone(file), line: broken.line, column: broken.column };
    Diagnostic::error(broken.code, location, broken.message)
}

fn is_config_map(root: &Node) -> bool {
    matches!(root.value, Value::Mapping(_)) && root.get("kind").and_then(Node::text) == Some("ConfigMap")
}

#[cfg(test)]
mod tests;
