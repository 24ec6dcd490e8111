//! The real Envoy behind the relay.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use ferro_xds::{Update, What};
use ferro_xds_protos::{
    Kind, Resource,
    envoy::envoy::{
        config::{
            cluster::v3::{
                Cluster,
                cluster::{
                    ClusterDiscoveryType, DiscoveryType, EdsClusterConfig, LbConfig, LbPolicy, RingHashLbConfig,
                },
            },
            core::v3::{
                Address, AggregatedConfigSource, ApiVersion, ConfigSource, DataSource, SocketAddress, address,
                config_source::ConfigSourceSpecifier, data_source::Specifier, socket_address::PortSpecifier,
            },
            endpoint::v3::ClusterLoadAssignment,
            listener::v3::{Filter, FilterChain, Listener, filter},
            route::v3::{
                DirectResponseAction, Route, RouteConfiguration, RouteMatch, VirtualHost, route,
                route_match::PathSpecifier,
            },
        },
        extensions::filters::{
            http::router::v3::Router,
            network::http_connection_manager::v3::{
                HttpConnectionManager, HttpFilter, Rds, http_connection_manager::RouteSpecifier, http_filter,
            },
        },
    },
    wkt,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, Command},
    time::{Instant, sleep},
};

use super::{Agent, Ferrod, LONG, folder};

fn ads() -> Option<ConfigSource> {
    let ads = ConfigSourceSpecifier::Ads(AggregatedConfigSource {});
    Some(ConfigSource {
        config_source_specifier: Some(ads),
        resource_api_version: ApiVersion::V3.into(),
        ..Default::default()
    })
}

fn cluster(name: &str) -> Cluster {
    Cluster {
        name: name.into(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())),
        eds_cluster_config: Some(EdsClusterConfig { eds_config: ads(), ..Default::default() }),
        connect_timeout: Some(wkt::duration(Duration::from_secs(1))),
        ..Default::default()
    }
}

/// Passes the check of every field and fails Envoy's own (reliability.md, M5).
fn cluster_envoy_refuses(name: &str) -> Cluster {
    let ring = RingHashLbConfig {
        minimum_ring_size: Some(wkt::uint64(2000)),
        maximum_ring_size: Some(wkt::uint64(1000)),
        ..Default::default()
    };
    let lb_config = Some(LbConfig::RingHashLbConfig(ring));
    Cluster { lb_policy: LbPolicy::RingHash.into(), lb_config, ..cluster(name) }
}

fn listener(port: u16) -> Listener {
    let router = HttpFilter {
        name: "router".into(),
        config_type: Some(http_filter::ConfigType::TypedConfig(wkt::any(&Router::default()))),
        ..Default::default()
    };
    let manager = HttpConnectionManager {
        stat_prefix: "http".into(),
        http_filters: vec![router],
        route_specifier: Some(RouteSpecifier::Rds(Rds { config_source: ads(), route_config_name: "r".into() })),
        ..Default::default()
    };
    let filter = Filter { name: "http".into(), config_type: Some(filter::ConfigType::TypedConfig(wkt::any(&manager))) };
    let address = SocketAddress {
        address: "127.0.0.1".into(),
        port_specifier: Some(PortSpecifier::PortValue(port.into())),
        ..Default::default()
    };
    Listener {
        name: "l".into(),
        address: Some(Address { address: Some(address::Address::SocketAddress(address)) }),
        filter_chains: vec![FilterChain { filters: vec![filter], ..Default::default() }],
        ..Default::default()
    }
}

