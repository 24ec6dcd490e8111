//! Outbound listeners that many services share: the catch-all at 15001 and one per port number.

use std::sync::Arc;

use ferro_model::mesh::{EgressBinding, EgressListener, Protocol, Resolution, Service, ServiceAddress, ServicePort};
use ferro_xds_protos::{Kind, wkt};

use crate::filter::UnknownHosts;
use crate::finding::Code;
use crate::l4;
use crate::listener::hcm::{Manager, Position, Routes, WEBSOCKET};
use crate::listener::tcp::Target;
use crate::listener::{access_log, clear_http, inspect, proxy};
use crate::names;
use crate::outbound::{Outbound, Role};
use crate::output::Output;
use crate::parts::socket_address;
use crate::pb::core::TrafficDirection;
use crate::pb::listener::{FilterChain, FilterChainMatch, Listener};
use crate::{cluster, route};

/// What no service changes.
pub(crate) fn fixed(view: &Outbound<'_>, out: &mut Output) {
    out.put(Kind::Cluster, names::BLACK_HOLE, &cluster::fixed::black_hole());
    match view.role {
        Role::Captured => {
            unsupported(view, out);
            out.put(Kind::Cluster, names::PASSTHROUGH, &cluster::fixed::passthrough(view.config()));
            if view.unknown_hosts() == UnknownHosts::Resolved {
                out.put(Kind::Cluster, names::ANY_DNS, &cluster::fixed::any_dns(view.config()));
            }
            out.put(Kind::Listener, names::VIRTUAL_OUTBOUND, &virtual_outbound(view));
        }
        Role::HttpProxy => proxy::shared(view, out),
        Role::Gateway => {}
    }
}

// Listeners that a Sidecar asks for and that are not built yet.
fn unsupported(view: &Outbound<'_>, out: &mut Output) {
    let Some(sidecar) = &view.scope.sidecar else { return };
    for (index, listener) in view.scope.listeners.iter().enumerate() {
        let what = match listener.binding {
            EgressBinding::CatchAll | EgressBinding::Port { .. } => continue,
            EgressBinding::HttpProxy { .. } => "an HTTP proxy of one's own",
            EgressBinding::UnixSocket { .. } => "listening at a Unix socket",
        };
        let message = format!("{what} is not supported yet; nothing listens there");
        out.find(Code::Unsupported, &sidecar.key, format!("spec.egress[{index}]"), message);
    }
}

/// Where connections go that no listener knows. They carry no name, so there is nothing to resolve.
fn unknown(view: &Outbound<'_>) -> String {
    match (view.allows_any(), view.unknown_hosts()) {
        (false, _) => names::BLACK_HOLE.to_owned(),
        (true, UnknownHosts::Resolved) => names::PASSTHROUGH.to_owned(),
        (true, UnknownHosts::Unresolved) => view.unknown_cluster(),
    }
}

fn virtual_outbound(view: &Outbound<'_>) -> Listener {
    let config = view.config();
    let own_port = FilterChainMatch {
        destination_port: Some(wkt::uint32(names::OUTBOUND_PORT.into())),
        ..FilterChainMatch::default()
    };
    // Nobody calls 15001 itself; passing that on would loop.
    let blackhole = FilterChain {
        name: "virtualOutbound-blackhole".to_owned(),
        filter_chain_match: Some(own_port),
        filters: vec![Target::cluster(names::BLACK_HOLE).filter(config)],
        ..FilterChain::default()
    };
    let rest = FilterChain {
        name: "virtualOutbound-catchall-tcp".to_owned(),
        filters: vec![Target::cluster(unknown(view)).filter(config)],
        ..FilterChain::default()
    };
    Listener {
        name: names::VIRTUAL_OUTBOUND.to_owned(),
        address: Some(socket_address(view.key.families.wildcard(), names::OUTBOUND_PORT)),
        use_original_dst: Some(wkt::boolean(true)),
        access_log: access_log::unmatched(config),
        traffic_direction: TrafficDirection::Outbound.into(),
        filter_chains: vec![blackhole, rest],
        ..Listener::default()
    }
}

