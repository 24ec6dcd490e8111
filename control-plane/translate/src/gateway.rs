//! The servers of Gateways, on router proxies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ferro_model::istio::Server;
use ferro_model::mesh::{HostPattern, MeshGateway, MeshVirtualService, Protocol, ServerHost};
use ferro_xds_protos::Kind;

use crate::filter::UnknownHosts;
use crate::finding::Code;
use crate::listener::hcm::{Manager, Position, Routes, WEBSOCKET};
use crate::local::Local;
use crate::names;
use crate::outbound::Outbound;
use crate::output::{Output, Owner};
use crate::parts::socket_address;
use crate::pb::core::TrafficDirection;
use crate::pb::listener::{FilterChain, Listener};
use crate::pb::route::{Route, VirtualHost, virtual_host::TlsRequirementType};
use crate::route::rule::{self, Place};
use crate::route::{part, shell};
use crate::tables::Rank;

/// One server that serves plain HTTP, and the Gateway it stands in.
struct HttpServer<'a> {
    gateway: &'a Arc<MeshGateway>,
    server: &'a Server,
    port: u16,
}

/// Name of the route table of a port.
fn table_name(port: u16) -> String {
    format!("http.{port}")
}

// What a server speaks, as far as it is built.
pub(crate) fn http_port(server: &Server) -> Option<u16> {
    let port = server.port.as_ref()?;
    let protocol = port.protocol.as_deref().and_then(Protocol::parse)?;
    let number = u16::try_from(port.number).ok().filter(|number| *number != 0)?;
    protocol.is_http().then_some(number)
}

fn http_servers(gateways: &[Arc<MeshGateway>]) -> impl Iterator<Item = HttpServer<'_>> {
    gateways.iter().flat_map(|gateway| {
        let servers = gateway.spec.servers.iter();
        servers.filter_map(move |server| Some(HttpServer { gateway, server, port: http_port(server)? }))
    })
}

impl HttpServer<'_> {
    fn redirects(&self) -> bool {
        self.server.tls.as_ref().is_some_and(|tls| tls.https_redirect == Some(true))
    }

    fn hosts(&self) -> impl Iterator<Item = ServerHost> {
        self.server.hosts.iter().map(|host| ServerHost::parse(host, &self.gateway.key.namespace))
    }

    /// The hosts that a VirtualService brings to this server.
    fn admitted(&self, rules: &MeshVirtualService) -> Vec<HostPattern> {
        let admitted = self.hosts().flat_map(|own| {
            rules.hosts.iter().filter_map(move |host| own.admits(&rules.key.namespace, host)).collect::<Vec<_>>()
        });
        admitted.collect()
    }

    fn bound(&self, view: &Outbound<'_>) -> Vec<Arc<MeshVirtualService>> {
        view.mesh.virtual_services_for_gateway(&self.gateway.name(), &view.key.namespace)
    }
}

/// Every host that has a virtual host on the view's gateways.
pub(crate) fn hosts(view: &Outbound<'_>) -> BTreeSet<Arc<str>> {
    let mut hosts = BTreeSet::new();
    for server in http_servers(&view.gateways) {
        for rules in server.bound(view) {
            hosts.extend(server.admitted(&rules).iter().map(HostPattern::to_arc));
        }
        if server.redirects() {
            hosts.extend(server.hosts().map(|host| host.pattern.to_arc()));
        }
    }
    hosts
}

/// The table of one port, and the host that takes what no other wants: 404.
pub(crate) fn table(view: &Outbound<'_>, port: u16, out: &mut Output) {
    if !http_servers(&view.gateways).any(|server| server.port == port) {
        return;
    }
    let table: Arc<str> = table_name(port).into();
    out.shells.push(shell(view, &table));
    let nothing = VirtualHost::default();
    let everything = vec![("*".to_owned(), Rank::CatchAll)];
    out.hosts.push(part(&table, &format!("blackhole:{port}"), everything, None, &nothing));
}

/// What was collected for one host at one port.
#[derive(Default)]
struct Collected {
    routes: Vec<Route>,
    owner: Option<Owner>,
    redirect: bool,
    seen: BTreeSet<(ferro_model::object::ObjectKey, ferro_model::object::ObjectKey)>,
}

