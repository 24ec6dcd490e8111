//! The mesh: every object in force, and what follows from them, as one immutable value.
//!
//! [`Mesh::apply`] gives the mesh after some changes and leaves the old one as it was. All parts are persistent maps, so that
//! both share what did not change; the cost of a step follows the change and what depends on it, never the size of the mesh.
//! Indices are derived when an object changes, not when they are asked:
//!
//! ```text
//! objects ─┬─► catalog       services, workloads, endpoints
//!          ├─► routes        VirtualServices by host, gateway, destination; delegates merged
//!          ├─► destinations  DestinationRules by namespace and host; merged
//!          ├─► sidecars      by namespace
//!          └─► gateways
//! ```
//! What is derived again but comes out equal keeps its old `Arc`: pointers tell what changed, see [`affected`].
//!
//! Nothing here reads a clock, a file or a global; the rules are those of Istio, and the comments name them.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use crate::mesh_config::MeshConfig;
use crate::object::{Change, Object, ObjectKey, ObjectKind};

pub mod address;
mod affected;
mod catalog;
mod client_labels;
mod conflicts;
mod destination;
mod endpoint;
mod gateway;
pub mod host;
mod labels;
mod multimap;
mod precedence;
mod protocol;
mod range;
mod routes;
mod scope;
mod service;
mod visibility;
mod workload;

pub use address::{AddressKey, AddressTable};
pub use affected::{Affected, ScopesAffected, affected, affected_by_addresses};
pub use destination::{EffectiveDestinationRule, TrafficBlocks};
pub use endpoint::{Endpoint, EndpointAddress, Locality, TlsMode};
pub use gateway::{GatewayRef, MeshGateway, ServerHost};
pub use host::HostPattern;
pub use precedence::Precedence;
pub use protocol::Protocol;
pub use routes::MeshVirtualService;
pub use scope::{EgressBinding, EgressListener, MeshSidecar, ScopeKey, SidecarScope};
pub use service::{
    AddressOrigin, EndpointPreference, EndpointReach, Labels, Location, Readiness, Registry, Resolution, Service,
    ServiceAddress, ServiceId, ServicePort, TargetPort, selects,
};
pub use visibility::{Reach, Visibility};

use catalog::{Catalog, Stale};
use client_labels::ClientLabels;
use destination::{Destinations, StaleRules};
use gateway::Gateways;
use routes::Routes;
use scope::Sidecars;

/// Every object in force and what follows from them. Immutable; cloning costs a handful of reference counts.
#[derive(Clone, Debug)]
pub struct Mesh {
    config: Arc<MeshConfig>,
    addresses: AddressTable,
    objects: OrdMap<ObjectKey, Arc<Object>>,
    unaddressed: OrdSet<AddressKey>,
    catalog: Catalog,
    routes: Routes,
    destinations: Destinations,
    sidecars: Sidecars,
    gateways: Gateways,
    client_labels: ClientLabels,
}

// === building ===

impl Mesh {
    /// An empty mesh.
    pub fn new(config: Arc<MeshConfig>) -> Self {
        Self {
            config,
            addresses: AddressTable::default(),
            objects: OrdMap::new(),
            unaddressed: OrdSet::new(),
            catalog: Catalog::default(),
            routes: Routes::default(),
            destinations: Destinations::default(),
            sidecars: Sidecars::default(),
            gateways: Gateways::default(),
            client_labels: ClientLabels::default(),
        }
    }

    /// The mesh after `changes`, in their order. Deleting what is not there changes nothing.
    pub fn apply(&self, changes: &[Change]) -> Self {
        let mut next = self.clone();
        let (mut stale, mut stale_rules) = (Stale::new(), StaleRules::new());
        for change in changes {
            next.change(change, &mut stale, &mut stale_rules);
        }
        next.catalog.refresh(&stale, &next.objects);
        next.destinations.refresh(&stale_rules, &next.config);
        next
    }

    /// The same mesh with another table of allocated addresses; costs as much as the tables differ.
    pub fn with_addresses(&self, addresses: AddressTable) -> Self {
        let changed = self.addresses.changed(&addresses);
        let mut next = Self { addresses, ..self.clone() };
        let mut stale = Stale::new();
        for key in next.declaring(&changed) {
            next.derive_services(&key, &mut stale);
        }
        next.catalog.refresh(&stale, &next.objects);
        next
    }

