//! The questions that a scope answers against a mesh.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{EgressListener, SidecarScope};
use crate::mesh::Mesh;
use crate::mesh::gateway::GatewayRef;
use crate::mesh::routes::MeshVirtualService;
use crate::mesh::service::{Registry, Service};

impl Mesh {
    /// The service that a scope knows under a host, over all its listeners: what it needs clusters and endpoints for. A service
    /// that several listeners see in part comes with all those ports.
    ///
    /// Besides what its listeners import, a scope knows the destinations of the VirtualServices that they import.
    pub fn scope_service(&self, scope: &SidecarScope, host: &str) -> Option<Arc<Service>> {
        if !scope.restricts() {
            return self.service(host, &scope.namespace).cloned();
        }
        let imported = scope.listeners.iter().filter_map(|listener| self.listener_service(scope, listener, host));
        let routed = scope.listeners.iter().filter_map(|listener| self.routed_service(scope, listener, host));
        imported.chain(routed).reduce(|known, found| self.joined(known, found))
    }

    /// All services that a scope knows, by host.
    pub fn scope_services(&self, scope: &SidecarScope) -> Vec<Arc<Service>> {
        let mut hosts = BTreeSet::new();
        for listener in &scope.listeners {
            self.imported_hosts(listener, &mut hosts);
            if scope.restricts() {
                let routes = self.listener_virtual_services(scope, listener);
                hosts.extend(routes.iter().flat_map(|route| route.destinations()).cloned());
            }
        }
        hosts.iter().filter_map(|host| self.scope_service(scope, host)).collect()
    }

    /// The service that a listener imports under a host, with only the listener's port if it is dedicated to one: what it needs
    /// virtual hosts and filter chains for.
    ///
    /// Of several services with that host the one in the scope's own namespace wins, then Kubernetes Services, then the oldest.
    pub fn listener_service(
        &self,
        scope: &SidecarScope,
        listener: &EgressListener,
        host: &str,
    ) -> Option<Arc<Service>> {
        let found = self.best_claim(host, &scope.namespace, |service| listener.imports.service(service))?;
        match listener.only_port() {
            Some(number) => found.narrowed(|port| port.number == number),
            None => Some(Arc::clone(found)),
        }
    }

    /// All services that a listener imports, by host.
    pub fn listener_services(&self, scope: &SidecarScope, listener: &EgressListener) -> Vec<Arc<Service>> {
        let mut hosts = BTreeSet::new();
        self.imported_hosts(listener, &mut hosts);
        hosts.iter().filter_map(|host| self.listener_service(scope, listener, host)).collect()
    }

    /// The VirtualService in force for a host at a listener.
    ///
    /// The most specific host wins; among equals those private to the namespace, then those exported to it by name, then public
    /// ones; then the oldest. A mesh host has one VirtualService: later ones lose it.
    pub fn virtual_service_for(
        &self,
        scope: &SidecarScope,
        listener: &EgressListener,
        host: &str,
    ) -> Option<&Arc<MeshVirtualService>> {
        self.routes.for_mesh_host(host, &scope.namespace, |route| listener.imports.route(route))
    }

    /// All VirtualServices of the mesh that a listener imports, in look-up order.
    pub fn listener_virtual_services(
        &self,
        scope: &SidecarScope,
        listener: &EgressListener,
    ) -> Vec<Arc<MeshVirtualService>> {
        let mut routes = self.routes.bound_to(&GatewayRef::Mesh, &scope.namespace);
        routes.retain(|route| listener.imports.route(route));
        routes
    }

    fn imported_hosts(&self, listener: &EgressListener, hosts: &mut BTreeSet<Arc<str>>) {
        let mut add = |service: &Arc<Service>| {
            if listener.imports.service(service) {
                hosts.insert(Arc::clone(&service.host));
            }
        };
        match listener.imports.namespaces() {
            None => self.catalog.services().for_each(add),
            Some(named) => named.into_iter().for_each(|name| self.catalog.of_namespace(name).for_each(&mut add)),
        }
    }

    // The service that the listener's VirtualServices route to under a host, with the ports that they name.
    fn routed_service(&self, scope: &SidecarScope, listener: &EgressListener, host: &str) -> Option<Arc<Service>> {
        let mut ports = BTreeSet::new();
        for route in self.routes.with_destination(host) {
            if route.reach(&scope.namespace).is_some() && listener.imports.route(route) {
                ports.extend(route.ports_of(host));
            }
        }
        if ports.is_empty() {
            return None;
        }
        let found = self.best_claim(host, &scope.namespace, |_| true)?;
        found.narrowed(|port| match listener.only_port() {
            Some(number) => port.number == number,
            None => ports.contains(&None) || ports.contains(&Some(port.number.into())),
        })
    }

    // Parts of one service are put together; of two services the first stays, unless only the second is a Kubernetes Service.
    fn joined(&self, known: Arc<Service>, found: Arc<Service>) -> Arc<Service> {
        if known.id() != found.id() {
            return if found.registry == Registry::Kubernetes && known.registry != found.registry {
                found
            } else {
                known
            };
        }
        let whole = self.catalog.service(&known.id());
        let both = |number: u16| known.port(number).is_some() || found.port(number).is_some();
        whole.and_then(|whole| whole.narrowed(|port| both(port.number))).unwrap_or(known)
    }
}