/// The virtual hosts of one host, one per port. The routes of all VirtualServices for it are appended by age, those that take
/// everything last, so that no age decides whether the others are reached.
pub(crate) fn virtual_host(view: &Outbound<'_>, host: &str, out: &mut Output) {
    let mut ports: BTreeMap<u16, Collected> = BTreeMap::new();
    for server in http_servers(&view.gateways) {
        for rules in server.bound(view) {
            if !server.admitted(&rules).iter().any(|admitted| admitted.as_str() == host) {
                continue;
            }
            let found = ports.entry(server.port).or_default();
            if found.seen.insert((server.gateway.key.clone(), rules.key.clone())) {
                let gateway = server.gateway.name();
                let place = Place {
                    gateway: &gateway,
                    port: server.port,
                    namespace: &view.key.namespace,
                    labels: &view.key.labels,
                };
                found.routes.extend(rule::routes(view, &rules, place, out));
                found.owner.get_or_insert_with(|| Owner::of_rules(&rules));
            }
        }
        if server.redirects() && server.hosts().any(|own| own.pattern.as_str() == host) {
            ports.entry(server.port).or_default().redirect = true;
        }
    }
    for (port, found) in ports {
        write(port, host, found, out);
    }
}

fn write(port: u16, host: &str, found: Collected, out: &mut Output) {
    let (last, mut routes): (Vec<Route>, Vec<Route>) = found.routes.into_iter().partition(rule::takes_everything);
    routes.extend(last);
    let tls = if found.redirect { TlsRequirementType::All } else { TlsRequirementType::None };
    let message =
        VirtualHost { routes, require_tls: tls.into(), include_request_attempt_count: true, ..VirtualHost::default() };
    let domains = vec![(host.to_owned(), Rank::Name)];
    let table: Arc<str> = table_name(port).into();
    out.hosts.push(part(&table, &names::host_port(host, port), domains, found.owner, &message));
}

/// The listeners of a router.
pub(crate) fn listeners(local: &Local<'_>, out: &mut Output) {
    let gateways = local.mesh.gateways_for(&local.key.labels);
    let mut taken: BTreeMap<(String, u16), u16> = BTreeMap::new();
    for gateway in &gateways {
        for (index, server) in gateway.spec.servers.iter().enumerate() {
            match http_port(server) {
                None => unsupported(gateway, server, index, out),
                Some(port) => {
                    let address = (bind(local, server), target(local, port));
                    match taken.get(&address) {
                        Some(holder) if *holder == port => {}
                        Some(holder) => clash(gateway, index, port, *holder, out),
                        None => {
                            let message = listener(local, &address.0, address.1, port);
                            out.put(Kind::Listener, &message.name, &message);
                            taken.insert(address, port);
                        }
                    }
                }
            }
        }
    }
}

fn bind(local: &Local<'_>, server: &Server) -> String {
    let declared = server.bind.clone().filter(|bind| !bind.is_empty());
    match (&local.key.binding, declared) {
        (Some(binding), _) => binding.address.to_string(),
        (None, Some(declared)) => declared,
        (None, None) => "0.0.0.0".to_owned(),
    }
}

// Clients use the port of the Service in front of the router, which may lead to another one of the router.
fn target(local: &Local<'_>, port: u16) -> u16 {
    let found = local.key.inbound.iter().find(|inbound| inbound.service_port == port);
    found.map_or(port, |inbound| inbound.target)
}

fn listener(local: &Local<'_>, address: &str, target: u16, port: u16) -> Listener {
    let name = names::listener(address, target);
    let manager = Manager {
        config: local.config(),
        settings: local.settings,
        stat: format!("outbound_{name}"),
        position: Position::Edge,
        unknown: UnknownHosts::Unresolved,
        routes: Routes::Discovered(&table_name(port)),
        upgrades: WEBSOCKET,
    };
    Listener {
        address: Some(socket_address(address, target)),
        traffic_direction: TrafficDirection::Outbound.into(),
        filter_chains: vec![FilterChain { filters: vec![manager.filter()], ..FilterChain::default() }],
        name,
        ..Listener::default()
    }
}

fn unsupported(gateway: &MeshGateway, server: &Server, index: usize, out: &mut Output) {
    let protocol = server.port.as_ref().and_then(|port| port.protocol.clone()).unwrap_or_default();
    let message = format!("servers of protocol {protocol:?} are not supported yet; nothing listens at this port");
    out.find(Code::Unsupported, &gateway.key, format!("spec.servers[{index}].port.protocol"), message);
}

fn clash(gateway: &MeshGateway, index: usize, port: u16, holder: u16, out: &mut Output) {
    let message =
        format!("port {port} and port {holder} lead to the same port of the proxy, and {holder} was there first");
    out.find(Code::Conflict, &gateway.key, format!("spec.servers[{index}].port"), message);
}