/// The listener of a port number, if any service needs one, and its route table.
pub(crate) fn port(view: &Outbound<'_>, number: u16, out: &mut Output) {
    let Some(listener) = view.port_listeners().find(|listener| view.serves(listener, number)) else { return };
    let services = view.services_at(listener, number);
    let address = listener.bind.as_deref().unwrap_or(view.key.families.wildcard());
    let http = services.iter().any(|(service, port)| shares_http(service, port));
    let mut chains = Vec::new();
    if http {
        chains.push(http_chain(view, address, number));
        let table: Arc<str> = number.to_string().into();
        out.shells.push(route::shell(view, &table));
        out.hosts.push(route::catch_all(view, &table));
    }
    let fallback = carried(view, &services, &mut chains, out);
    if chains.is_empty() && fallback.is_none() {
        return;
    }
    let default = fallback.unwrap_or_else(|| FilterChain {
        name: names::PASSTHROUGH_CHAIN.to_owned(),
        filters: vec![Target::cluster(unknown(view)).filter(view.config())],
        ..FilterChain::default()
    });
    let message = captured(view, listener, address, number, chains, default);
    out.put(Kind::Listener, &message.name, &message);
}

/// Whether requests to the port are told apart by host at a listener that all services with that number share.
fn shares_http(service: &Service, port: &ServicePort) -> bool {
    port.protocol.is_http() || (port.protocol == Protocol::Auto && !has_own_listener(service, port))
}

/// Whether connections to the port are told apart by the address they go to, so that the service has its own listeners.
pub(crate) fn has_own_listener(service: &Service, port: &ServicePort) -> bool {
    let by_address = port.protocol.is_tcp() || port.protocol == Protocol::Auto;
    by_address && (service.ips().next().is_some() || service.resolution == Resolution::Headless)
}

/// A listener for captured traffic: 15001 hands connections over by their original address.
pub(crate) fn captured(
    view: &Outbound<'_>,
    listener: &EgressListener,
    address: &str,
    number: u16,
    chains: Vec<FilterChain>,
    default: FilterChain,
) -> Listener {
    let mut message = Listener {
        name: names::listener(address, number),
        address: Some(socket_address(address, number)),
        bind_to_port: Some(wkt::boolean(view.binds(listener))),
        traffic_direction: TrafficDirection::Outbound.into(),
        filter_chains: chains,
        default_filter_chain: Some(default),
        access_log: access_log::unmatched(view.config()),
        ..Listener::default()
    };
    inspect(view.config(), &mut message);
    message
}

fn http_chain(view: &Outbound<'_>, address: &str, number: u16) -> FilterChain {
    let manager = Manager {
        config: view.config(),
        settings: view.settings,
        stat: format!("outbound_{}", names::listener(address, number)),
        position: Position::Outbound,
        unknown: view.unknown_hosts(),
        routes: Routes::Discovered(&number.to_string()),
        upgrades: WEBSOCKET,
    };
    FilterChain { filter_chain_match: Some(clear_http()), filters: vec![manager.filter()], ..FilterChain::default() }
}

// Services whose bytes are carried and that have no address of their own: told apart by address range or server name, or not
// at all, in which case the oldest has the port for itself.
fn carried(
    view: &Outbound<'_>,
    services: &[(Arc<Service>, ServicePort)],
    chains: &mut Vec<FilterChain>,
    out: &mut Output,
) -> Option<FilterChain> {
    let mut fallback: Option<(Arc<Service>, FilterChain)> = None;
    let carried = services.iter().filter(|(service, port)| port.protocol.is_tcp() && !has_own_listener(service, port));
    let mut by_age: Vec<_> = carried.collect();
    by_age.sort_by(|(a, _), (b, _)| (&a.precedence, &a.host).cmp(&(&b.precedence, &b.host)));
    for (service, port) in by_age {
        let ranges: Vec<_> = service
            .addresses
            .iter()
            .filter_map(|address| match address {
                ServiceAddress::Range(first, prefix) => Some((*first, *prefix)),
                ServiceAddress::Ip(_) => None,
            })
            .collect();
        let rules = l4::chains(view, service, port, &ranges, out);
        for chain in rules {
            let open = chain.filter_chain_match.is_none();
            match &fallback {
                _ if !open => add_unique(chains, chain, service, out),
                None => fallback = Some((Arc::clone(service), chain)),
                Some((holder, _)) => out.find(
                    Code::Conflict,
                    &service.object(),
                    format!("port {}", port.number),
                    format!(
                        "connections to port {} cannot be told from those to {} ({}), which is older and gets them; \
                         give the service an address",
                        port.number,
                        holder.host,
                        holder.object()
                    ),
                ),
            }
        }
    }
    fallback.map(|(_, chain)| chain)
}

// Envoy refuses a listener with two equal matches.
fn add_unique(chains: &mut Vec<FilterChain>, chain: FilterChain, service: &Service, out: &mut Output) {
    if chains.iter().any(|taken| taken.filter_chain_match == chain.filter_chain_match) {
        let message = "an older service has the same addresses and server names at this port and gets its connections";
        out.find(Code::Conflict, &service.object(), "", message);
        return;
    }
    chains.push(chain);
}
