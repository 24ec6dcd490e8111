//! Outbound listeners that one service has for itself: at its own addresses, where the address tells whom a connection is for.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use ferro_model::mesh::{EgressListener, EndpointAddress, Protocol, Resolution, Service, ServicePort};
use ferro_xds_protos::Kind;

use crate::l4;
use crate::listener::clear_http;
use crate::listener::hcm::{Manager, Position, Routes, WEBSOCKET};
use crate::listener::outbound::{captured, has_own_listener};
use crate::outbound::Outbound;
use crate::output::{Output, Owner};
use crate::pb::listener::FilterChain;
use crate::route;

/// The listeners of one service.
pub(crate) fn listeners(view: &Outbound<'_>, host: &str, out: &mut Output) {
    for listener in view.port_listeners() {
        let Some(service) = view.mesh.listener_service(&view.scope, listener, host) else { continue };
        for port in service.ports.iter().filter(|port| has_own_listener(&service, port)) {
            if view.serves(listener, port.number) {
                of_port(view, listener, &service, port, out);
            }
        }
    }
}

fn of_port(view: &Outbound<'_>, listener: &EgressListener, service: &Service, port: &ServicePort, out: &mut Output) {
    let mut rules = l4::chains(view, service, port, &[], out);
    let Some(at) = rules.iter().position(|chain| chain.filter_chain_match.is_none()) else { return };
    let default = rules.remove(at);
    if port.protocol == Protocol::Auto {
        let table: Arc<str> = table_name(&service.host, port.number).into();
        rules.insert(0, sniffed(view, service, port, &table));
        out.shells.push(route::shell(view, &table));
    }
    for address in addresses(view, service) {
        let message = captured(view, listener, &address.to_string(), port.number, rules.clone(), default.clone());
        out.claim(Kind::Listener, &message.name, Owner::of(service), &message);
    }
}

/// The route table of a service whose protocol is found out connection by connection.
pub(crate) fn table_name(host: &str, port: u16) -> String {
    format!("{host}:{port}")
}

fn sniffed(view: &Outbound<'_>, service: &Service, port: &ServicePort, table: &str) -> FilterChain {
    let manager = Manager {
        config: view.config(),
        settings: view.settings,
        stat: format!("outbound_{}_{}", service.host, port.number),
        position: Position::Outbound,
        unknown: view.unknown_hosts(),
        routes: Routes::Discovered(table),
        upgrades: WEBSOCKET,
    };
    FilterChain { filter_chain_match: Some(clear_http()), filters: vec![manager.filter()], ..FilterChain::default() }
}

// Clients of a headless service call its workloads by their own addresses.
fn addresses(view: &Outbound<'_>, service: &Service) -> BTreeSet<IpAddr> {
    if service.resolution != Resolution::Headless {
        return service.ips().collect();
    }
    let endpoints = view.mesh.endpoints(service);
    let addresses = endpoints.iter().filter_map(|endpoint| match endpoint.address {
        EndpointAddress::Ip(ip) => Some(ip),
        EndpointAddress::Name(_) | EndpointAddress::Unix(_) => None,
    });
    addresses.collect()
}
