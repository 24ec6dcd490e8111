//! MeshConfig: what holds for the whole mesh (Istio's `MeshConfig`, <https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/>).

use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::{Diagnostic, Location};
use crate::fields::{Context, FromNode, Ignored, fields, words};
use crate::istio::{
    ConnectionPool, H2UpgradePolicy, HttpRetry, LocalityLbSetting, OutboundMode, OutboundTrafficPolicy, OutlierDetection,
    TcpKeepalive,
};
use crate::node::{Node, Value};
use crate::yaml::{self, Limits};

fields! {
    /// The document, absent fields as `None`.
    pub struct MeshConfigDocument {
        /// The SPIFFE trust domain.
        trust_domain: Option<String> = "trustDomain",
        /// Further names of the trust domain.
        trust_domain_aliases: Vec<String> = "trustDomainAliases",
        /// The namespace whose policies apply to all.
        root_namespace: Option<String> = "rootNamespace",
        /// What becomes of traffic to unknown hosts.
        outbound_traffic_policy: Option<OutboundTrafficPolicy> = "outboundTrafficPolicy",
        /// What becomes of inbound traffic to unknown ports.
        inbound_traffic_policy: Option<InboundTrafficPolicy> = "inboundTrafficPolicy",
        /// Where access logs go; empty is off.
        access_log_file: Option<String> = "accessLogFile",
        /// The form of access logs.
        access_log_encoding: Option<AccessLogEncoding> = "accessLogEncoding",
        /// Own format in place of Istio's.
        access_log_format: Option<String> = "accessLogFormat",
        /// In place of the built-in default.
        default_http_retry_policy: Option<HttpRetry> = "defaultHttpRetryPolicy",
        /// Of upstream connections; 10 s if not given.
        connect_timeout: Option<Duration> = "connectTimeout",
        /// Probes of upstream connections.
        tcp_keepalive: Option<TcpKeepalive> = "tcpKeepalive",
        /// Whether HTTP/1.1 is upgraded.
        h2_upgrade_policy: Option<H2UpgradePolicy> = "h2UpgradePolicy",
        /// Who sees services that do not say.
        default_service_export_to: Vec<String> = "defaultServiceExportTo",
        /// Who sees VirtualServices that do not say.
        default_virtual_service_export_to: Vec<String> = "defaultVirtualServiceExportTo",
        /// Who sees DestinationRules that do not say.
        default_destination_rule_export_to: Vec<String> = "defaultDestinationRuleExportTo",
        /// Preferences among localities.
        locality_lb_setting: Option<LocalityLbSetting> = "localityLbSetting",
        /// Whether sidecars speak mutual TLS without being told.
        enable_auto_mtls: Option<bool> = "enableAutoMtls",
        /// How long bytes are awaited to find out a protocol; 0 is for ever.
        protocol_detection_timeout: Option<Duration> = "protocolDetectionTimeout",
        /// How often DNS names of clusters are resolved; 60 s if not given.
        dns_refresh_rate: Option<Duration> = "dnsRefreshRate",
        /// For hosts whose DestinationRule leaves blocks out.
        default_traffic_policy: Option<DefaultTrafficPolicy> = "defaultTrafficPolicy",
        /// How paths are normalised.
        path_normalization: Option<PathNormalization> = "pathNormalization",
        /// Pattern of inbound statistics.
        inbound_cluster_stat_name: Option<String> = "inboundClusterStatName",
        /// Pattern of outbound statistics.
        outbound_cluster_stat_name: Option<String> = "outboundClusterStatName",
        /// Settings of the proxies themselves.
        default_config: Option<DefaultProxyConfig> = "defaultConfig",
    }

    /// What becomes of inbound traffic to unknown ports.
    pub struct InboundTrafficPolicy {
        /// Let through or to the local host.
        mode: Option<InboundMode> = "mode",
    }

    /// Blocks for hosts whose DestinationRule leaves them out.
    pub struct DefaultTrafficPolicy {
        /// Limits.
        connection_pool: Option<ConnectionPool> = "connectionPool",
        /// When an endpoint is left out.
        outlier_detection: Option<OutlierDetection> = "outlierDetection",
    }

    /// How paths are normalised.
    pub struct PathNormalization {
        /// How much.
        normalization: Option<Normalization> = "normalization",
    }

    /// Settings of the proxies themselves.
    pub struct DefaultProxyConfig {
        /// Worker threads; 0 is one per core.
        concurrency: Option<i32> = "concurrency",
        /// How long a drain takes.
        drain_duration: Option<Duration> = "drainDuration",
        /// How long a termination drains.
        termination_drain_duration: Option<Duration> = "terminationDrainDuration",
        /// Whether the application waits for its proxy.
        hold_application_until_proxy_starts: Option<bool> = "holdApplicationUntilProxyStarts",
        /// Where istiod's proxies look for it; agents here are told by their own flag.
        discovery_address: Option<String> = "discoveryAddress",
        /// Environment of the proxy.
        proxy_metadata: Ignored = "proxyMetadata",
    }
}

words! {
    /// What becomes of inbound traffic to unknown ports.
    pub enum InboundMode {
        /// Let through.
        Passthrough = "PASSTHROUGH",
        /// Sent to the local host.
        Localhost = "LOCALHOST",
    }

    /// The form of access logs.
    pub enum AccessLogEncoding {
        /// Lines of text.
        Text = "TEXT",
        /// JSON objects.
        Json = "JSON",
    }

    /// How paths are normalised.
    pub enum Normalization {
        /// As `Base`.
        Default = "DEFAULT",
        /// Not at all.
        None = "NONE",
        /// RFC 3986.
        Base = "BASE",
        /// And slashes are merged.
        MergeSlashes = "MERGE_SLASHES",
        /// And escaped slashes are decoded.
        DecodeAndMergeSlashes = "DECODE_AND_MERGE_SLASHES",
    }
}

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
        let document = match yaml::documents(text, &Limits::default()).into_iter().next() {
            None => return Ok((Self::default(), Vec::new())),
            Some(Ok(document)) => document,
            Some(Err(broken)) => {
                let location = Location { file, line: broken.line, column: broken.column };
                return Err(vec![Diagnostic::error(broken.code, location, broken.message)]);
            }
        };
        match document.root.get("data").and_then(|data| data.get("mesh")).and_then(Node::text) {
            Some(inner) if is_config_map(&document.root) => Self::parse(source, inner),
            _ => Self::read(&file, &document.root),
        }
    }

    fn read(file: &Arc<str>, root: &Node) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut context = Context::new(Arc::clone(file), root, None);
        let document = MeshConfigDocument::from_node(root, &mut context);
        let failed = context.failed();
        let findings = context.into_findings();
        match document {
            Some(document) if !failed => Ok((document.into(), findings)),
            _ => Err(findings),
        }
    }
}

fn is_config_map(root: &Node) -> bool {
    matches!(root.value, Value::Mapping(_)) && root.get("kind").and_then(Node::text) == Some("ConfigMap")
}
