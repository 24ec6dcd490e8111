//! What one change touches, so that nothing else need be translated again.
//!
//! The answer is exact where pointers can tell (what is derived anew and equal keeps its `Arc`) and never too small: every
//! query of [`Mesh`] that gives another answer after the change is covered by one of the sets.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::address::AddressKey;
use super::client_labels;
use super::destination;
use super::endpoint;
use super::gateway::GatewayRef;
use super::host::HostPattern;
use super::service::{Service, ServiceId};
use super::{Mesh, MeshVirtualService};
use crate::object::{Change, Object, ObjectKey, ObjectKind};

/// What a change touches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// Hosts of services that came, went or changed in any field: clusters, listeners, virtual hosts, names. Also whatever is
    /// inbound for their workloads, in the service's namespace.
    pub services: BTreeSet<Arc<str>>,
    /// Hosts of services whose endpoints differ.
    pub endpoints: BTreeSet<Arc<str>>,
    /// Hosts of the mesh for which another VirtualService, or other rules of the same, may be in force.
    pub routes: BTreeSet<HostPattern>,
    /// Hosts that a restricting scope may see from now on, or no longer, because a VirtualService routes to them.
    pub imports: BTreeSet<Arc<str>>,
    /// Hosts for which another DestinationRule, or other settings of the same, may be in force.
    pub destination_rules: BTreeSet<HostPattern>,
    /// Gateways whose servers or routes differ.
    pub gateways: BTreeSet<GatewayRef>,
    /// Proxies whose scope may differ.
    pub scopes: ScopesAffected,
    /// Labels by which clients are told apart from now on, or no longer, see [`Mesh::client_labels`].
    pub client_labels: BTreeSet<Arc<str>>,
}

/// Whose scope a change may touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ScopesAffected {
    /// Nobody's.
    #[default]
    None,
    /// That of proxies in these namespaces.
    Namespaces(BTreeSet<Arc<str>>),
    /// Everybody's.
    All,
}

/// What `change`, one of those that lead from `before` to `after`, touches.
pub fn affected(change: &Change, before: &Mesh, after: &Mesh) -> Affected {
    let key = change.key();
    let step = Step { before, after };
    let mut affected = step.derived(key);
    affected.client_labels = step.client_labels(key);
    affected
}

/// What a change of the allocated addresses touches.
pub fn affected_by_addresses(before: &Mesh, after: &Mesh) -> Affected {
    let step = Step { before, after };
    let changed: Vec<AddressKey> = before.addresses.changed(&after.addresses);
    let mut affected = Affected::default();
    for object in before.declaring(&changed).union(&after.declaring(&changed)) {
        affected.merge(step.services(object));
    }
    affected
}

// === impl Affected ===

impl Affected {
    /// Adds what another change touches.
    pub fn merge(&mut self, other: Self) {
        self.services.extend(other.services);
        self.endpoints.extend(other.endpoints);
        self.routes.extend(other.routes);
        self.imports.extend(other.imports);
        self.destination_rules.extend(other.destination_rules);
        self.gateways.extend(other.gateways);
        self.scopes.merge(other.scopes);
        self.client_labels.extend(other.client_labels);
    }

    /// Whether nothing is touched.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn route(&mut self, route: &MeshVirtualService) {
        for gateway in &route.gateways {
            match gateway {
                GatewayRef::Mesh => {
                    self.routes.extend(route.hosts.iter().cloned());
                    self.imports.extend(route.destinations().cloned());
                }
                named @ GatewayRef::Named { .. } => {
                    self.gateways.insert(named.clone());
                }
            }
        }
    }
}

impl ScopesAffected {
    /// Whether proxies of a namespace are among them.
    pub fn contains(&self, namespace: &str) -> bool {
        match self {
            Self::None => false,
            Self::Namespaces(named) => named.contains(namespace),
            Self::All => true,
        }
    }

    fn merge(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::All, _) | (_, Self::None) => {}
            (Self::Namespaces(mine), Self::Namespaces(theirs)) => mine.extend(theirs),
            (_, other) => *self = other,
        }
    }
}

// === one step ===

struct Step<'a> {
    before: &'a Mesh,
    after: &'a Mesh,
}

