//! Resources that a real Envoy takes and serves by.

use std::net::SocketAddr;

use ferro_xds::Update;
use ferro_xds_protos::{
    Kind, Resource,
    envoy::{
        envoy::{
            config::{
                cluster::v3::{
                    Cluster,
                    cluster::{
                        ClusterDiscoveryType, DiscoveryType, EdsClusterConfig, LbConfig, LbPolicy, RingHashLbConfig,
                    },
                },
                core::v3::{
                    Address, AggregatedConfigSource, ApiVersion, ConfigSource, SocketAddress, address,
                    config_source::ConfigSourceSpecifier, socket_address::PortSpecifier,
                },
                endpoint::v3::{
                    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints, lb_endpoint::HostIdentifier,
                },
                listener::v3::{Filter, FilterChain, Listener, filter::ConfigType},
                route::v3::{
                    Route, RouteAction, RouteConfiguration, RouteMatch, Vhds, VirtualHost, route::Action,
                    route_action::ClusterSpecifier, route_match::PathSpecifier,
                },
            },
            extensions::filters::{
                http::router::v3::Router,
                network::http_connection_manager::v3::{
                    HttpConnectionManager, HttpFilter, Rds, http_connection_manager::RouteSpecifier, http_filter,
                },
            },
        },
        google::protobuf::{Any, Duration, UInt32Value, UInt64Value},
    },
};

const HCM: &str =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";

pub(crate) type Change = (Kind, Update);

/// An EDS cluster. The revision changes what only a new cluster can have.
pub(crate) fn cluster(name: &str, revision: i64) -> Change {
    put(Kind::Cluster, name, &eds_cluster(name, revision))
}

/// A cluster that breaks a constraint of its message: Envoy refuses the whole response (M4).
pub(crate) fn malformed_cluster(name: &str) -> Change {
    let mut cluster = eds_cluster(name, 1);
    cluster.per_connection_buffer_limit_bytes = Some(UInt32Value { value: 1 });
    cluster.connect_timeout = Some(Duration { seconds: -1, nanos: 0 });
    put(Kind::Cluster, name, &cluster)
}

/// A cluster that only Envoy's own check refuses (M5): the smallest ring is larger than the largest.
pub(crate) fn impossible_cluster(name: &str) -> Change {
    let mut cluster = eds_cluster(name, 1);
    cluster.lb_policy = LbPolicy::RingHash.into();
    cluster.lb_config = Some(LbConfig::RingHashLbConfig(RingHashLbConfig {
        minimum_ring_size: Some(UInt64Value { value: 2048 }),
        maximum_ring_size: Some(UInt64Value { value: 16 }),
        ..Default::default()
    }));
    put(Kind::Cluster, name, &cluster)
}

/// The endpoints of a cluster.
pub(crate) fn endpoints(cluster: &str, backends: &[SocketAddr]) -> Change {
    let endpoint = |address: &SocketAddr| LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(Endpoint {
            address: Some(socket(&address.ip().to_string(), address.port())),
            ..Default::default()
        })),
        ..Default::default()
    };
    let locality = LocalityLbEndpoints { lb_endpoints: backends.iter().map(endpoint).collect(), ..Default::default() };
    let endpoints = if backends.is_empty() { Vec::new() } else { vec![locality] };
    let assignment = ClusterLoadAssignment { cluster_name: cluster.to_owned(), endpoints, ..Default::default() };
    put(Kind::Endpoint, cluster, &assignment)
}

