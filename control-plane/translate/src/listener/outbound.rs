//! Outbound listeners that many services share: the catch-all at 15001 and one per port number.
//!
//! At a port number requests are told apart by host, bytes by address range or server name. Services with addresses have
//! listeners there instead ([`service`](super::service)), unless a Sidecar says at which address all of them are.

use std::net::IpAddr;
use std::sync::Arc;

use ferro_model::mesh::{EgressBinding, EgressListener, Protocol, Resolution, Service, ServiceAddress, ServicePort};
use ferro_xds_protos::{Kind, wkt};

use crate::filter::{GrpcWebClients, UnknownHosts};
use crate::finding::Code;
use crate::l4;
use crate::listener::chains::Chains;
use crate::listener::hcm::{Manager, Position, Routes, WEBSOCKET};
use crate::listener::tcp::Target;
use crate::listener::{access_log, clear_http, inspect, proxy};
use crate::names;
use crate::outbound::{Outbound, Role, has_address};
use crate::output::Output;
use crate::parts::listening;
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
            EgressBinding::CatchAll | EgressBinding::Port { .. } if has_address(listener) => continue,
            EgressBinding::CatchAll | EgressBinding::Port { .. } => "binding anything but an IP address",
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
    let listener = Listener {
        name: names::VIRTUAL_OUTBOUND.to_owned(),
        use_original_dst: Some(wkt::boolean(true)),
        access_log: access_log::unmatched(config),
        traffic_direction: TrafficDirection::Outbound.into(),
        filter_chains: vec![blackhole, rest],
        ..Listener::default()
    };
    listening(view.key.families.wildcards(), names::OUTBOUND_PORT, listener)
}

/// The listener of a port number, if any service needs one, and its route table.
pub(crate) fn port(view: &Outbound<'_>, number: u16, out: &mut Output) {
    let Some(listener) = view.port_listeners().find(|listener| view.serves(listener, number)) else { return };
    let services = view.services_at(listener, number);
    let own = view.own_addresses(listener);
    let own: Option<Vec<&str>> = own.as_ref().map(|own| own.iter().map(String::as_str).collect());
    let at = At { hosts: own.as_deref().unwrap_or(view.key.families.wildcards()), port: number };
    let http = services.iter().any(|(service, port)| shares_http(view, listener, service, port));
    let carried = by_age(view, listener, &services);
    if !http && carried.is_empty() {
        return;
    }
    if is_taken(view, listener, at) {
        let shared = |service: &Service, port: &ServicePort| {
            shares_http(view, listener, service, port) || carried.iter().any(|(other, ..)| other.host == service.host)
        };
        for (service, _) in services.iter().filter(|(service, port)| shared(service, port)) {
            out.find(Code::Conflict, &service.object(), "spec.ports", names::reserved(number));
        }
        return;
    }
    let mut chains = Vec::new();
    if http {
        chains.push(http_chain(view, &services, at));
        let table: Arc<str> = number.to_string().into();
        out.shells.push(route::shell(view, &table));
        out.hosts.push(route::catch_all(view, &table));
    }
    let (told_apart, fallback) = chains_of(view, listener, &carried, out);
    chains.extend(told_apart);
    if chains.is_empty() && fallback.is_none() {
        return;
    }
    let default = fallback.unwrap_or_else(|| rest(view, listener));
    let message = captured(view, listener, at, chains, default);
    out.put(Kind::Listener, &message.name, &message);
}

/// Where a listener is: the first address names it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'a> {
    pub(crate) hosts: &'a [&'a str],
    pub(crate) port: u16,
}

impl At<'_> {
    fn name(self) -> String {
        names::listener(self.hosts.first().copied().unwrap_or_default(), self.port)
    }
}

// Envoy refuses a second listener at an address. Where it need not bind, the proxy's own ports are taken at all addresses
// together and free at each (Istio's conflictWithReservedListener).
fn is_taken(view: &Outbound<'_>, listener: &EgressListener, at: At<'_>) -> bool {
    let everywhere = at.hosts.iter().any(|host| view.key.families.wildcards().contains(host));
    names::is_reserved(at.port) && (everywhere || view.binds(listener))
}

/// Whether requests to the port are told apart by host at a listener that all services with that number share.
fn shares_http(view: &Outbound<'_>, listener: &EgressListener, service: &Service, port: &ServicePort) -> bool {
    let sniffed = || port.protocol == Protocol::Auto && !has_own_listener(view, listener, service, port);
    port.protocol.is_http() || sniffed()
}

/// Whether connections to the port are told apart by the address they go to, so that the service has its own listeners. A name
/// for another host has none: calls to it go to that host.
pub(crate) fn has_own_listener(
    view: &Outbound<'_>,
    listener: &EgressListener,
    service: &Service,
    port: &ServicePort,
) -> bool {
    let by_address = port.protocol.is_tcp() || port.protocol == Protocol::Auto;
    let addressed = service.ips().next().is_some() || service.resolution == Resolution::Headless;
    by_address && addressed && service.external_name.is_none() && view.own_addresses(listener).is_none()
}

