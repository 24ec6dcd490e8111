use std::collections::BTreeMap;
use std::time::Duration;

use super::common::{PortSelector, WorkloadSelector};
use crate::fields::{fields, words};

fields! {
    /// Subsets and traffic policy of a host (istio-coverage.md §1.2).
    pub struct DestinationRule {
        /// Short names are resolved in the namespace of the document; may be a wildcard.
        host: String = "host",
        /// For every subset and port that has none of its own.
        traffic_policy: Option<TrafficPolicy> = "trafficPolicy",
        /// Named parts of the host's endpoints.
        subsets: Vec<Subset> = "subsets",
        /// Namespaces that see it; none means the mesh's default.
        export_to: Vec<String> = "exportTo",
        /// Client workloads it applies to.
        workload_selector: Option<WorkloadSelector> = "workloadSelector",
    }

    /// A named part of a host's endpoints.
    pub struct Subset {
        /// A DNS label.
        name: String = "name",
        /// Labels of its endpoints; none means all of them.
        labels: BTreeMap<String, String> = "labels",
        /// Overrides that of the rule, block by block.
        traffic_policy: Option<TrafficPolicy> = "trafficPolicy",
    }

    /// How connections to a host are made and kept.
    pub struct TrafficPolicy {
        /// Which endpoint.
        load_balancer: Option<LoadBalancer> = "loadBalancer",
        /// How many connections and requests.
        connection_pool: Option<ConnectionPool> = "connectionPool",
        /// When an endpoint is left out.
        outlier_detection: Option<OutlierDetection> = "outlierDetection",
        /// Transport security.
        tls: Option<ClientTlsSettings> = "tls",
        /// For single ports, in place of everything above.
        port_level_settings: Vec<PortTrafficPolicy> = "portLevelSettings",
        /// CONNECT or POST tunnels.
        tunnel: Option<TunnelSettings> = "tunnel",
        /// PROXY protocol to the endpoint.
        proxy_protocol: Option<ProxyProtocol> = "proxyProtocol",
        /// Limits retries to a share of requests.
        retry_budget: Option<RetryBudget> = "retryBudget",
    }

    /// The policy of one port; nothing is inherited.
    pub struct PortTrafficPolicy {
        /// The service port.
        port: Option<PortSelector> = "port",
        /// Which endpoint.
        load_balancer: Option<LoadBalancer> = "loadBalancer",
        /// How many connections and requests.
        connection_pool: Option<ConnectionPool> = "connectionPool",
        /// When an endpoint is left out.
        outlier_detection: Option<OutlierDetection> = "outlierDetection",
        /// Transport security.
        tls: Option<ClientTlsSettings> = "tls",
    }

    /// How an endpoint is chosen.
    pub struct LoadBalancer {
        /// By a standard algorithm.
        simple: Option<SimpleLb> = "simple",
        /// By a hash of the request.
        consistent_hash: Option<ConsistentHash> = "consistentHash",
        /// Nearness first.
        locality_lb_setting: Option<LocalityLbSetting> = "localityLbSetting",
        /// Zone-aware routing.
        zone_aware_lb_setting: Option<ZoneAwareLbSetting> = "zoneAwareLbSetting",
        /// Deprecated form of `warmup`.
        warmup_duration_secs: Option<Duration> = "warmupDurationSecs",
        /// New endpoints get their full share only after a while.
        warmup: Option<Warmup> = "warmup",
    }

    /// What is hashed, and into what.
    pub struct ConsistentHash {
        /// A header.
        http_header_name: Option<String> = "httpHeaderName",
        /// A cookie.
        http_cookie: Option<HttpCookie> = "httpCookie",
        /// The client's address.
        use_source_ip: Option<bool> = "useSourceIp",
        /// A query parameter.
        http_query_parameter_name: Option<String> = "httpQueryParameterName",
        /// Deprecated form of `ringHash.minimumRingSize`.
        minimum_ring_size: Option<u64> = "minimumRingSize",
        /// A hash ring.
        ring_hash: Option<RingHash> = "ringHash",
        /// Maglev.
        maglev: Option<Maglev> = "maglev",
    }

    /// A cookie that carries the hash.
    pub struct HttpCookie {
        /// Its name.
        name: Option<String> = "name",
        /// Its path.
        path: Option<String> = "path",
        /// Absent: a session cookie that the proxy does not make.
        ttl: Option<Duration> = "ttl",
        /// Further attributes.
        attributes: Vec<CookieAttribute> = "attributes",
    }

    /// An attribute of a cookie.
    pub struct CookieAttribute {
        /// Its name.
        name: String = "name",
        /// Its value.
        value: Option<String> = "value",
    }

    /// A hash ring.
    pub struct RingHash {
        /// 1024 if not given.
        minimum_ring_size: Option<u64> = "minimumRingSize",
    }

    /// A Maglev table.
    pub struct Maglev {
        /// A prime below 5,000,011; 65,537 if not given.
        table_size: Option<u64> = "tableSize",
    }

    /// Preferences among localities.
    pub struct LocalityLbSetting {
        /// Explicit shares.
        distribute: Vec<Distribute> = "distribute",
        /// Where to go when a region fails.
        failover: Vec<Failover> = "failover",
        /// Labels that make priorities.
        failover_priority: Vec<String> = "failoverPriority",
        /// Overrides the mesh.
        enabled: Option<bool> = "enabled",
    }

    /// Shares of traffic that starts in a locality.
    pub struct Distribute {
        /// `region/zone/subzone`, `*` at the end.
        from: Option<String> = "from",
        /// Percentages by locality; they add up to 100.
        to: BTreeMap<String, u32> = "to",
    }

    /// Where a region's traffic goes when it fails.
    pub struct Failover {
        /// A region.
        from: Option<String> = "from",
        /// Another region.
        to: Option<String> = "to",
    }

    /// Zone-aware routing.
    pub struct ZoneAwareLbSetting {
        /// Overrides the mesh.
        enabled: Option<bool> = "enabled",
        /// Where to go when a region fails.
        failover: Vec<Failover> = "failover",
        /// Labels that make priorities.
        failover_priority: Vec<String> = "failoverPriority",
        /// Below this many endpoints it is off.
        min_cluster_size: Option<u64> = "minClusterSize",
    }

    /// The ramp of new endpoints.
    pub struct Warmup {
        /// How long.
        duration: Option<Duration> = "duration",
        /// The share they start with, in percent; 10 if not given.
        minimum_percent: Option<f64> = "minimumPercent",
        /// 1 is linear.
        aggression: Option<f64> = "aggression",
    }

    /// Limits of connections and requests.
    pub struct ConnectionPool {
        /// Of any protocol.
        tcp: Option<TcpSettings> = "tcp",
        /// Of HTTP.
        http: Option<HttpSettings> = "http",
    }

    /// Limits of connections.
    pub struct TcpSettings {
        /// 0 or absent: no limit.
        max_connections: Option<i32> = "maxConnections",
        /// 10 s if not given.
        connect_timeout: Option<Duration> = "connectTimeout",
        /// Probes of idle connections.
        tcp_keepalive: Option<TcpKeepalive> = "tcpKeepalive",
        /// Age at which a connection is closed.
        max_connection_duration: Option<Duration> = "maxConnectionDuration",
        /// Idle time after which a connection is closed.
        idle_timeout: Option<Duration> = "idleTimeout",
    }

    /// Probes of idle connections.
    pub struct TcpKeepalive {
        /// How many before the connection is dead.
        probes: Option<u32> = "probes",
        /// Idle time before the first.
        time: Option<Duration> = "time",
        /// Time between them.
        interval: Option<Duration> = "interval",
    }

    /// Limits of requests.
    pub struct HttpSettings {
        /// Requests that wait for a connection.
        http1_max_pending_requests: Option<i32> = "http1MaxPendingRequests",
        /// Requests at once.
        http2_max_requests: Option<i32> = "http2MaxRequests",
        /// 0: no limit.
        max_requests_per_connection: Option<i32> = "maxRequestsPerConnection",
        /// Retries at once.
        max_retries: Option<i32> = "maxRetries",
        /// Idle time after which a connection is closed.
        idle_timeout: Option<Duration> = "idleTimeout",
        /// Whether HTTP/1.1 is upgraded.
        h2_upgrade_policy: Option<H2UpgradePolicy> = "h2UpgradePolicy",
        /// Speak to the endpoint what the client spoke.
        use_client_protocol: Option<bool> = "useClientProtocol",
        /// Streams of one HTTP/2 connection.
        max_concurrent_streams: Option<i32> = "maxConcurrentStreams",
        /// Pings of HTTP/2 connections.
        http2_keep_alive: Option<HttpKeepAlive> = "http2KeepAlive",
    }

    /// Pings of HTTP/2 connections.
    pub struct HttpKeepAlive {
        /// Time between them.
        interval: Option<Duration> = "interval",
        /// Time to answer.
        timeout: Option<Duration> = "timeout",
    }

    /// When an endpoint is left out for a while.
    pub struct OutlierDetection {
        /// Deprecated and without effect.
        consecutive_errors: Option<i32> = "consecutiveErrors",
        /// Whether local failures count apart.
        split_external_local_origin_errors: Option<bool> = "splitExternalLocalOriginErrors",
        /// Local failures in a row.
        consecutive_local_origin_failures: Option<u32> = "consecutiveLocalOriginFailures",
        /// 502, 503, 504 in a row; 0 is off.
        consecutive_gateway_errors: Option<u32> = "consecutiveGatewayErrors",
        /// 5xx in a row; 5 if not given, 0 is off.
        consecutive5xx_errors: Option<u32> = "consecutive5xxErrors",
        /// Time between sweeps; 10 s if not given.
        interval: Option<Duration> = "interval",
        /// 30 s if not given; multiplied by the number of ejections.
        base_ejection_time: Option<Duration> = "baseEjectionTime",
        /// 10 if not given.
        max_ejection_percent: Option<i32> = "maxEjectionPercent",
        /// Below this share of healthy endpoints nobody is left out.
        min_health_percent: Option<i32> = "minHealthPercent",
        /// Only these statuses count.
        outlier_detection_http_error_codes: Vec<HttpCodeRange> = "outlierDetectionHttpErrorCodes",
    }

    /// A range of status codes.
    pub struct HttpCodeRange {
        /// The first.
        start: Option<u32> = "start",
        /// The last.
        end: Option<u32> = "end",
    }

    /// Transport security towards the host.
    pub struct ClientTlsSettings {
        /// Absent: decided by the mesh.
        mode: Option<ClientTlsMode> = "mode",
        /// A file.
        client_certificate: Option<String> = "clientCertificate",
        /// A file.
        private_key: Option<String> = "privateKey",
        /// A file, or `system`.
        ca_certificates: Option<String> = "caCertificates",
        /// A secret.
        credential_name: Option<String> = "credentialName",
        /// Names one of which the server's certificate must carry.
        subject_alt_names: Vec<String> = "subjectAltNames",
        /// The server name asked for.
        sni: Option<String> = "sni",
        /// Trust any certificate.
        insecure_skip_verify: Option<bool> = "insecureSkipVerify",
        /// A file of revoked certificates.
        ca_crl: Option<String> = "caCrl",
    }

    /// Tunnels.
    pub struct TunnelSettings {
        /// `CONNECT` or `POST`.
        protocol: Option<String> = "protocol",
        /// Where the tunnel leads.
        target_host: Option<String> = "targetHost",
        /// Its port.
        target_port: Option<u32> = "targetPort",
    }

    /// PROXY protocol.
    pub struct ProxyProtocol {
        /// `V1` or `V2`.
        version: Option<ProxyProtocolVersion> = "version",
    }

    /// Limits retries to a share of requests.
    pub struct RetryBudget {
        /// 20 if not given.
        percent: Option<Percentage> = "percent",
        /// 3 if not given.
        min_retry_concurrency: Option<u32> = "minRetryConcurrency",
        /// The window that is looked at.
        budget_interval: Option<Duration> = "budgetInterval",
    }
}

