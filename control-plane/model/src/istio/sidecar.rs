use super::common::Destination;
use super::common::{Port, WorkloadSelector};
use super::destination_rule::ConnectionPool;
use super::gateway::ServerTlsSettings;
use crate::fields::{fields, words};

fields! {
    /// What a sidecar sees and serves (istio-coverage.md §1.5).
    pub struct Sidecar {
        /// Absent: the default of its namespace.
        workload_selector: Option<WorkloadSelector> = "workloadSelector",
        /// What it serves, in place of the services that select it.
        ingress: Vec<IstioIngressListener> = "ingress",
        /// What it sees; none means everything.
        egress: Vec<IstioEgressListener> = "egress",
        /// What becomes of traffic to unknown hosts.
        outbound_traffic_policy: Option<OutboundTrafficPolicy> = "outboundTrafficPolicy",
        /// Limits of inbound connections.
        inbound_connection_pool: Option<ConnectionPool> = "inboundConnectionPool",
    }

    /// One inbound port.
    pub struct IstioIngressListener {
        /// Where it listens.
        port: Option<Port> = "port",
        /// The address it listens on.
        bind: Option<String> = "bind",
        /// Whether traffic is captured.
        capture_mode: Option<CaptureMode> = "captureMode",
        /// Where the application listens.
        default_endpoint: Option<String> = "defaultEndpoint",
        /// Transport security.
        tls: Option<ServerTlsSettings> = "tls",
        /// Limits of its connections.
        connection_pool: Option<ConnectionPool> = "connectionPool",
    }

    /// Hosts on one port, or on every port that is not named elsewhere.
    pub struct IstioEgressListener {
        /// Absent: every other port.
        port: Option<Port> = "port",
        /// The address it listens on.
        bind: Option<String> = "bind",
        /// Whether traffic is captured.
        capture_mode: Option<CaptureMode> = "captureMode",
        /// `namespace/host`.
        hosts: Vec<String> = "hosts",
    }

    /// What becomes of traffic to unknown hosts.
    pub struct OutboundTrafficPolicy {
        /// Let through or not.
        mode: Option<OutboundMode> = "mode",
        /// Where it is sent instead.
        egress_proxy: Option<Destination> = "egressProxy",
    }
}

/// The host unknown traffic is sent to.
pub type EgressProxy = Destination;

words! {
    /// Whether traffic is captured by the host's packet filter.
    pub enum CaptureMode {
        /// As the workload is set up.
        Default = "DEFAULT",
        /// By iptables.
        Iptables = "IPTABLES",
        /// Not: the proxy listens itself.
        None = "NONE",
    }

    /// What becomes of traffic to unknown hosts.
    pub enum OutboundMode {
        /// Refused.
        RegistryOnly = "REGISTRY_ONLY",
        /// Let through.
        AllowAny = "ALLOW_ANY",
        /// Let through by the name it asks for.
        AllowAnyDynamicDns = "ALLOW_ANY_DYNAMIC_DNS",
    }
}
