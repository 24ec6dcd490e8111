//! The HTTP proxy at 15007, for workloads whose traffic nothing captures.
//!
//! It takes requests in absolute form and CONNECT. A tunnel to a TCP service goes to its cluster. A tunnel to an HTTP service
//! holds requests that routes must see, so it ends in an internal listener, whose connection manager routes them by the same
//! table as the proxy itself.

use std::net::IpAddr;
use std::sync::Arc;

use ferro_model::mesh_config::MeshConfig;
use ferro_xds_protos::Kind;

use crate::cluster;
use crate::filter::{GrpcWebClients, UnknownHosts};
use crate::listener::hcm::{Manager, Position, Routes, WEBSOCKET, WEBSOCKET_AND_CONNECT};
use crate::names;
use crate::outbound::Outbound;
use crate::output::Output;
use crate::parts::socket_address;
use crate::pb::core::TrafficDirection;
use crate::pb::listener::{FilterChain, Listener, listener};
use crate::route;
use crate::settings::Settings;

/// What all proxies of a view share: the route table, the end of tunnels, and the way to names that the mesh does not know.
pub(crate) fn shared(view: &Outbound<'_>, out: &mut Output) {
    let table: Arc<str> = names::HTTP_PROXY.into();
    out.shells.push(route::shell(view, &table));
    out.hosts.push(route::catch_all(view, &table));
    out.put(Kind::Cluster, names::ANY_DNS, &cluster::fixed::any_dns(view.config()));
    out.put(Kind::Cluster, names::HTTP_PROXY_CONNECT, &cluster::fixed::internal(names::HTTP_PROXY_CONNECT));
    let tunnelled = Listener {
        name: names::HTTP_PROXY_CONNECT.to_owned(),
        listener_specifier: Some(listener::ListenerSpecifier::InternalListener(listener::InternalListenerConfig {})),
        traffic_direction: TrafficDirection::Outbound.into(),
        filter_chains: vec![chain(view.config(), view.settings, names::HTTP_PROXY_CONNECT, WEBSOCKET)],
        ..Listener::default()
    };
    out.put(Kind::Listener, names::HTTP_PROXY_CONNECT, &tunnelled);
}

/// The listener itself, at the proxy's own address.
pub(crate) fn own(config: &MeshConfig, settings: &Settings, address: IpAddr) -> Listener {
    let address = address.to_string();
    let name = names::listener(&address, names::HTTP_PROXY_PORT);
    Listener {
        address: Some(socket_address(&address, names::HTTP_PROXY_PORT)),
        traffic_direction: TrafficDirection::Outbound.into(),
        filter_chains: vec![chain(config, settings, names::HTTP_PROXY, WEBSOCKET_AND_CONNECT)],
        name,
        ..Listener::default()
    }
}

fn chain(config: &MeshConfig, settings: &Settings, stat: &str, upgrades: &[&str]) -> FilterChain {
    let manager = Manager {
        config,
        settings,
        stat: format!("outbound_{stat}"),
        position: Position::Outbound,
        grpc_web: GrpcWebClients::Unexpected,
        unknown: UnknownHosts::Resolved,
        routes: Routes::Discovered(names::HTTP_PROXY),
        upgrades,
    };
    FilterChain { filters: vec![manager.filter()], ..FilterChain::default() }
}
