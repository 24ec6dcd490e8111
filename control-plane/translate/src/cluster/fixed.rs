//! Clusters that no service stands behind.

use std::time::Duration;

use ferro_model::mesh_config::MeshConfig;
use ferro_xds_protos::wkt;

use crate::cluster::protocol::{self, Upstream};
use crate::cluster::set_type;
use crate::filter::dns_cache;
use crate::names;
use crate::parts::{internal_address, tcp};
use crate::pb::cluster::{Cluster, cluster};
use crate::pb::core::{Address, BindConfig, ExtraSourceAddress, HttpProtocolOptions};
use crate::pb::endpoint::{ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints, lb_endpoint};
use crate::pb::ext::clusters::dynamic_forward_proxy::v3::{ClusterConfig, cluster_config};
use crate::view::IpFamilies;

/// Connections that the mesh knows nothing of are given up after this long in silence.
const PASSTHROUGH_IDLE: Duration = Duration::from_secs(300);

/// A cluster without endpoints.
pub(crate) fn black_hole() -> Cluster {
    let mut cluster = named(names::BLACK_HOLE);
    set_type(&mut cluster, cluster::DiscoveryType::Static);
    cluster
}

/// To where the caller was going.
pub(crate) fn passthrough(config: &MeshConfig) -> Cluster {
    original_destination(names::PASSTHROUGH, config)
}

/// To the workload's own port, whatever it is. The source address tells iptables not to capture the call again.
pub(crate) fn inbound_passthrough(config: &MeshConfig, families: IpFamilies) -> Cluster {
    Cluster {
        upstream_bind_config: Some(loopback_source(families)),
        ..original_destination(names::INBOUND_PASSTHROUGH, config)
    }
}

/// To the name in the request.
pub(crate) fn any_dns(config: &MeshConfig) -> Cluster {
    let mut cluster = Cluster { connect_timeout: Some(wkt::duration(config.connect_timeout)), ..named(names::ANY_DNS) };
    resolve_per_request(&mut cluster);
    protocol::set(Upstream::AsDownstream, idle(PASSTHROUGH_IDLE), &mut cluster);
    cluster
}

/// To an internal listener of the same Envoy.
pub(crate) fn internal(listener: &str) -> Cluster {
    let mut cluster = named(listener);
    put_address(&mut cluster, internal_address(listener));
    cluster
}

/// Makes a cluster of one fixed endpoint.
pub(crate) fn put_address(cluster: &mut Cluster, address: Address) {
    let address = Endpoint { address: Some(address), ..Endpoint::default() };
    let endpoint =
        LbEndpoint { host_identifier: Some(lb_endpoint::HostIdentifier::Endpoint(address)), ..LbEndpoint::default() };
    let endpoints = LocalityLbEndpoints { lb_endpoints: vec![endpoint], ..LocalityLbEndpoints::default() };
    set_type(cluster, cluster::DiscoveryType::Static);
    cluster.load_assignment = Some(ClusterLoadAssignment {
        cluster_name: cluster.name.clone(),
        endpoints: vec![endpoints],
        ..ClusterLoadAssignment::default()
    });
}

/// Makes a cluster resolve the name in each request.
pub(crate) fn resolve_per_request(cluster: &mut Cluster) {
    let cache = cluster_config::ClusterImplementationSpecifier::DnsCacheConfig(dns_cache());
    let config = ClusterConfig {
        // It speaks no TLS, so there is no name in a certificate to hold against the one in the request.
        allow_insecure_cluster_options: true,
        cluster_implementation_specifier: Some(cache),
        ..ClusterConfig::default()
    };
    cluster.lb_policy = cluster::LbPolicy::ClusterProvided.into();
    cluster.cluster_discovery_type = Some(cluster::ClusterDiscoveryType::ClusterType(cluster::CustomClusterType {
        name: "envoy.clusters.dynamic_forward_proxy".to_owned(),
        typed_config: Some(wkt::any(&config)),
    }));
}

/// Connections from 127.0.0.6 or ::6: iptables let what comes from there pass. Of two Envoy takes the one of the destination's
/// family.
pub(crate) fn loopback_source(families: IpFamilies) -> BindConfig {
    const V4: &str = "127.0.0.6";
    const V6: &str = "::6";
    let extra = ExtraSourceAddress { address: Some(tcp(V6, 0)), ..ExtraSourceAddress::default() };
    let first = if families == IpFamilies::V6 { V6 } else { V4 };
    BindConfig {
        source_address: Some(tcp(first, 0)),
        extra_source_addresses: (families == IpFamilies::Dual).then_some(extra).into_iter().collect(),
        ..BindConfig::default()
    }
}

fn original_destination(name: &str, config: &MeshConfig) -> Cluster {
    let mut cluster = Cluster {
        connect_timeout: Some(wkt::duration(config.connect_timeout)),
        lb_policy: cluster::LbPolicy::ClusterProvided.into(),
        ..named(name)
    };
    set_type(&mut cluster, cluster::DiscoveryType::OriginalDst);
    protocol::set(Upstream::AsDownstream, idle(PASSTHROUGH_IDLE), &mut cluster);
    cluster
}

fn named(name: &str) -> Cluster {
    Cluster { name: name.to_owned(), alt_stat_name: names::stat(name), ..Cluster::default() }
}

fn idle(timeout: Duration) -> HttpProtocolOptions {
    HttpProtocolOptions { idle_timeout: Some(wkt::duration(timeout)), ..HttpProtocolOptions::default() }
}