/// Answers everything with `text`.
fn routes(text: &str) -> RouteConfiguration {
    let body = DataSource { specifier: Some(Specifier::InlineString(text.into())), ..Default::default() };
    let action = DirectResponseAction { status: 200, body: Some(body), ..Default::default() };
    let any_path = RouteMatch { path_specifier: Some(PathSpecifier::Prefix("/".into())), ..Default::default() };
    let route =
        Route { r#match: Some(any_path), action: Some(route::Action::DirectResponse(action)), ..Default::default() };
    let host = VirtualHost { name: "all".into(), domains: vec!["*".into()], routes: vec![route], ..Default::default() };
    RouteConfiguration { name: "r".into(), virtual_hosts: vec![host], ..Default::default() }
}

fn put<M: prost::Message>(ferrod: &Ferrod, kind: Kind, name: &str, message: &M) {
    ferrod.apply([(kind, Update::put(Resource::encode(kind, name, message)))]);
}

fn mesh(ferrod: &Ferrod, port: u16) {
    put(ferrod, Kind::Cluster, "c", &cluster("c"));
    put(ferrod, Kind::Endpoint, "c", &ClusterLoadAssignment { cluster_name: "c".into(), ..Default::default() });
    put(ferrod, Kind::Listener, "l", &listener(port));
    put(ferrod, Kind::Route, "r", &routes("one"));
}

/// A process of Envoy; killed when dropped.
fn start_envoy(folder: &Path) -> Child {
    let binary = std::env::var_os("ENVOY")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/envoy"), PathBuf::from);
    let ads = serde_json::json!({"ads": {}, "resource_api_version": "V3"});
    let http2 = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let bootstrap = serde_json::json!({
        "node": {"id": "envoy", "cluster": "test"},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": "agent"}}],
            },
            "cds_config": ads,
            "lds_config": ads,
        },
        "static_resources": {"clusters": [{
            "name": "agent",
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": http2,
                "explicit_http_config": {"http2_protocol_options": {}},
            }},
            "load_assignment": {"cluster_name": "agent", "endpoints": [{"lb_endpoints": [{
                "endpoint": {"address": {"pipe": {"path": folder.join("xds.sock")}}},
            }]}]},
        }]},
    });
    Command::new(&binary)
        .args(["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning", "--config-yaml"])
        .arg(bootstrap.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{} does not start: {error}", binary.display()))
}

async fn get(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.rsplit("\r\n").next().unwrap_or_default().to_owned())
}

async fn answers(port: u16, text: &str) {
    let deadline = Instant::now() + LONG;
    loop {
        let answer = get(port).await;
        if answer.as_ref().is_ok_and(|answer| answer == text) {
            return;
        }
        assert!(Instant::now() < deadline, "{answer:?} and not {text}");
        sleep(Duration::from_millis(10)).await;
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[tokio::test]
async fn a_real_envoy_serves_through_the_loss_of_everything_around_it() {
    let (folder, port) = (folder(), free_port());
    let mut ferrod = Ferrod::started(folder.path());
    mesh(&ferrod, port);
    let agent = Agent::start(folder.path());
    let mut envoy = start_envoy(folder.path());
    answers(port, "one").await;
    put(&ferrod, Kind::Route, "r", &routes("two"));
    answers(port, "two").await;
    agent.saved().await;

    ferrod.kill();
    agent.disconnected().await;
    answers(port, "two").await;
    envoy.kill().await.expect("Envoy is killed");
    let mut envoy = start_envoy(folder.path());
    answers(port, "two").await;

    envoy.kill().await.expect("Envoy is killed");
    let agent = agent.restart().await;
    let _envoy = start_envoy(folder.path());
    answers(port, "two").await;
    assert_eq!(agent.status.read().cache.fills, 1);

    put(&ferrod, Kind::Route, "r", &routes("three"));
    ferrod.start();
    answers(port, "three").await;
}

#[tokio::test]
async fn the_words_of_a_real_envoy_reach_ferrod_and_nothing_else_breaks() {
    let (folder, port) = (folder(), free_port());
    let ferrod = Ferrod::started(folder.path());
    mesh(&ferrod, port);
    let _agent = Agent::start(folder.path());
    let _envoy = start_envoy(folder.path());
    answers(port, "one").await;
    put(&ferrod, Kind::Cluster, "bad", &cluster_envoy_refuses("bad"));
    let reason = ferrod.sees(|what| match what {
        What::Nacked { kind: Kind::Cluster, status, .. } => Some(status.message.clone()),
        _ => None,
    });
    let reason = reason.await;
    assert!(reason.contains("bad"), "{reason}");
    put(&ferrod, Kind::Route, "r", &routes("two"));
    answers(port, "two").await;
}
