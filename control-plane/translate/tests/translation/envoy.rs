//! What a real Envoy says to resources: they are put into a static bootstrap and checked with `--mode validate`.
//!
//! What comes over the stream in production is put in place: endpoints into their clusters, virtual hosts into their table,
//! tables into a connection manager each. The rest is loaded as it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use ferro_xds_protos::envoy::envoy::config::bootstrap::v3::{Admin, Bootstrap, bootstrap};
use ferro_xds_protos::envoy::envoy::config::cluster::v3::{Cluster, cluster};
use ferro_xds_protos::envoy::envoy::config::core::v3::{
    Address, ApiConfigSource, ApiVersion, GrpcService, Node, SocketAddress, TypedExtensionConfig, address,
    api_config_source, grpc_service, socket_address,
};
use ferro_xds_protos::envoy::envoy::config::endpoint::v3::ClusterLoadAssignment;
use ferro_xds_protos::envoy::envoy::config::listener::v3::{Filter, FilterChain, Listener, filter};
use ferro_xds_protos::envoy::envoy::config::route::v3::{RouteConfiguration, VirtualHost};
use ferro_xds_protos::envoy::envoy::extensions::bootstrap::internal_listener::v3::InternalListener;
use ferro_xds_protos::envoy::envoy::extensions::filters::http::{
    cors::v3::Cors, fault::v3::HttpFault, router::v3::Router,
};
use ferro_xds_protos::envoy::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, HttpFilter, http_connection_manager, http_filter,
};
use ferro_xds_protos::{Kind, Resource, wkt};
use prost::{Message, Name};

use crate::dump;

/// Envoy's complaint, if it has one.
pub(crate) fn validate(resources: &[(Kind, Resource)]) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bootstrap.pb");
    std::fs::write(&path, bootstrap(resources).encode_to_vec()).expect("a file");
    let output = Command::new(envoy())
        .args(["--mode", "validate", "--log-level", "error", "-c"])
        .arg(&path)
        .output()
        .expect("Envoy runs: set ENVOY, or put it at dist/envoy");
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn envoy() -> PathBuf {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dist/envoy");
    std::env::var_os("ENVOY").map_or(dist, PathBuf::from)
}

fn bootstrap(resources: &[(Kind, Resource)]) -> Bootstrap {
    let mut listeners: Vec<Listener> = all(resources, Kind::Listener);
    listeners.extend(tables(resources).into_iter().enumerate().map(|(at, table)| carrier(at, table)));
    let mut clusters = with_endpoints(resources);
    clusters.push(Cluster { name: "xds".to_owned(), ..Cluster::default() });
    let envoy = grpc_service::EnvoyGrpc { cluster_name: "xds".to_owned(), ..Default::default() };
    let ads = ApiConfigSource {
        api_type: api_config_source::ApiType::DeltaGrpc.into(),
        transport_api_version: ApiVersion::V3.into(),
        grpc_services: vec![GrpcService {
            target_specifier: Some(grpc_service::TargetSpecifier::EnvoyGrpc(envoy)),
            ..Default::default()
        }],
        ..Default::default()
    };
    Bootstrap {
        node: Some(Node { id: "test".to_owned(), cluster: "test".to_owned(), ..Node::default() }),
        admin: Some(Admin { address: Some(socket(0)), ..Admin::default() }),
        bootstrap_extensions: vec![TypedExtensionConfig {
            name: "envoy.bootstrap.internal_listener".to_owned(),
            typed_config: Some(wkt::any(&InternalListener::default())),
        }],
        dynamic_resources: Some(bootstrap::DynamicResources { ads_config: Some(ads), ..Default::default() }),
        static_resources: Some(bootstrap::StaticResources { listeners, clusters, ..Default::default() }),
        ..Bootstrap::default()
    }
}

/// The decoded resources of one kind.
pub(crate) fn all<M: Message + Default>(resources: &[(Kind, Resource)], kind: Kind) -> Vec<M> {
    let found = resources.iter().filter(|(other, _)| *other == kind);
    found.map(|(_, resource)| M::decode(&*dump::any(resource).value).expect("a message")).collect()
}

