//! The document, as Istio's `MeshConfig` has it.

use std::time::Duration;

use crate::fields::{fields, words};
use crate::istio::{
    ConnectionPool, H2UpgradePolicy, HttpRetry, LocalityLbSetting, OutboundTrafficPolicy, OutlierDetection,
    TcpKeepalive,
};

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
    later [
        "ca", "caCertificates", "certificates", "configSources", "defaultInboundHttpRetryPolicy", "defaultProviders",
        "disableEnvoyListenerLog", "discoverySelectors", "enableEnvoyAccessLogService", "enablePrometheusMerge", "enableTracing",
        "extensionProviders", "hboneListenPort", "ingressClass", "ingressControllerMode", "ingressSelector", "ingressService",
        "meshMTLS", "proxyHttpPort", "proxyInboundListenPort", "proxyListenPort", "serviceScopeConfigs", "serviceSettings",
        "tlsDefaults", "verifyCertificateAtClient",
    ]

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
    }
    later [
        "availabilityZone", "binaryPath", "caCertificatesPem", "configPath", "controlPlaneAuthPolicy", "customConfigFile",
        "envoyAccessLogService", "envoyMetricsService", "extraStatTags", "fileFlushInterval", "fileFlushMinSizeKb", "gatewayTopology",
        "image", "interceptionMode", "meshId", "privateKeyProvider", "proxyAdminPort", "proxyBootstrapTemplatePath", "proxyHeaders",
        "proxyMetadata", "proxyStatsMatcher", "readinessProbe", "runtimeValues", "sds", "serviceCluster", "statNameLength",
        "statsdUdpAddress", "statusPort", "tracing", "tracingServiceName", "zipkinAddress",
    ]
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
