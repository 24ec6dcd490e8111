//! Virtual hosts of the HTTP proxy: all services at all ports in one table, told apart by `host:port`.

use std::sync::Arc;

use ferro_model::mesh::{EgressListener, Protocol, Service, ServicePort};

use crate::l4;
use crate::names;
use crate::outbound::Outbound;
use crate::output::{Output, Owner};
use crate::pb::route::{Route, VirtualHost, route};
use crate::route::sidecar::{names_host, routes};
use crate::route::{default_route, domains, part, tunnel};

const TUNNEL: &str = "tunnel";

/// The virtual hosts of one host, one per port.
pub(crate) fn virtual_hosts(view: &Outbound<'_>, host: &str, out: &mut Output) {
    let Some(service) = view.service(host) else { return of_name(view, host, out) };
    for port in service.ports.iter().filter(|port| port.protocol.is_served()) {
        of_port(view, &service, port, out);
    }
}

fn of_port(view: &Outbound<'_>, service: &Service, port: &ServicePort, out: &mut Output) {
    let table: Arc<str> = names::HTTP_PROXY.into();
    let mut found = vec![into_tunnel(view, service, port, out)];
    if port.protocol.is_http() || port.protocol == Protocol::Auto {
        let rules = listener_of(view, port.number)
            .and_then(|listener| view.mesh.virtual_service_for(&view.scope, listener, &service.host));
        let own = routes(view, rules.map(|rules| &**rules), port.number, out);
        found.extend(own.unwrap_or_else(|| vec![default_route(view, service, port.number)]));
    }
    let host = VirtualHost { routes: found, include_request_attempt_count: true, ..VirtualHost::default() };
    let names = domains::of_service(service, &view.key.namespace, &view.config().cluster_domain);
    let names = domains::with_port(names, port.number);
    out.hosts.push(part(&table, &names::host_port(&service.host, port.number), names, Some(Owner::of(service)), &host));
}

// What comes out of a tunnel to an HTTP service is requests, which have to be routed; of others it is bytes.
fn into_tunnel(view: &Outbound<'_>, service: &Service, port: &ServicePort, out: &mut Output) -> Route {
    if port.protocol.is_http() {
        return tunnel(TUNNEL, names::HTTP_PROXY_CONNECT);
    }
    let target = l4::target(view, service, port, out);
    let mut found = tunnel(TUNNEL, "");
    if let Some(route::Action::Route(action)) = &mut found.action {
        action.cluster_specifier = Some(l4::weighted(&target.clusters));
    }
    found
}

// A host that only a VirtualService knows.
fn of_name(view: &Outbound<'_>, host: &str, out: &mut Output) {
    const PORT: u16 = 80;
    let Some(listener) = listener_of(view, PORT) else { return };
    let Some(rules) = view.mesh.virtual_service_for(&view.scope, listener, host) else { return };
    if !names_host(rules, host) {
        return;
    }
    let Some(own) = routes(view, Some(rules), PORT, out) else { return };
    let found = std::iter::once(tunnel(TUNNEL, names::HTTP_PROXY_CONNECT)).chain(own).collect();
    let message = VirtualHost { routes: found, include_request_attempt_count: true, ..VirtualHost::default() };
    let table: Arc<str> = names::HTTP_PROXY.into();
    let names = domains::of_host(host, &view.key.namespace, &view.config().cluster_domain);
    let names = domains::with_port(names, PORT);
    out.hosts.push(part(&table, &names::host_port(host, PORT), names, Some(Owner::of_rules(rules)), &message));
}

fn listener_of<'a>(view: &'a Outbound<'_>, port: u16) -> Option<&'a EgressListener> {
    view.scope.listener_for_port(port)
}
