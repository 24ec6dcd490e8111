//! The outbound part of a view: what its proxies need to call others.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use ferro_model::istio::{CaptureMode, OutboundMode};
use ferro_model::mesh::{
    EffectiveDestinationRule, EgressBinding, EgressListener, HostPattern, Mesh, MeshGateway, MeshVirtualService,
    Protocol, Service, ServicePort, SidecarScope,
};
use ferro_model::mesh_config::MeshConfig;

use crate::destination::Resolved;
use crate::filter::UnknownHosts;
use crate::names;
use crate::output::{Output, Owner};
use crate::proxy::{Capture, ProxyKind, Variant};
use crate::settings::Settings;
use crate::translation::Input;
use crate::unit::Unit;
use crate::view::OutboundKey;
use crate::{cluster, endpoint, gateway, listener, name_table, route};

/// What the outbound part of one view is translated from.
#[derive(Debug)]
pub(crate) struct Outbound<'a> {
    pub(crate) mesh: &'a Mesh,
    pub(crate) settings: &'a Settings,
    pub(crate) key: &'a OutboundKey,
    pub(crate) scope: SidecarScope,
    pub(crate) role: Role,
    /// The Gateways served; none for sidecars.
    pub(crate) gateways: Vec<Arc<MeshGateway>>,
    by_port: OnceCell<ByPort>,
}

/// The services of a scope's listeners, by position of the listener and port number.
type ByPort = HashMap<(usize, u16), Vec<(Arc<Service>, ServicePort)>>;

/// How calls come to the proxies of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Captured: by the address they go to.
    Captured,
    /// Addressed to the HTTP proxy listener.
    HttpProxy,
    /// From outside, to the servers of Gateways.
    Gateway,
}

// === impl Outbound ===

impl<'a> Outbound<'a> {
    pub(crate) fn new(input: Input<'a>, key: &'a OutboundKey) -> Self {
        let mesh = input.mesh;
        let role = match (key.kind, key.capture) {
            (ProxyKind::Router, _) => Role::Gateway,
            (ProxyKind::Sidecar, Capture::Redirect) => Role::Captured,
            (ProxyKind::Sidecar, Capture::None) => Role::HttpProxy,
        };
        let (scope, gateways) = match key.kind {
            ProxyKind::Router => (mesh.router_scope(&key.namespace), mesh.gateways_for(&key.labels)),
            ProxyKind::Sidecar => (mesh.scope_for(&key.namespace, &key.labels), Vec::new()),
        };
        Self { mesh, settings: input.settings, key, scope, role, gateways, by_port: OnceCell::new() }
    }

