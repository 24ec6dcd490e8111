//! The few Envoy resources the tests need.

use std::net::{IpAddr, SocketAddr};

use ferro_xds_protos::{
    Kind,
    envoy::{
        envoy::{
            config::{
                cluster::v3::{
                    Cluster,
                    cluster::{ClusterDiscoveryType, DiscoveryType},
                },
                core::v3::{
                    Address, AggregatedConfigSource, ApiVersion, ConfigSource, ExtensionConfigSource, SocketAddress,
                    TypedExtensionConfig, address, config_source::ConfigSourceSpecifier, socket_address::PortSpecifier,
                },
                endpoint::v3::{
                    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints, lb_endpoint::HostIdentifier,
                },
                listener::v3::{Filter, FilterChain, Listener, filter::ConfigType},
                route::v3::{
                    Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost, route::Action,
                    route_action::ClusterSpecifier, route_match::PathSpecifier,
                },
            },
            extensions::filters::{
                http::{buffer::v3::Buffer, router::v3::Router},
                network::http_connection_manager::v3::{
                    HttpConnectionManager, HttpFilter, Rds, http_connection_manager::RouteSpecifier,
                    http_filter::ConfigType as HttpFilterConfig,
                },
            },
        },
        google::protobuf::Any,
    },
    ferromesh::v1::NameTable,
    wkt,
};

use crate::fake_ferrod::FakeFerrod;

/// The name of the inbound cluster of port 8080.
pub(crate) const CLUSTER: &str = "inbound|8080||";
/// The name of its route configuration.
pub(crate) const ROUTE: &str = "inbound.8080";
/// The name of a filter whose configuration comes by ECDS.
pub(crate) const FILTER: &str = "ferromesh.test";

/// Makes ferrod serve what a workload on `ip` needs to pass port 8080 to the application.
pub(crate) fn serve_inbound(ferrod: &FakeFerrod, ip: IpAddr, application: SocketAddr) {
    ferrod.serve(Kind::Cluster, CLUSTER, wkt::any(&cluster(application)));
    ferrod.serve(Kind::Route, ROUTE, wkt::any(&route()));
    ferrod.serve(Kind::ExtensionConfig, FILTER, wkt::any(&filter()));
    let name = format!("{ip}_8080");
    ferrod.serve(Kind::Listener, &name, wkt::any(&listener(&name, SocketAddr::new(ip, 8080))));
}

/// Makes ferrod serve a host of the mesh.
pub(crate) fn serve_name(ferrod: &FakeFerrod, host: &str, ip: &str) {
    let table = NameTable { name: host.to_owned(), ips: vec![ip.to_owned()], ttl_seconds: 30, ..NameTable::default() };
    let resource = Any { type_url: Kind::NameTable.type_url().to_owned(), value: encode(&table) };
    ferrod.serve(Kind::NameTable, host, resource);
}

fn encode<M: prost::Message>(message: &M) -> Vec<u8> {
    message.encode_to_vec()
}

fn address(address: SocketAddr) -> Address {
    let socket = SocketAddress {
        address: address.ip().to_string(),
        port_specifier: Some(PortSpecifier::PortValue(address.port().into())),
        ..SocketAddress::default()
    };
    Address { address: Some(address::Address::SocketAddress(socket)) }
}

fn cluster(application: SocketAddr) -> Cluster {
    let endpoint = Endpoint { address: Some(address(application)), ..Endpoint::default() };
    let endpoint = LbEndpoint { host_identifier: Some(HostIdentifier::Endpoint(endpoint)), ..LbEndpoint::default() };
    Cluster {
        name: CLUSTER.to_owned(),
        alt_stat_name: format!("{CLUSTER};"),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Static.into())),
        load_assignment: Some(ClusterLoadAssignment {
            cluster_name: CLUSTER.to_owned(),
            endpoints: vec![LocalityLbEndpoints { lb_endpoints: vec![endpoint], ..LocalityLbEndpoints::default() }],
            ..ClusterLoadAssignment::default()
        }),
        ..Cluster::default()
    }
}

fn route() -> RouteConfiguration {
    let route = Route {
        name: "default".to_owned(),
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::Prefix("/".to_owned())),
            ..RouteMatch::default()
        }),
        action: Some(Action::Route(RouteAction {
            cluster_specifier: Some(ClusterSpecifier::Cluster(CLUSTER.to_owned())),
            ..RouteAction::default()
        })),
        ..Route::default()
    };
    let host = VirtualHost {
        name: "inbound|http|8080".to_owned(),
        domains: vec!["*".to_owned()],
        routes: vec![route],
        ..VirtualHost::default()
    };
    RouteConfiguration { name: ROUTE.to_owned(), virtual_hosts: vec![host], ..RouteConfiguration::default() }
}

fn filter() -> TypedExtensionConfig {
    let buffer = Buffer { max_request_bytes: Some(wkt::uint32(1 << 20)) };
    TypedExtensionConfig { name: FILTER.to_owned(), typed_config: Some(wkt::any(&buffer)) }
}

fn by_ads() -> ConfigSource {
    ConfigSource {
        resource_api_version: ApiVersion::V3.into(),
        config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
        ..ConfigSource::default()
    }
}

fn listener(name: &str, bind: SocketAddr) -> Listener {
    let discovered = HttpFilter {
        name: FILTER.to_owned(),
        config_type: Some(HttpFilterConfig::ConfigDiscovery(ExtensionConfigSource {
            config_source: Some(by_ads()),
            type_urls: vec![wkt::any(&Buffer::default()).type_url],
            ..ExtensionConfigSource::default()
        })),
        ..HttpFilter::default()
    };
    let router = HttpFilter {
        name: "envoy.filters.http.router".to_owned(),
        config_type: Some(HttpFilterConfig::TypedConfig(wkt::any(&Router::default()))),
        ..HttpFilter::default()
    };
    let manager = HttpConnectionManager {
        stat_prefix: format!("inbound_{name};"),
        route_specifier: Some(RouteSpecifier::Rds(Rds {
            config_source: Some(by_ads()),
            route_config_name: ROUTE.to_owned(),
        })),
        http_filters: vec![discovered, router],
        ..HttpConnectionManager::default()
    };
    let filter = Filter {
        name: "envoy.filters.network.http_connection_manager".to_owned(),
        config_type: Some(ConfigType::TypedConfig(wkt::any(&manager))),
    };
    Listener {
        name: name.to_owned(),
        address: Some(address(bind)),
        filter_chains: vec![FilterChain { filters: vec![filter], ..FilterChain::default() }],
        ..Listener::default()
    }
}