    /// The same objects under another mesh configuration; everything is derived again.
    pub fn with_config(&self, config: Arc<MeshConfig>) -> Self {
        let all: Vec<Change> = self.objects.values().map(|object| Change::Applied(Arc::clone(object))).collect();
        Self { addresses: self.addresses.clone(), ..Self::new(config) }.apply(&all)
    }

    fn change(&mut self, change: &Change, stale: &mut Stale, stale_rules: &mut StaleRules) {
        let (key, after) = match change {
            Change::Applied(object) => (&object.key, Some(object)),
            Change::Deleted(key) => (key, None),
        };
        let before = match after {
            Some(object) => self.objects.insert(key.clone(), Arc::clone(object)),
            None => self.objects.remove(key),
        };
        let before = before.as_ref();
        self.client_labels.update(before, after);
        match key.kind {
            ObjectKind::Service | ObjectKind::ServiceEntry => self.derive_services(key, stale),
            ObjectKind::Pod | ObjectKind::WorkloadEntry => {
                let workload = after.and_then(|object| workload::from_object(object));
                self.catalog.replace_workload(key, workload, stale);
            }
            ObjectKind::EndpointSlice | ObjectKind::Endpoints => self.catalog.replace_slice(key, before, after, stale),
            ObjectKind::VirtualService => self.routes.update(key, &self.objects, &self.config),
            ObjectKind::DestinationRule => self.destinations.update(before, after, &self.config, stale_rules),
            ObjectKind::Sidecar => self.sidecars.update(before, after),
            ObjectKind::Gateway => self.gateways.update(before, after),
            ObjectKind::Deployment | ObjectKind::Namespace | ObjectKind::ServiceAccount | ObjectKind::WorkloadGroup => {
            }
        }
    }

    fn derive_services(&mut self, key: &ObjectKey, stale: &mut Stale) {
        let services = match self.objects.get(key) {
            Some(object) => service::from_object(object, &self.addresses, &self.config),
            None => Vec::new(),
        };
        let known = self.catalog.declared_by(key).iter().map(|service| &**service);
        let names: BTreeSet<AddressKey> = known.chain(&services).map(AddressKey::of).collect();
        self.catalog.replace_services(key, services, stale);
        for name in names {
            if self.wants_address(&name) {
                self.unaddressed.insert(name);
            } else {
                self.unaddressed.remove(&name);
            }
        }
    }

    fn wants_address(&self, name: &AddressKey) -> bool {
        let mut claims = self.catalog.of_host(&name.host).iter();
        claims.any(|found| found.namespace == name.namespace && found.address_origin == AddressOrigin::Missing)
    }

    fn declaring(&self, keys: &[AddressKey]) -> BTreeSet<ObjectKey> {
        let rivals = keys.iter().flat_map(|key| self.catalog.of_host(&key.host).iter().map(move |found| (key, found)));
        rivals.filter(|(key, found)| found.namespace == key.namespace).map(|(_, found)| found.object()).collect()
    }
}

// === objects ===

impl Mesh {
    /// The mesh-wide settings.
    pub fn config(&self) -> &MeshConfig {
        &self.config
    }

    /// One object.
    pub fn object(&self, key: &ObjectKey) -> Option<&Arc<Object>> {
        self.objects.get(key)
    }

    /// All objects, by kind, namespace and name.
    pub fn objects(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.objects.values()
    }

    /// The objects of one kind, by namespace and name.
    pub fn objects_of(&self, kind: ObjectKind) -> impl Iterator<Item = &Arc<Object>> {
        range::of_kind(&self.objects, kind).map(|(_, object)| object)
    }

    /// The objects of one kind in one namespace, by name.
    pub fn objects_in(&self, kind: ObjectKind, namespace: &str) -> impl Iterator<Item = &Arc<Object>> {
        range::in_namespace(&self.objects, kind, namespace).map(|(_, object)| object)
    }
}

// === services and endpoints ===

impl Mesh {
    /// All services, by declaring object. A host that several objects declare stands here several times.
    pub fn services(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.catalog.services()
    }

    /// The services that an object declares: one for a Service, one per host for a ServiceEntry.
    pub fn services_of(&self, object: &ObjectKey) -> &[Arc<Service>] {
        self.catalog.declared_by(object)
    }

    /// The service that proxies of `namespace` reach under a host, Sidecars aside: of the visible ones the one in their own
    /// namespace, else a Kubernetes Service, else the oldest.
    pub fn service(&self, host: &str, namespace: &str) -> Option<&Arc<Service>> {
        self.best_claim(host, namespace, |_| true)
    }