/// An HTTP listener on 127.0.0.1 that routes by the route configuration named.
pub(crate) fn listener(name: &str, port: u16, route: &str) -> Change {
    let rds = Rds { config_source: Some(ads()), route_config_name: route.to_owned() };
    let router = HttpFilter {
        name: "envoy.filters.http.router".to_owned(),
        config_type: Some(http_filter::ConfigType::TypedConfig(any(ROUTER, &Router::default()))),
        ..Default::default()
    };
    let manager = HttpConnectionManager {
        stat_prefix: name.to_owned(),
        route_specifier: Some(RouteSpecifier::Rds(rds)),
        http_filters: vec![router],
        ..Default::default()
    };
    let filter = Filter {
        name: "envoy.filters.network.http_connection_manager".to_owned(),
        config_type: Some(ConfigType::TypedConfig(any(HCM, &manager))),
    };
    let listener = Listener {
        name: name.to_owned(),
        address: Some(socket("127.0.0.1", port)),
        filter_chains: vec![FilterChain { filters: vec![filter], ..Default::default() }],
        ..Default::default()
    };
    put(Kind::Listener, name, &listener)
}

/// A route configuration that sends everything to one cluster.
pub(crate) fn route(name: &str, cluster: &str) -> Change {
    let virtual_hosts = vec![host("all", "*", cluster)];
    put(Kind::Route, name, &RouteConfiguration { name: name.to_owned(), virtual_hosts, ..Default::default() })
}

/// A route configuration whose hosts come by VHDS.
pub(crate) fn route_with_vhds(name: &str, revision: u32) -> Change {
    let configuration = RouteConfiguration {
        name: name.to_owned(),
        vhds: Some(Vhds { config_source: Some(ads()) }),
        internal_only_headers: vec![format!("x-revision-{revision}")],
        ..Default::default()
    };
    put(Kind::Route, name, &configuration)
}

/// A virtual host of a route configuration: one domain, one cluster. Its own name is the resource's: Envoy keeps hosts
/// by the one and removes them by the other, and a removal it does not recognise changes nothing.
pub(crate) fn virtual_host(route: &str, name: &str, domain: &str, cluster: &str) -> Change {
    let name = format!("{route}/{name}");
    put(Kind::VirtualHost, &name, &host(&name, domain, cluster))
}

/// A resource that is no more.
pub(crate) fn gone(kind: Kind, name: &str) -> Change {
    (kind, Update::gone(name))
}

fn host(name: &str, domain: &str, cluster: &str) -> VirtualHost {
    let action =
        RouteAction { cluster_specifier: Some(ClusterSpecifier::Cluster(cluster.to_owned())), ..Default::default() };
    let route = Route {
        r#match: Some(RouteMatch { path_specifier: Some(PathSpecifier::Prefix("/".to_owned())), ..Default::default() }),
        action: Some(Action::Route(action)),
        ..Default::default()
    };
    VirtualHost { name: name.to_owned(), domains: vec![domain.to_owned()], routes: vec![route], ..Default::default() }
}

fn eds_cluster(name: &str, revision: i64) -> Cluster {
    Cluster {
        name: name.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())),
        eds_cluster_config: Some(EdsClusterConfig { eds_config: Some(ads()), ..Default::default() }),
        connect_timeout: Some(Duration { seconds: revision, nanos: 0 }),
        ..Default::default()
    }
}

fn ads() -> ConfigSource {
    ConfigSource {
        resource_api_version: ApiVersion::V3.into(),
        config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
        ..Default::default()
    }
}

fn socket(address: &str, port: u16) -> Address {
    let socket = SocketAddress {
        address: address.to_owned(),
        port_specifier: Some(PortSpecifier::PortValue(port.into())),
        ..Default::default()
    };
    Address { address: Some(address::Address::SocketAddress(socket)) }
}

fn any(type_url: &str, message: &impl prost::Message) -> Any {
    Any { type_url: type_url.to_owned(), value: message.encode_to_vec() }
}

fn put(kind: Kind, name: &str, message: &impl prost::Message) -> Change {
    (
        kind,
        Update::put(Resource::from_parts(kind.type_url(), name.into(), version_of(message), &message.encode_to_vec())),
    )
}

/// The text of a message is deterministic enough for a test: none of these has a map.
fn version_of(message: &impl prost::Message) -> std::sync::Arc<str> {
    let bytes = message.encode_to_vec();
    format!(
        "{:x}",
        bytes
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| { (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3) })
    )
    .into()
}
