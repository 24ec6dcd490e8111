//! The servers of Gateways, on router proxies.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use ferro_model::istio::Server;
use ferro_model::mesh::{HostPattern, MeshGateway, MeshVirtualService, Protocol, ServerHost};
use ferro_xds_protos::Kind;

use crate::filter::{GrpcWebClients, UnknownHosts};
use crate::finding::Code;
use crate::listener::hcm::{Manager, Position, Routes, WEBSOCKET};
use crate::local::Local;
use crate::names;
use crate::outbound::Outbound;
use crate::output::{Output, Owner};
use crate::parts::listening;
use crate::pb::core::TrafficDirection;
use crate::pb::listener::{FilterChain, Listener};
use crate::pb::route::{Route, VirtualHost, virtual_host::TlsRequirementType};
use crate::proxy::Capture;
use crate::route::rule::{self, Place};
use crate::route::{domains, part, shell};
use crate::tables::Rank;
use crate::view::IpFamilies;

/// One server that serves plain HTTP, and the Gateway it stands in.
struct HttpServer<'a> {
    gateway: &'a Arc<MeshGateway>,
    server: &'a Server,
    port: u16,
}

/// Name of the route table of a port, or of a port at one address.
fn table_name(port: u16, bind: Option<&str>) -> String {
    bind.map_or_else(|| format!("http.{port}"), |bind| format!("http.{port}.{bind}"))
}

// The address that a server has for itself, as Envoy writes it. Without capture a router has one address for all.
fn own_address(server: &Server, capture: Capture, families: IpFamilies) -> Option<String> {
    let declared: IpAddr = server.bind.as_deref()?.parse().ok()?;
    let declared = declared.to_string();
    (capture == Capture::Redirect && !families.wildcards().contains(&&*declared)).then_some(declared)
}

// What a server speaks, as far as it is built.
pub(crate) fn http_port(server: &Server) -> Option<u16> {
    let port = server.port.as_ref()?;
    let number = u16::try_from(port.number).ok().filter(|number| *number != 0)?;
    protocol(server)?.is_http().then_some(number)
}

