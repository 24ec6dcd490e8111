//! Virtual hosts of captured traffic: one table per port number.

use std::sync::Arc;

use ferro_model::mesh::{
    EgressBinding, EgressListener, GatewayRef, HostPattern, MeshVirtualService, Protocol, Service,
};

use crate::listener::outbound::has_own_listener;
use crate::listener::service::table_name;
use crate::names;
use crate::outbound::Outbound;
use crate::output::{Output, Owner};
use crate::pb::route::{Route, VirtualHost};
use crate::route::rule::{self, Place};
use crate::route::{default_route, domains, part};
use crate::tables::Rank;

/// The port at which a host of a VirtualService is known that is no service (Istio's rule).
const PORT_OF_UNKNOWN: u16 = 80;

/// The virtual hosts of one host, at every listener and port.
pub(crate) fn virtual_hosts(view: &Outbound<'_>, host: &str, out: &mut Output) {
    for listener in view.port_listeners() {
        match view.listener_service(listener, host) {
            Some(service) => of_service(view, listener, &service, out),
            None => of_name(view, listener, host, out),
        }
    }
}

fn of_service(view: &Outbound<'_>, listener: &EgressListener, service: &Service, out: &mut Output) {
    let rules = view.mesh.virtual_service_for(&view.scope, listener, &service.host);
    let owner = Owner::of(service);
    for port in &service.ports {
        let http = port.protocol.is_http() || port.protocol == Protocol::Auto;
        if !http || !view.serves(listener, port.number) {
            continue;
        }
        let routes = routes(view, rules.map(|rules| &**rules), port.number, out)
            .unwrap_or_else(|| vec![default_route(view, service, port.number)]);
        let host = VirtualHost { routes, include_request_attempt_count: true, ..VirtualHost::default() };
        let name = names::host_port(&service.host, port.number);
        let table: Arc<str> = port.number.to_string().into();
        let names = domains::of_service(service, &view.key.namespace, &view.config().cluster_domain);
        out.hosts.push(part(&table, &name, names, Some(owner.clone()), &host));
        if port.protocol == Protocol::Auto && has_own_listener(view, listener, service, port) {
            // Whoever came to the service's own address wants the service, whatever the request says.
            let own: Arc<str> = table_name(&service.host, port.number).into();
            let anything = vec![("*".to_owned(), Rank::CatchAll)];
            out.hosts.push(part(&own, &name, anything, Some(owner.clone()), &host));
        }
    }
}

// A host that only a VirtualService knows.
fn of_name(view: &Outbound<'_>, listener: &EgressListener, host: &str, out: &mut Output) {
    let port = match listener.binding {
        EgressBinding::Port { number, .. } => number,
        _ => PORT_OF_UNKNOWN,
    };
    let Some(rules) = view.mesh.virtual_service_for(&view.scope, listener, host) else { return };
    if !names_host(rules, host) || !view.serves(listener, port) {
        return;
    }
    let Some(routes) = routes(view, Some(rules), port, out) else { return };
    let message = VirtualHost { routes, include_request_attempt_count: true, ..VirtualHost::default() };
    let table: Arc<str> = port.to_string().into();
    let names = domains::of_host(host, &view.key.namespace, &view.config().cluster_domain);
    out.hosts.push(part(&table, &names::host_port(host, port), names, Some(Owner::of_rules(rules)), &message));
}

/// Whether a VirtualService speaks for exactly this host, not for one above it.
pub(crate) fn names_host(rules: &MeshVirtualService, host: &str) -> bool {
    rules.hosts.iter().map(HostPattern::as_str).any(|own| own == host)
}

/// The routes that a VirtualService has for callers in the mesh; `None` if it has none for them.
pub(crate) fn routes(
    view: &Outbound<'_>,
    rules: Option<&MeshVirtualService>,
    port: u16,
    out: &mut Output,
) -> Option<Vec<Route>> {
    let place = Place { gateway: &GatewayRef::Mesh, port, namespace: &view.key.namespace, labels: &view.key.labels };
    let routes = rule::routes(view, rules?, place, out);
    (!routes.is_empty()).then_some(routes)
}