/// The route tables with all their virtual hosts, those that travel apart put in.
pub(crate) fn tables(resources: &[(Kind, Resource)]) -> Vec<RouteConfiguration> {
    let mut tables: Vec<RouteConfiguration> = all(resources, Kind::Route);
    for (kind, resource) in resources.iter().filter(|(kind, _)| *kind == Kind::VirtualHost) {
        assert_eq!(*kind, Kind::VirtualHost);
        let (table, _) = resource.name().rsplit_once('/').expect("<table>/<host>");
        let host = VirtualHost::decode(&*dump::any(resource).value).expect("a virtual host");
        assert_eq!(host.name, **resource.name(), "Envoy removes hosts by the name of the resource");
        let found = tables.iter_mut().find(|found| found.name == table);
        found.unwrap_or_else(|| panic!("{} without its table", resource.name())).virtual_hosts.push(host);
    }
    for table in &mut tables {
        assert!(!table.virtual_hosts.is_empty(), "table {} has no host", table.name);
        table.vhds = None;
    }
    tables
}

fn with_endpoints(resources: &[(Kind, Resource)]) -> Vec<Cluster> {
    let assignments: Vec<ClusterLoadAssignment> = all(resources, Kind::Endpoint);
    let mut assignments: BTreeMap<String, ClusterLoadAssignment> =
        assignments.into_iter().map(|found| (found.cluster_name.clone(), found)).collect();
    let mut clusters: Vec<Cluster> = all(resources, Kind::Cluster);
    for cluster in clusters.iter_mut().filter(|cluster| cluster.eds_cluster_config.is_some()) {
        let found = assignments.remove(&cluster.name);
        cluster.load_assignment = Some(found.unwrap_or_else(|| panic!("{} has no assignment", cluster.name)));
        cluster.eds_cluster_config = None;
        let kind = cluster::DiscoveryType::Static.into();
        cluster.cluster_discovery_type = Some(cluster::ClusterDiscoveryType::Type(kind));
    }
    assert!(assignments.is_empty(), "assignments of no cluster: {:?}", assignments.keys());
    clusters
}

fn carrier(at: usize, table: RouteConfiguration) -> Listener {
    let manager = HttpConnectionManager {
        stat_prefix: table.name.clone(),
        http_filters: vec![
            http_filter("envoy.filters.http.fault", &HttpFault::default()),
            http_filter("envoy.filters.http.cors", &Cors {}),
            http_filter("envoy.filters.http.router", &Router::default()),
        ],
        upgrade_configs: vec![http_connection_manager::UpgradeConfig {
            upgrade_type: "CONNECT".to_owned(),
            ..Default::default()
        }],
        route_specifier: Some(http_connection_manager::RouteSpecifier::RouteConfig(table)),
        ..HttpConnectionManager::default()
    };
    let filter = Filter {
        name: "envoy.filters.network.http_connection_manager".to_owned(),
        config_type: Some(filter::ConfigType::TypedConfig(wkt::any(&manager))),
    };
    Listener {
        name: format!("table-{at}"),
        address: Some(socket(u32::try_from(at).expect("few tables") + 40_000)),
        filter_chains: vec![FilterChain { filters: vec![filter], ..FilterChain::default() }],
        ..Listener::default()
    }
}

fn http_filter<M: Message + Name>(name: &str, config: &M) -> HttpFilter {
    HttpFilter {
        name: name.to_owned(),
        config_type: Some(http_filter::ConfigType::TypedConfig(wkt::any(config))),
        ..HttpFilter::default()
    }
}

fn socket(port: u32) -> Address {
    let socket = SocketAddress {
        address: "127.0.0.1".to_owned(),
        port_specifier: Some(socket_address::PortSpecifier::PortValue(port)),
        ..SocketAddress::default()
    };
    Address { address: Some(address::Address::SocketAddress(socket)) }
}