impl Step<'_> {
    fn derived(&self, key: &ObjectKey) -> Affected {
        match key.kind {
            ObjectKind::Service | ObjectKind::ServiceEntry => self.services(key),
            ObjectKind::Pod | ObjectKind::WorkloadEntry => {
                self.endpoints_of(|mesh| mesh.catalog.depending_on_workload(key))
            }
            ObjectKind::EndpointSlice | ObjectKind::Endpoints => self.endpoints_of(|mesh| slice_services(mesh, key)),
            ObjectKind::VirtualService => self.routes(key),
            ObjectKind::DestinationRule => self.destination_rules(key),
            ObjectKind::Sidecar => self.sidecar(key),
            ObjectKind::Gateway => self.gateway(key),
            ObjectKind::Deployment | ObjectKind::Namespace | ObjectKind::ServiceAccount | ObjectKind::WorkloadGroup => {
                Affected::default()
            }
        }
    }

    fn client_labels(&self, key: &ObjectKey) -> BTreeSet<Arc<str>> {
        let used = self.object(key).into_iter().flatten().flat_map(|object| client_labels::used_by(object));
        let [before, after] = self.both().map(|mesh| &mesh.client_labels);
        used.filter(|name| before.contains(name) != after.contains(name)).collect()
    }

    fn both(&self) -> [&Mesh; 2] {
        [self.before, self.after]
    }

    fn object(&self, key: &ObjectKey) -> [Option<&Arc<Object>>; 2] {
        self.both().map(|mesh| mesh.objects.get(key))
    }

    fn services(&self, key: &ObjectKey) -> Affected {
        let mut affected = self.endpoints_of(|mesh| mesh.catalog.ids_of(key).collect());
        let [before, after] = self.both().map(|mesh| mesh.catalog.declared_by(key));
        let lost = |these: &[Arc<Service>], those: &[Arc<Service>]| -> Vec<Arc<str>> {
            let gone = these.iter().filter(|service| !those.iter().any(|other| Arc::ptr_eq(service, other)));
            gone.map(|service| Arc::clone(&service.host)).collect()
        };
        affected.services.extend(lost(before, after));
        affected.services.extend(lost(after, before));
        affected
    }

    fn endpoints_of(&self, ids: impl Fn(&Mesh) -> BTreeSet<ServiceId>) -> Affected {
        let mut candidates = ids(self.before);
        candidates.extend(ids(self.after));
        let changed = candidates.into_iter().filter(|id| {
            let [before, after] = self.both().map(|mesh| mesh.catalog.endpoints(id));
            !same(before, after)
        });
        Affected { endpoints: changed.map(|id| id.host).collect(), ..Affected::default() }
    }

    fn routes(&self, key: &ObjectKey) -> Affected {
        let mut roots: BTreeSet<&ObjectKey> = self.before.routes.depending_on(key).collect();
        roots.extend(self.after.routes.depending_on(key));
        let mut affected = Affected::default();
        for root in roots {
            let [before, after] = self.both().map(|mesh| mesh.routes.get(root));
            if !same(before, after) {
                before.into_iter().chain(after).for_each(|route| affected.route(route));
            }
        }
        affected
    }

    fn destination_rules(&self, key: &ObjectKey) -> Affected {
        let mut affected = Affected::default();
        for (mesh, object) in self.both().into_iter().zip(self.object(key)) {
            let Some(host) = object.and_then(|object| destination::host_of(object, &mesh.config)) else { continue };
            let [before, after] = self.both().map(|mesh| mesh.destinations.of_host(&key.namespace, &host));
            if before.len() != after.len() || before.iter().zip(after).any(|(old, new)| !Arc::ptr_eq(old, new)) {
                affected.destination_rules.insert(HostPattern::new(host));
            }
        }
        affected
    }

    fn sidecar(&self, key: &ObjectKey) -> Affected {
        let [before, after] = self.object(key);
        if same(before, after) {
            return Affected::default();
        }
        let everywhere = self.both().iter().any(|mesh| *mesh.config.root_namespace == *key.namespace);
        let scopes = match everywhere {
            true => ScopesAffected::All,
            false => ScopesAffected::Namespaces(BTreeSet::from([Arc::clone(&key.namespace)])),
        };
        Affected { scopes, ..Affected::default() }
    }

    fn gateway(&self, key: &ObjectKey) -> Affected {
        let [before, after] = self.object(key);
        let mut affected = Affected::default();
        if !same(before, after) {
            let (namespace, name) = (Arc::clone(&key.namespace), Arc::clone(&key.name));
            affected.gateways.insert(GatewayRef::Named { namespace, name });
        }
        affected
    }
}

fn same<T: ?Sized>(before: Option<&Arc<T>>, after: Option<&Arc<T>>) -> bool {
    match (before, after) {
        (None, None) => true,
        (Some(before), Some(after)) => Arc::ptr_eq(before, after),
        _ => false,
    }
}

fn slice_services(mesh: &Mesh, slice: &ObjectKey) -> BTreeSet<ServiceId> {
    let owner = mesh.objects.get(slice).and_then(|object| endpoint::slice_owner(object));
    owner.map(|service| mesh.catalog.ids_of(&service).collect()).unwrap_or_default()
}