words! {
    /// Standard algorithms.
    pub enum SimpleLb {
        /// As `LeastRequest`.
        Unspecified = "UNSPECIFIED",
        /// The older name of `LeastRequest`.
        LeastConn = "LEAST_CONN",
        /// Of two at random, the one with fewer requests.
        LeastRequest = "LEAST_REQUEST",
        /// At random.
        Random = "RANDOM",
        /// In turn.
        RoundRobin = "ROUND_ROBIN",
        /// Where the client meant to go.
        Passthrough = "PASSTHROUGH",
    }

    /// Whether HTTP/1.1 is upgraded to HTTP/2.
    pub enum H2UpgradePolicy {
        /// As the mesh says.
        Default = "DEFAULT",
        /// Never.
        DoNotUpgrade = "DO_NOT_UPGRADE",
        /// Always.
        Upgrade = "UPGRADE",
    }

    /// How a connection to the host is secured.
    pub enum ClientTlsMode {
        /// Not at all.
        Disable = "DISABLE",
        /// The server shows a certificate.
        Simple = "SIMPLE",
        /// Both show certificates, from files.
        Mutual = "MUTUAL",
        /// Both show certificates of the mesh.
        IstioMutual = "ISTIO_MUTUAL",
    }

    /// Versions of the PROXY protocol.
    pub enum ProxyProtocolVersion {
        /// Text.
        V1 = "V1",
        /// Binary.
        V2 = "V2",
    }
}

/// A percentage that may be written as a number or as an object with `value`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Percentage(pub f64);

impl crate::fields::FromNode for Percentage {
    fn from_node(node: &crate::node::Node, context: &mut crate::context::Context<'_>) -> Option<Self> {
        match &node.value {
            crate::node::Value::Mapping(_) => crate::fields::field::<f64>(node, "value", context).map(Self),
            _ => f64::from_node(node, context).map(Self),
        }
    }
}
