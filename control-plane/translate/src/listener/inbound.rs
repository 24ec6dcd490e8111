//! Inbound listeners: what callers of the workload meet.

use ferro_model::mesh::Protocol;
use ferro_xds_protos::wkt;

use crate::filter::{GrpcWebClients, UnknownHosts};
use crate::listener::hcm::{Manager, Position, Routes, WEBSOCKET};
use crate::listener::tcp::Target;
use crate::listener::{access_log, http_inspector, inspect, original_dst, sniffed_http};
use crate::local::Local;
use crate::names;
use crate::parts::{listening, socket_address};
use crate::pb::core::TrafficDirection;
use crate::pb::listener::{
    FilterChain, FilterChainMatch, Listener, ListenerFilter, ListenerFilterChainMatchPredicate,
    listener_filter_chain_match_predicate as predicate,
};
use crate::pb::types::v3::Int32Range;
use crate::route;
use crate::view::{Binding, InboundPort};

/// The listener at 15006, to which all captured calls come.
pub(crate) fn captured(local: &Local<'_>) -> Listener {
    let mut chains = vec![blackhole(local)];
    for port in local.ports() {
        chains.extend(port_chains(local, port, Some(port.target)));
    }
    chains.extend(catch_all(local));
    let listener = Listener {
        name: names::VIRTUAL_INBOUND.to_owned(),
        traffic_direction: TrafficDirection::Inbound.into(),
        filter_chains: chains,
        access_log: access_log::unmatched(local.config()),
        listener_filters: vec![original_dst(), undeclared_only(http_inspector(), local.ports())],
        listener_filters_timeout: Some(wkt::duration(local.config().protocol_detection_timeout)),
        continue_on_listener_filters_timeout: true,
        ..Listener::default()
    };
    listening(local.key.families.wildcards(), names::INBOUND_PORT, listener)
}

/// A listener at the proxy's own address, for one port of a workload whose traffic nothing captures.
pub(crate) fn bound(local: &Local<'_>, binding: &Binding, port: &InboundPort) -> Listener {
    let address = binding.address.to_string();
    let mut listener = Listener {
        name: names::listener(&address, port.target),
        address: Some(socket_address(&address, port.target)),
        traffic_direction: TrafficDirection::Inbound.into(),
        filter_chains: port_chains(local, port, None),
        ..Listener::default()
    };
    inspect(local.config(), &mut listener);
    listener
}

fn blackhole(local: &Local<'_>) -> FilterChain {
    FilterChain {
        name: "virtualInbound-blackhole".to_owned(),
        filter_chain_match: Some(at_port(names::INBOUND_PORT)),
        filters: vec![Target::cluster(names::BLACK_HOLE).filter(local.config())],
        ..FilterChain::default()
    }
}

// Ports that no service declares.
fn catch_all(local: &Local<'_>) -> [FilterChain; 2] {
    let cluster = names::INBOUND_PASSTHROUGH;
    let manager = Manager {
        config: local.config(),
        settings: local.settings,
        stat: cluster.to_owned(),
        position: Position::Inbound,
        grpc_web: GrpcWebClients::Unexpected,
        unknown: UnknownHosts::Unresolved,
        routes: Routes::Inline(Box::new(route::inbound::passthrough(cluster))),
        upgrades: WEBSOCKET,
    };
    let http = FilterChain {
        name: "virtualInbound-catchall-http".to_owned(),
        filter_chain_match: Some(sniffed_http()),
        filters: vec![manager.filter()],
        ..FilterChain::default()
    };
    let bytes = FilterChain {
        name: names::VIRTUAL_INBOUND.to_owned(),
        filters: vec![Target::cluster(cluster).filter(local.config())],
        ..FilterChain::default()
    };
    [http, bytes]
}

fn port_chains(local: &Local<'_>, port: &InboundPort, destination: Option<u16>) -> Vec<FilterChain> {
    let http = port.protocol.is_http() || port.protocol == Protocol::Auto;
    let bytes = !port.protocol.is_http();
    let name = names::listener(local.key.families.wildcard(), port.target);
    let mut chains = Vec::new();
    if http {
        let sniff = if bytes { sniffed_http() } else { FilterChainMatch::default() };
        chains.push(FilterChain {
            name: name.clone(),
            filter_chain_match: matching(destination, sniff),
            filters: vec![manager(local, port, &name).filter()],
            ..FilterChain::default()
        });
    }
    if bytes {
        let cluster = names::inbound_cluster(port.target);
        chains.push(FilterChain {
            name,
            filter_chain_match: matching(destination, FilterChainMatch::default()),
            filters: vec![Target::cluster(cluster).filter(local.config())],
            ..FilterChain::default()
        });
    }
    chains
}

fn manager<'a>(local: &Local<'a>, port: &InboundPort, name: &str) -> Manager<'a> {
    Manager {
        config: local.config(),
        settings: local.settings,
        stat: format!("inbound_{name}"),
        position: Position::Inbound,
        grpc_web: GrpcWebClients::of([port.protocol]),
        unknown: UnknownHosts::Unresolved,
        routes: Routes::Inline(Box::new(route::inbound::table(port))),
        upgrades: WEBSOCKET,
    }
}

fn matching(destination: Option<u16>, more: FilterChainMatch) -> Option<FilterChainMatch> {
    let port = destination.map(|port| wkt::uint32(port.into()));
    let found = FilterChainMatch { destination_port: port, ..more };
    (found != FilterChainMatch::default()).then_some(found)
}

fn at_port(port: u16) -> FilterChainMatch {
    FilterChainMatch { destination_port: Some(wkt::uint32(port.into())), ..FilterChainMatch::default() }
}

// Looking at the first bytes would hang a port whose server speaks first; a declared protocol needs no looking.
fn undeclared_only<'a>(filter: ListenerFilter, ports: impl Iterator<Item = &'a InboundPort>) -> ListenerFilter {
    let declared = ports.filter(|port| port.protocol != Protocol::Auto);
    let mut rules: Vec<ListenerFilterChainMatchPredicate> = declared
        .map(|port| {
            let range = Int32Range { start: port.target.into(), end: i32::from(port.target) + 1 };
            ListenerFilterChainMatchPredicate { rule: Some(predicate::Rule::DestinationPortRange(range)) }
        })
        .collect();
    let disabled = match rules.len() {
        0 | 1 => rules.pop(),
        _ => {
            let any = predicate::MatchSet { rules };
            Some(ListenerFilterChainMatchPredicate { rule: Some(predicate::Rule::OrMatch(any)) })
        }
    };
    ListenerFilter { filter_disabled: disabled, ..filter }
}