    pub(crate) fn config(&self) -> &'a MeshConfig {
        self.mesh.config()
    }

    /// The service that the view knows under a host.
    pub(crate) fn service(&self, host: &str) -> Option<Arc<Service>> {
        self.mesh.scope_service(&self.scope, host)
    }

    /// The DestinationRule for calls to a service.
    pub(crate) fn rule(&self, service: &Service) -> Option<&'a Arc<EffectiveDestinationRule>> {
        self.mesh.destination_rule_for(&self.key.namespace, &self.key.labels, service)
    }

    /// Whether virtual hosts travel apart from their route configuration.
    pub(crate) fn hosts_apart(&self) -> bool {
        self.key.variant == Variant::Delta
    }

    /// The listeners of the scope that serve ports.
    pub(crate) fn port_listeners(&self) -> impl Iterator<Item = &EgressListener> {
        self.scope.listeners.iter().filter(|listener| {
            matches!(listener.binding, EgressBinding::CatchAll | EgressBinding::Port { .. }) && has_address(listener)
        })
    }

    /// The service that a listener has under a host. At a port that a Sidecar declares, what it declares is spoken; if it does
    /// not say, what the service says.
    pub(crate) fn listener_service(&self, listener: &EgressListener, host: &str) -> Option<Arc<Service>> {
        self.mesh.listener_service(&self.scope, listener, host).map(|service| spoken(listener, service))
    }

    /// Whether a listener of the scope, and no other, serves a port.
    pub(crate) fn serves(&self, listener: &EgressListener, port: u16) -> bool {
        self.scope.listener_for_port(port).is_some_and(|chosen| chosen.binding == listener.binding)
    }

    /// Whether connections and requests for unknown destinations are let through.
    pub(crate) fn allows_any(&self) -> bool {
        self.scope.outbound.mode.unwrap_or(OutboundMode::AllowAny) != OutboundMode::RegistryOnly
    }

    /// How unknown hosts are found.
    pub(crate) fn unknown_hosts(&self) -> UnknownHosts {
        match (self.role, self.scope.outbound.mode) {
            (Role::HttpProxy, _) | (Role::Captured, Some(OutboundMode::AllowAnyDynamicDns)) => UnknownHosts::Resolved,
            _ => UnknownHosts::Unresolved,
        }
    }

    /// The cluster for destinations that the mesh does not know.
    pub(crate) fn unknown_cluster(&self) -> String {
        if let Some(proxy) = &self.scope.outbound.egress_proxy {
            return Resolved::of(self, proxy, 0).cluster();
        }
        let resolved = self.unknown_hosts() == UnknownHosts::Resolved;
        let name = if resolved { names::ANY_DNS } else { names::PASSTHROUGH };
        name.to_owned()
    }

    /// Whether a listener of the scope takes its connections itself, instead of being handed captured ones.
    pub(crate) fn binds(&self, listener: &EgressListener) -> bool {
        listener.capture == CaptureMode::None
    }

    /// The addresses at which a listener has all of its services, whatever theirs are: the one its Sidecar names, else, if it
    /// takes connections itself, the loopback ones (never all: strangers could call through it). `None` if connections come
    /// to the services' own addresses.
    pub(crate) fn own_addresses(&self, listener: &EgressListener) -> Option<Vec<String>> {
        match listener.bind.as_ref().and_then(|bind| bind.parse::<IpAddr>().ok()) {
            Some(bind) => Some(vec![bind.to_string()]),
            None => {
                self.binds(listener).then(|| self.key.families.loopbacks().iter().map(|&ip| ip.to_owned()).collect())
            }
        }
    }

    /// The services that a listener has at a port number, by host.
    pub(crate) fn services_at(&self, listener: &EgressListener, number: u16) -> Vec<(Arc<Service>, ServicePort)> {
        let by_port = self.by_port.get_or_init(|| self.index());
        let at = self.scope.listeners.iter().position(|own| std::ptr::eq(own, listener));
        at.and_then(|at| by_port.get(&(at, number))).cloned().unwrap_or_default()
    }

    // Made once per translation and only if a port is translated: asking for one port at a time would walk all services each.
    fn index(&self) -> ByPort {
        let mut by_port = ByPort::new();
        for (at, listener) in self.scope.listeners.iter().enumerate() {
            for service in self.mesh.listener_services(&self.scope, listener) {
                let service = spoken(listener, service);
                for port in &service.ports {
                    by_port.entry((at, port.number)).or_default().push((Arc::clone(&service), port.clone()));
                }
            }
        }
        by_port
    }

    pub(crate) fn translate(&self, unit: &Unit) -> Output {
        let mut out = Output::default();
        match unit {
            Unit::Fixed => listener::outbound::fixed(self, &mut out),
            Unit::Clusters(host) => {
                if let Some(service) = self.service(host) {
                    cluster::outbound(self, &service, &mut out);
                }
            }
            Unit::Endpoints(host) => {
                if let Some(service) = self.service(host) {
                    endpoint::assignments(self, &service, &mut out);
                }
            }
            Unit::VirtualHosts(host) => match self.role {
                Role::Captured => route::sidecar::virtual_hosts(self, host, &mut out),
                Role::HttpProxy => route::http_proxy::virtual_hosts(self, host, &mut out),
                Role::Gateway => gateway::virtual_host(self, host, &mut out),
            },
            Unit::Port(port) => match self.role {
                Role::Captured => listener::outbound::port(self, *port, &mut out),
                Role::HttpProxy => {}
                Role::Gateway => gateway::table(self, *port, &mut out),
            },
            Unit::Listeners(host) => {
                if self.role == Role::Captured {
                    listener::service::listeners(self, host, &mut out);
                }
            }
            Unit::Name(host) => {
                if let (Some(service), true) = (self.service(host), self.role != Role::Gateway) {
                    name_table::entry(self, &service, &mut out);
                }
            }
        }
        out
    }

    /// Every unit that may yield something.
    pub(crate) fn units(&self) -> BTreeSet<Unit> {
        let mut units = BTreeSet::from([Unit::Fixed]);
        for service in self.mesh.scope_services(&self.scope) {
            units.extend(Unit::of_service(&service.host));
            units.extend(service.ports.iter().map(|port| Unit::Port(port.number)));
        }
        units.extend(self.scope.listeners.iter().filter_map(EgressListener::port).map(Unit::Port));
        units.extend(self.route_hosts().into_iter().map(Unit::VirtualHosts));
        units.extend(
            self.gateways
                .iter()
                .flat_map(|gateway| &gateway.spec.servers)
                .filter_map(gateway::http_port)
                .map(Unit::Port),
        );
        units
    }

    /// The hosts of the services that a pattern covers.
    pub(crate) fn services(&self, pattern: &HostPattern) -> Vec<Arc<str>> {
        if !pattern.is_wildcard() {
            return vec![pattern.to_arc()];
        }
        let services = self.mesh.scope_services(&self.scope).into_iter();
        services.filter(|service| pattern.covers(&service.host)).map(|service| Arc::clone(&service.host)).collect()
    }

    /// The units in which the listeners of services stand that a pattern covers.
    pub(crate) fn carriers(&self, pattern: &HostPattern) -> BTreeSet<Unit> {
        let services = self.mesh.scope_services(&self.scope).into_iter();
        let covered = services.filter(|service| pattern.covers(&service.host));
        let units = covered.flat_map(|service| {
            let ports = service.ports.iter().map(|port| Unit::Port(port.number)).collect::<Vec<_>>();
            ports.into_iter().chain([Unit::Listeners(Arc::clone(&service.host))])
        });
        units.collect()
    }

    /// The hosts with virtual hosts that a VirtualService for a pattern may decide on.
    pub(crate) fn routes(&self, pattern: &HostPattern) -> Vec<Arc<str>> {
        let mut hosts = vec![pattern.to_arc()];
        if pattern.is_wildcard() {
            hosts.extend(self.services(pattern));
        }
        if self.role == Role::Gateway {
            hosts.extend(gateway::hosts(self).into_iter().filter(|host| pattern.overlaps(host)));
        }
        hosts
    }

    // Hosts that VirtualServices name; those of services are known already.
    fn route_hosts(&self) -> BTreeSet<Arc<str>> {
        match self.role {
            Role::Gateway => gateway::hosts(self),
            Role::Captured | Role::HttpProxy => {
                let routes = self
                    .scope
                    .listeners
                    .iter()
                    .flat_map(|listener| self.mesh.listener_virtual_services(&self.scope, listener));
                routes.flat_map(|route| route.hosts.iter().map(HostPattern::to_arc).collect::<Vec<_>>()).collect()
            }
        }
    }
}

/// Whether a listener has an address that Envoy can read.
pub(crate) fn has_address(listener: &EgressListener) -> bool {
    listener.bind.as_ref().is_none_or(|bind| bind.parse::<IpAddr>().is_ok())
}

fn spoken(listener: &EgressListener, service: Arc<Service>) -> Arc<Service> {
    let EgressBinding::Port { protocol, .. } = listener.binding else { return service };
    let other = |port: &ServicePort| port.protocol.is_served() && port.protocol != protocol;
    if protocol == Protocol::Auto || !service.ports.iter().any(other) {
        return service;
    }
    let ports = service.ports.iter().map(|port| match port.protocol.is_served() {
        true => ServicePort { protocol, ..port.clone() },
        false => port.clone(),
    });
    Arc::new(Service { ports: ports.collect(), ..Service::clone(&service) })
}

impl Owner {
    pub(crate) fn of(service: &Service) -> Self {
        Self { precedence: service.precedence.clone(), object: service.object() }
    }

    pub(crate) fn of_rules(rules: &MeshVirtualService) -> Self {
        Self { precedence: rules.precedence.clone(), object: rules.key.clone() }
    }
}