fn protocol(server: &Server) -> Option<Protocol> {
    server.port.as_ref()?.protocol.as_deref().and_then(Protocol::parse)
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

    fn table(&self, view: &Outbound<'_>) -> String {
        table_name(self.port, own_address(self.server, view.key.capture, view.key.families).as_deref())
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

/// The tables of one port, and in each the host that takes what no other wants: 404.
pub(crate) fn table(view: &Outbound<'_>, port: u16, out: &mut Output) {
    let servers = http_servers(&view.gateways).filter(|server| server.port == port);
    let tables: BTreeSet<String> = servers.map(|server| server.table(view)).collect();
    for table in tables.into_iter().map(Arc::<str>::from) {
        out.shells.push(shell(view, &table));
        let nothing = VirtualHost::default();
        let everything = vec![("*".to_owned(), Rank::CatchAll)];
        out.hosts.push(part(&table, &format!("blackhole:{port}"), everything, None, &nothing));
    }
}

/// What was collected for one host in one table.
#[derive(Default)]
struct Collected {
    port: u16,
    routes: Vec<Route>,
    owner: Option<Owner>,
    redirect: bool,
    seen: BTreeSet<(ferro_model::object::ObjectKey, ferro_model::object::ObjectKey)>,
}

/// The virtual hosts of one host, one per table. The routes of all VirtualServices for it are appended by age, those that take
/// everything last, so that no age decides whether the others are reached. A server that redirects does so for every host that
/// is brought to it.
pub(crate) fn virtual_host(view: &Outbound<'_>, host: &str, out: &mut Output) {
    let mut tables: BTreeMap<String, Collected> = BTreeMap::new();
    for server in http_servers(&view.gateways) {
        for rules in server.bound(view) {
            if server.admitted(&rules).iter().any(|admitted| admitted.as_str() == host) {
                collect(view, &server, &rules, tables.entry(server.table(view)).or_default(), out);
            }
        }
        if server.redirects() && server.hosts().any(|own| own.pattern.as_str() == host) {
            let found = tables.entry(server.table(view)).or_default();
            (found.port, found.redirect) = (server.port, true);
        }
    }
    for (table, found) in tables {
        write(&table.into(), host, found, out);
    }
}

fn collect(
    view: &Outbound<'_>,
    server: &HttpServer<'_>,
    rules: &MeshVirtualService,
    found: &mut Collected,
    out: &mut Output,
) {
    found.port = server.port;
    found.redirect |= server.redirects();
    if found.seen.insert((server.gateway.key.clone(), rules.key.clone())) {
        let gateway = server.gateway.name();
        let place =
            Place { gateway: &gateway, port: server.port, namespace: &view.key.namespace, labels: &view.key.labels };
        found.routes.extend(rule::routes(view, rules, place, out));
        found.owner.get_or_insert_with(|| Owner::of_rules(rules));
    }
}

fn write(table: &Arc<str>, host: &str, found: Collected, out: &mut Output) {
    let (last, mut routes): (Vec<Route>, Vec<Route>) = found.routes.into_iter().partition(rule::takes_everything);
    routes.extend(last);
    let tls = if found.redirect { TlsRequirementType::All } else { TlsRequirementType::None };
    let message =
        VirtualHost { routes, require_tls: tls.into(), include_request_attempt_count: true, ..VirtualHost::default() };
    let name = names::host_port(host, found.port);
    out.hosts.push(part(table, &name, vec![domains::exact(host)], found.owner, &message));
}

/// The listeners of a router.
pub(crate) fn listeners(local: &Local<'_>, out: &mut Output) {
    let gateways = local.mesh.gateways_for(&local.key.labels);
    let mut taken: BTreeMap<(Option<String>, u16), u16> = BTreeMap::new();
    for gateway in &gateways {
        for (index, server) in gateway.spec.servers.iter().enumerate() {
            let Some(port) = http_port(server) else {
                unsupported(gateway, server, index, out);
                continue;
            };
            let target = target(local, port);
            if names::is_reserved(target) {
                let field = format!("spec.servers[{index}].port");
                out.find(Code::Conflict, &gateway.key, field, names::reserved(target));
                continue;
            }
            let bind = own_address(server, local.capture(), local.key.families);
            let at = (bind, target);
            match taken.get(&at) {
                Some(holder) if *holder == port => {}
                Some(holder) => clash(gateway, index, port, *holder, out),
                None => {
                    let message = listener(local, &gateways, at.0.as_deref(), target, port);
                    out.put(Kind::Listener, &message.name, &message);
                    taken.insert(at, port);
                }
            }
        }
    }
}

// Clients use the port of the Service in front of the router, which may lead to another one of the router.
fn target(local: &Local<'_>, port: u16) -> u16 {
    let found = local.key.inbound.iter().find(|inbound| inbound.service_port == port);
    found.map_or(port, |inbound| inbound.target)
}

fn listener(local: &Local<'_>, gateways: &[Arc<MeshGateway>], bind: Option<&str>, target: u16, port: u16) -> Listener {
    let own = local.key.binding.as_ref().map(|binding| binding.address.to_string());
    let only = own.as_deref().or(bind);
    let addresses = only.as_slice();
    let addresses = if addresses.is_empty() { local.key.families.wildcards() } else { addresses };
    let name = names::listener(addresses.first().copied().unwrap_or_default(), target);
    let protocols =
        http_servers(gateways).filter(|server| server.port == port).filter_map(|found| protocol(found.server));
    let manager = Manager {
        config: local.config(),
        settings: local.settings,
        stat: format!("outbound_{name}"),
        position: Position::Edge,
        grpc_web: GrpcWebClients::of(protocols),
        unknown: UnknownHosts::Unresolved,
        routes: Routes::Discovered(&table_name(port, bind)),
        upgrades: WEBSOCKET,
    };
    let message = Listener {
        traffic_direction: TrafficDirection::Outbound.into(),
        filter_chains: vec![FilterChain { filters: vec![manager.filter()], ..FilterChain::default() }],
        name,
        ..Listener::default()
    };
    listening(addresses, target, message)
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
