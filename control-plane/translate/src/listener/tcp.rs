//! Connections carried as bytes.

use std::time::Duration;

use ferro_xds_protos::wkt;

use crate::listener::access_log;
use crate::names;
use crate::parts::filter;
use crate::pb::ext::filters::network::tcp_proxy::v3::{TcpProxy, tcp_proxy};
use crate::pb::listener::Filter;
use crate::pb::types::v3::{HashPolicy, hash_policy};
use ferro_model::mesh_config::MeshConfig;

/// Where the bytes go.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    /// Statistics are kept under this name.
    pub(crate) stat: String,
    /// Clusters and their weights; one without weight gets everything.
    pub(crate) clusters: Vec<(String, u32)>,
    pub(crate) limits: Limits,
}

/// What a DestinationRule says about connections.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Limits {
    /// Closed when nothing was said for so long.
    pub(crate) idle: Option<Duration>,
    /// Closed when it is this old.
    pub(crate) lifetime: Option<Duration>,
    /// The caller's address chooses the endpoint.
    pub(crate) by_source: bool,
}

impl Target {
    /// Everything to one cluster, whose name also counts it.
    pub(crate) fn cluster(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { stat: name.clone(), clusters: vec![(name, 1)], limits: Limits::default() }
    }

    /// The proxy as a network filter.
    pub(crate) fn filter(&self, config: &MeshConfig) -> Filter {
        let source = hash_policy::PolicySpecifier::SourceIp(hash_policy::SourceIp {});
        let hash = HashPolicy { policy_specifier: Some(source) };
        let proxy = TcpProxy {
            stat_prefix: names::stat(&self.stat),
            access_log: access_log::of(config),
            idle_timeout: self.limits.idle.map(wkt::duration),
            max_downstream_connection_duration: self.limits.lifetime.map(wkt::duration),
            hash_policy: self.limits.by_source.then_some(hash).into_iter().collect(),
            cluster_specifier: Some(self.specifier()),
            ..TcpProxy::default()
        };
        filter("envoy.filters.network.tcp_proxy", &proxy)
    }

    fn specifier(&self) -> tcp_proxy::ClusterSpecifier {
        if let [(only, _)] = &self.clusters[..] {
            return tcp_proxy::ClusterSpecifier::Cluster(only.clone());
        }
        let weight = |(name, weight): &(String, u32)| tcp_proxy::weighted_cluster::ClusterWeight {
            name: name.clone(),
            weight: *weight,
            ..Default::default()
        };
        let clusters = self.clusters.iter().map(weight).collect();
        tcp_proxy::ClusterSpecifier::WeightedClusters(tcp_proxy::WeightedCluster { clusters })
    }
}
