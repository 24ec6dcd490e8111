//! Which settings hold for one subset at one port.

use crate::istio::{
    ClientTlsSettings, ConnectionPool, LoadBalancer, OutlierDetection, PortTrafficPolicy, ProxyProtocol, RetryBudget,
    TrafficPolicy, TunnelSettings,
};

/// The blocks of traffic policy in force for a destination, each taken whole from one place: the subset's settings for the port,
/// else the subset's, else the host's settings for the port, else the host's.
///
/// Settings for a port replace the four blocks they can hold, also by leaving them out; the other three are inherited.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TrafficBlocks<'a> {
    /// How an endpoint is chosen.
    pub load_balancer: Option<&'a LoadBalancer>,
    /// Limits of connections and requests.
    pub connection_pool: Option<&'a ConnectionPool>,
    /// When an endpoint is ejected.
    pub outlier_detection: Option<&'a OutlierDetection>,
    /// TLS to the destination.
    pub tls: Option<&'a ClientTlsSettings>,
    /// Tunnelling through the destination.
    pub tunnel: Option<&'a TunnelSettings>,
    /// PROXY protocol to the destination.
    pub proxy_protocol: Option<&'a ProxyProtocol>,
    /// Limit of concurrent retries.
    pub retry_budget: Option<&'a RetryBudget>,
}

impl<'a> TrafficBlocks<'a> {
    pub(super) fn of(host: Option<&'a TrafficPolicy>, subset: Option<&'a TrafficPolicy>, port: u16) -> Self {
        [host, subset].into_iter().flatten().fold(Self::default(), |blocks, policy| blocks.overridden_by(policy, port))
    }

    fn overridden_by(self, policy: &'a TrafficPolicy, port: u16) -> Self {
        let blocks = Self {
            load_balancer: policy.load_balancer.as_ref().or(self.load_balancer),
            connection_pool: policy.connection_pool.as_ref().or(self.connection_pool),
            outlier_detection: policy.outlier_detection.as_ref().or(self.outlier_detection),
            tls: policy.tls.as_ref().or(self.tls),
            tunnel: policy.tunnel.as_ref().or(self.tunnel),
            proxy_protocol: policy.proxy_protocol.as_ref().or(self.proxy_protocol),
            retry_budget: policy.retry_budget.as_ref().or(self.retry_budget),
        };
        let is_for =
            |settings: &&PortTrafficPolicy| settings.port.as_ref().is_some_and(|own| own.number == u32::from(port));
        match policy.port_level_settings.iter().find(is_for) {
            Some(settings) => blocks.replaced_by(settings),
            None => blocks,
        }
    }

    fn replaced_by(self, settings: &'a PortTrafficPolicy) -> Self {
        Self {
            load_balancer: settings.load_balancer.as_ref(),
            connection_pool: settings.connection_pool.as_ref(),
            outlier_detection: settings.outlier_detection.as_ref(),
            tls: settings.tls.as_ref(),
            ..self
        }
    }
}