/// A listener for captured traffic: 15001 hands connections over by their original address.
pub(crate) fn captured(
    view: &Outbound<'_>,
    listener: &EgressListener,
    at: At<'_>,
    chains: Vec<FilterChain>,
    default: FilterChain,
) -> Listener {
    let mut message = Listener {
        name: at.name(),
        bind_to_port: Some(wkt::boolean(view.binds(listener))),
        traffic_direction: TrafficDirection::Outbound.into(),
        filter_chains: chains,
        default_filter_chain: Some(default),
        access_log: access_log::unmatched(view.config()),
        ..Listener::default()
    };
    inspect(view.config(), &mut message);
    listening(at.hosts, at.port, message)
}

fn http_chain(view: &Outbound<'_>, services: &[(Arc<Service>, ServicePort)], at: At<'_>) -> FilterChain {
    let manager = Manager {
        config: view.config(),
        settings: view.settings,
        stat: format!("outbound_{}", at.name()),
        position: Position::Outbound,
        grpc_web: GrpcWebClients::of(services.iter().map(|(_, port)| port.protocol)),
        unknown: view.unknown_hosts(),
        routes: Routes::Discovered(&at.port.to_string()),
        upgrades: WEBSOCKET,
    };
    FilterChain { filter_chain_match: Some(clear_http()), filters: vec![manager.filter()], ..FilterChain::default() }
}

// What comes to a port and is for none of its services. A connection that was not captured was going nowhere else.
fn rest(view: &Outbound<'_>, listener: &EgressListener) -> FilterChain {
    let cluster = if view.binds(listener) { names::BLACK_HOLE.to_owned() } else { unknown(view) };
    FilterChain {
        name: names::PASSTHROUGH_CHAIN.to_owned(),
        filters: vec![Target::cluster(cluster).filter(view.config())],
        ..FilterChain::default()
    }
}

/// A service whose bytes a shared listener carries, and the ranges that tell it apart.
type Carried<'a> = (&'a Service, &'a ServicePort, Vec<(IpAddr, u8)>);

// Services whose bytes are carried and that no address of their own tells apart, the oldest first.
fn by_age<'a>(
    view: &Outbound<'_>,
    listener: &EgressListener,
    services: &'a [(Arc<Service>, ServicePort)],
) -> Vec<Carried<'a>> {
    let shared = view.own_addresses(listener).is_some();
    let mut carried: Vec<Carried<'a>> = Vec::new();
    for (service, port) in services {
        let bytes = port.protocol.is_tcp() || (shared && port.protocol == Protocol::Auto);
        let ranges = if shared { Vec::new() } else { ranges(service) };
        let elsewhere = ranges.is_empty() && has_own_listener(view, listener, service, port);
        if bytes && service.external_name.is_none() && !elsewhere {
            carried.push((service, port, ranges));
        }
    }
    carried.sort_by(|(a, ..), (b, ..)| (&a.precedence, &a.host).cmp(&(&b.precedence, &b.host)));
    carried
}

fn ranges(service: &Service) -> Vec<(IpAddr, u8)> {
    let addresses = service.addresses.iter();
    addresses
        .filter_map(|address| match address {
            ServiceAddress::Range(first, prefix) => Some((*first, *prefix)),
            ServiceAddress::Ip(_) => None,
        })
        .collect()
}

// Told apart by address range or server name, or not at all, in which case the oldest has the port for itself.
fn chains_of(
    view: &Outbound<'_>,
    listener: &EgressListener,
    carried: &[Carried<'_>],
    out: &mut Output,
) -> (Vec<FilterChain>, Option<FilterChain>) {
    let mut chains = Chains::default();
    let mut fallback: Option<(&Service, FilterChain)> = None;
    for (service, port, ranges) in carried {
        for candidate in l4::chains(view, service, port, ranges, out) {
            match &fallback {
                _ if candidate.chain.filter_chain_match.is_some() => chains.add(candidate, out),
                None => fallback = Some((service, candidate.chain)),
                Some((holder, _)) => not_told_apart(view, listener, service, port, holder, out),
            }
        }
    }
    (chains.into_vec(), fallback.map(|(_, chain)| chain))
}

fn not_told_apart(
    view: &Outbound<'_>,
    listener: &EgressListener,
    service: &Service,
    port: &ServicePort,
    holder: &Service,
    out: &mut Output,
) {
    let way_out = match view.own_addresses(listener) {
        None => "give the service an address",
        Some(_) => {
            "let the Sidecar's listener import only one of the two, or name neither address nor captureMode NONE"
        }
    };
    let message = format!(
        "connections to port {} cannot be told from those to {} ({}), which is older and gets them; {way_out}",
        port.number,
        holder.host,
        holder.object()
    );
    out.find(Code::Conflict, &service.object(), format!("port {}", port.number), message);
}