    fn best_claim(&self, host: &str, namespace: &str, accept: impl Fn(&Service) -> bool) -> Option<&Arc<Service>> {
        let claims = self.catalog.of_host(host).iter();
        let visible = claims.filter(|service| service.export_to.allows(namespace) && accept(service));
        // min_by_key keeps the first of equals, and the claims come in clash order.
        visible.min_by_key(|service| *service.namespace != *namespace)
    }

    /// The healthy endpoints of a service, in address order.
    ///
    /// From the EndpointSlices (or else the Endpoints) of a Kubernetes Service, else from the pods it selects; in both cases also
    /// from the WorkloadEntries it selects. From a ServiceEntry's own endpoints, or the pods and WorkloadEntries it selects.
    pub fn endpoints(&self, service: &Service) -> Arc<[Endpoint]> {
        self.catalog.endpoints(&service.id()).cloned().unwrap_or_default()
    }

    /// The services that a workload stands behind, oldest first: those of its namespace that select its labels or have an endpoint
    /// at one of its addresses.
    pub fn workload_services(&self, namespace: &str, labels: &Labels, addresses: &[IpAddr]) -> Vec<Arc<Service>> {
        let by_address = addresses.iter().flat_map(|address| self.catalog.at_address(namespace, *address));
        let mut found: Vec<Arc<Service>> =
            self.catalog.selecting(namespace, labels).chain(by_address).cloned().collect();
        found.sort_by(|a, b| (&a.precedence, &a.host).cmp(&(&b.precedence, &b.host)));
        found.dedup_by(|a, b| Arc::ptr_eq(a, b));
        found
    }

    /// The services that want an address and have none; give them one with [`address::allocate`].
    pub fn unaddressed(&self) -> impl Iterator<Item = &AddressKey> {
        self.unaddressed.iter()
    }

    /// Whether a service of this name is there. Addresses of names that are not may be given back after a while.
    pub fn declares(&self, key: &AddressKey) -> bool {
        self.catalog.of_host(&key.host).iter().any(|service| service.namespace == key.namespace)
    }
}

// === policies ===

impl Mesh {
    /// The VirtualService of an object with names completed and delegates merged; `None` for a delegate.
    pub fn virtual_service(&self, key: &ObjectKey) -> Option<&Arc<MeshVirtualService>> {
        self.routes.get(key)
    }

    /// The VirtualServices bound to a Gateway that a router in `namespace` sees, in look-up order: private, exported, public;
    /// each by age. Their routes for one host are appended in this order.
    pub fn virtual_services_for_gateway(&self, gateway: &GatewayRef, namespace: &str) -> Vec<Arc<MeshVirtualService>> {
        self.routes.bound_to(gateway, namespace)
    }

    /// The DestinationRule in force for a client's calls to a service.
    pub fn destination_rule_for(
        &self,
        namespace: &str,
        labels: &Labels,
        service: &Service,
    ) -> Option<&Arc<EffectiveDestinationRule>> {
        self.destinations.rule_for(namespace, labels, service, &self.config)
    }

    /// The Sidecar in force for a workload.
    pub fn sidecar_for(&self, namespace: &str, labels: &Labels) -> Option<&Arc<MeshSidecar>> {
        self.sidecars.pick(namespace, labels, &self.config)
    }

    /// What a sidecar proxy sees.
    pub fn scope_for(&self, namespace: &str, labels: &Labels) -> SidecarScope {
        SidecarScope::new(namespace, self.sidecar_for(namespace, labels), &self.config)
    }

    /// What a router sees: everything exported to its namespace. Sidecars do not apply to routers.
    pub fn router_scope(&self, namespace: &str) -> SidecarScope {
        SidecarScope::new(namespace, None, &self.config)
    }

    /// The names of all labels by which policies tell clients apart: source labels of VirtualServices, selectors of
    /// DestinationRules, Sidecars and Gateways. Clients of one namespace that agree on these are treated alike.
    pub fn client_labels(&self) -> impl Iterator<Item = &str> {
        self.client_labels.names()
    }

    /// The Gateways that a router with these labels serves, oldest first, whatever their namespace.
    pub fn gateways_for(&self, labels: &Labels) -> Vec<Arc<MeshGateway>> {
        self.gateways.selecting(labels)
    }
}

#[cfg(test)]
mod tests;
