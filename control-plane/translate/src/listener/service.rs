//! Outbound listeners that one service has for itself: at its own addresses, where the address tells whom a connection is for.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use ferro_model::mesh::{EgressListener, EndpointAddress, Protocol, Resolution, Service, ServicePort};
use ferro_xds_protos::Kind;

use crate::filter::GrpcWebClients;
use crate::finding::Code;
use crate::l4;
use crate::limit;
use crate::listener::chains::Chains;
use crate::listener::clear_http;
use crate::listener::hcm::{Manager, Position, Routes, WEBSOCKET};
use crate::listener::outbound::{At, captured, has_own_listener};
use crate::outbound::Outbound;
use crate::output::{Output, Owner};
use crate::pb::listener::FilterChain;
use crate::route;

/// The listeners of one service.
pub(crate) fn listeners(view: &Outbound<'_>, host: &str, out: &mut Output) {
    for listener in view.port_listeners() {
        let Some(service) = view.listener_service(listener, host) else { continue };
        let own = |port: &&ServicePort| {
            has_own_listener(view, listener, &service, port) && view.serves(listener, port.number)
        };
        let ports: Vec<&ServicePort> = service.ports.iter().filter(own).collect();
        if ports.is_empty() {
            continue;
        }
        let addresses = addresses(view, &service, out);
        match limit::exceeded((addresses.len(), "addresses"), (ports.len(), "ports"), "listeners") {
            None => ports.iter().for_each(|port| of_port(view, listener, &service, port, &addresses, out)),
            Some(excess) => {
                let message = format!("{excess}; {} has none. Declare fewer", service.host);
                out.find(Code::Unservable, &service.object(), "spec.ports", message);
            }
        }
    }
}

fn of_port(
    view: &Outbound<'_>,
    listener: &EgressListener,
    service: &Service,
    port: &ServicePort,
    addresses: &BTreeSet<IpAddr>,
    out: &mut Output,
) {
    let mut default = None;
    let mut rules = Chains::default();
    for candidate in l4::chains(view, service, port, &[], out) {
        match candidate.chain.filter_chain_match {
            None => default = Some(candidate.chain),
            Some(_) => rules.add(candidate, out),
        }
    }
    let Some(default) = default else { return };
    let mut rules = rules.into_vec();
    if port.protocol == Protocol::Auto {
        let table: Arc<str> = table_name(&service.host, port.number).into();
        rules.insert(0, sniffed(view, service, port, &table));
        out.shells.push(route::shell(view, &table));
    }
    for address in addresses {
        let at = At { hosts: &[&address.to_string()], port: port.number };
        let message = captured(view, listener, at, rules.clone(), default.clone());
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
        grpc_web: GrpcWebClients::of([port.protocol]),
        unknown: view.unknown_hosts(),
        routes: Routes::Discovered(table),
        upgrades: WEBSOCKET,
    };
    FilterChain { filter_chain_match: Some(clear_http()), filters: vec![manager.filter()], ..FilterChain::default() }
}

// Clients of a headless service call its workloads by their own addresses.
fn addresses(view: &Outbound<'_>, service: &Service, out: &mut Output) -> BTreeSet<IpAddr> {
    if service.resolution != Resolution::Headless {
        let (any, own): (Vec<IpAddr>, Vec<IpAddr>) = service.ips().partition(IpAddr::is_unspecified);
        for any in any {
            let message = format!("{any} stands for every address and cannot be one service's; nothing listens there");
            out.find(Code::Unservable, &service.object(), "spec.addresses", message);
        }
        return own.into_iter().collect();
    }
    let endpoints = view.mesh.endpoints(service);
    let addresses = endpoints.iter().filter_map(|endpoint| match endpoint.address {
        EndpointAddress::Ip(ip) => Some(ip),
        EndpointAddress::Name(_) | EndpointAddress::Unix(_) => None,
    });
    addresses.collect()
}
