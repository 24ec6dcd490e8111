//! VirtualServices: names completed, delegates merged, found by host, gateway and destination.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use imbl::OrdMap;

use super::conflicts::shadows;
use super::gateway::GatewayRef;
use super::host::{HostIndex, HostPattern};
use super::multimap::Multimap;
use super::precedence::Precedence;
use super::visibility::{Reach, Visibility};
use crate::diagnostic::Diagnostic;
use crate::istio::VirtualService;
use crate::mesh_config::MeshConfig;
use crate::object::{Object, ObjectKey, ObjectKind, Spec};

mod delegate;
mod names;

/// A VirtualService as it is in force: its short names completed and its delegates merged into it.
#[derive(Clone, Debug, PartialEq)]
pub struct MeshVirtualService {
    /// The root object.
    pub key: ObjectKey,
    /// Its age and name: who wins a host.
    pub precedence: Precedence,
    /// Who may see it.
    pub export_to: Visibility,
    /// The hosts it speaks for.
    pub hosts: Vec<HostPattern>,
    /// Where it is bound; the mesh if it names nothing.
    pub gateways: Vec<GatewayRef>,
    /// The rules, every destination fully qualified and no delegate left.
    pub spec: VirtualService,
    /// The delegates that its rules name, whether or not they could be merged.
    pub delegates: Vec<ObjectKey>,
    /// What could not be merged, and why.
    pub diagnostics: Vec<Diagnostic>,
    /// The hosts it routes to, each with the ports it names; `None` stands for any port.
    destinations: BTreeMap<Arc<str>, BTreeSet<Option<u32>>>,
}

impl MeshVirtualService {
    /// Whether it speaks for a gateway (or the mesh).
    pub fn binds(&self, gateway: &GatewayRef) -> bool {
        self.gateways.contains(gateway)
    }

    /// How proxies of a namespace see it.
    pub fn reach(&self, namespace: &str) -> Option<Reach> {
        self.export_to.reach(&self.key.namespace, namespace)
    }

    /// The hosts of its destinations (routes and mirrors), each once.
    pub fn destinations(&self) -> impl Iterator<Item = &Arc<str>> {
        self.destinations.keys()
    }

    /// The ports that it names of a destination; `None` stands for any port.
    pub(crate) fn ports_of(&self, host: &str) -> impl Iterator<Item = Option<u32>> {
        self.destinations.get(host).into_iter().flatten().copied()
    }
}

/// The persistent index of VirtualServices.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes {
    by_object: OrdMap<ObjectKey, Arc<MeshVirtualService>>,
    by_gateway: Multimap<GatewayRef, Precedence, Arc<MeshVirtualService>>,
    /// Host of the mesh -> those that claim it, by age.
    mesh_hosts: HostIndex<Arc<[Arc<MeshVirtualService>]>>,
    mesh_destinations: Multimap<Arc<str>, Precedence, Arc<MeshVirtualService>>,
    roots_of_delegate: Multimap<ObjectKey, ObjectKey>,
}

// === queries ===

impl Routes {
    /// The VirtualService of an object; `None` for a delegate.
    pub(crate) fn get(&self, key: &ObjectKey) -> Option<&Arc<MeshVirtualService>> {
        self.by_object.get(key)
    }

    /// The first that has a host of the mesh for itself wherever `route` claims it too.
    pub(crate) fn winner_over(&self, route: &MeshVirtualService, host: &str) -> Option<&Arc<MeshVirtualService>> {
        self.mesh_hosts.get(host)?.iter().find(|rival| shadows(rival, route))
    }

    /// Those bound to a gateway or the mesh that a namespace sees, in look-up order: private, exported, public; each by age.
    pub(crate) fn bound_to(&self, gateway: &GatewayRef, namespace: &str) -> Vec<Arc<MeshVirtualService>> {
        let bound = self.by_gateway.of(gateway.clone()).map(|(_, found)| found);
        let mut visible: Vec<_> =
            bound.filter_map(|found| Some((found.reach(namespace)?, Arc::clone(found)))).collect();
        visible.sort_by_key(|(reach, _)| *reach);
        visible.into_iter().map(|(_, found)| found).collect()
    }

    /// The one in force for a host of the mesh among those that `accept` lets pass: most specific host, then look-up order.
    pub(crate) fn for_mesh_host(
        &self,
        host: &str,
        namespace: &str,
        accept: impl Fn(&MeshVirtualService) -> bool,
    ) -> Option<&Arc<MeshVirtualService>> {
        self.mesh_hosts
            .most_specific(host)
            .find_map(|claims| {
                let accepted = claims.iter().filter(|claim| accept(claim));
                // min_by_key keeps the first of equals, and the claims come by age.
                accepted.filter_map(|claim| Some((claim.reach(namespace)?, claim))).min_by_key(|(reach, _)| *reach)
            })
            .map(|(_, claim)| claim)
    }

    /// Those of the mesh that route to a host.
    pub(crate) fn with_destination(&self, host: &str) -> impl Iterator<Item = &Arc<MeshVirtualService>> {
        self.mesh_destinations.of(host.into()).map(|(_, route)| route)
    }

    /// The objects whose routes change with an object: itself, and the roots that delegate to it.
    pub(crate) fn depending_on(&self, key: &ObjectKey) -> impl Iterator<Item = &ObjectKey> {
        let root = self.by_object.get_key_value(key).map(|(key, _)| key);
        root.into_iter().chain(self.roots_of_delegate.of(key.clone()).map(|(root, ())| root))
    }
}

// === changes ===

impl Routes {
    /// Derives again what follows from one VirtualService object that has been put into, or taken out of, `objects`.
    pub(crate) fn update(&mut self, key: &ObjectKey, objects: &OrdMap<ObjectKey, Arc<Object>>, config: &MeshConfig) {
        let mut roots: BTreeSet<ObjectKey> = self.depending_on(key).cloned().collect();
        roots.insert(key.clone());
        for root in &roots {
            let after = objects.get(root).and_then(|object| build(object, objects, config));
            self.replace(root, after);
        }
    }

    fn replace(&mut self, key: &ObjectKey, after: Option<MeshVirtualService>) {
        let before = self.by_object.get(key).cloned();
        if before.as_deref() == after.as_ref() {
            return;
        }
        if let Some(before) = before {
            self.unindex(&before);
        }
        if let Some(after) = after {
            self.index(&Arc::new(after));
        }
    }

    fn index(&mut self, route: &Arc<MeshVirtualService>) {
        let order = &route.precedence;
        for gateway in &route.gateways {
            self.by_gateway.insert(gateway.clone(), order.clone(), Arc::clone(route));
        }
        for delegate in &route.delegates {
            self.roots_of_delegate.insert(delegate.clone(), route.key.clone(), ());
        }
        if route.binds(&GatewayRef::Mesh) {
            for host in &route.hosts {
                let mut claims = self.others(host, route);
                claims.insert(claims.partition_point(|claim| claim.precedence < *order), Arc::clone(route));
                self.mesh_hosts.set(host.as_str(), Some(claims.into()));
            }
            for host in route.destinations() {
                self.mesh_destinations.insert(Arc::clone(host), order.clone(), Arc::clone(route));
            }
        }
        self.by_object.insert(route.key.clone(), Arc::clone(route));
    }

    fn unindex(&mut self, route: &MeshVirtualService) {
        let order = &route.precedence;
        for gateway in &route.gateways {
            self.by_gateway.remove(gateway.clone(), order.clone());
        }
        for delegate in &route.delegates {
            self.roots_of_delegate.remove(delegate.clone(), route.key.clone());
        }
        for host in &route.hosts {
            let left = self.others(host, route);
            self.mesh_hosts.set(host.as_str(), (!left.is_empty()).then(|| left.into()));
        }
        for host in route.destinations() {
            self.mesh_destinations.remove(Arc::clone(host), order.clone());
        }
        self.by_object.remove(&route.key);
    }

    // Those that claim a host of the mesh besides `route`, by age.
    fn others(&self, host: &HostPattern, route: &MeshVirtualService) -> Vec<Arc<MeshVirtualService>> {
        let claims = self.mesh_hosts.get(host.as_str()).into_iter().flat_map(|claims| claims.iter());
        claims.filter(|claim| claim.key != route.key).cloned().collect()
    }
}

// A VirtualService without hosts is a delegate: it has no routes of its own, only those that a root takes from it.
fn build(
    object: &Arc<Object>,
    objects: &OrdMap<ObjectKey, Arc<Object>>,
    config: &MeshConfig,
) -> Option<MeshVirtualService> {
    let declared = spec_of(object)?;
    if declared.hosts.is_empty() {
        return None;
    }
    let namespace = &object.key.namespace;
    let mut spec = names::complete(declared, namespace, &config.cluster_domain);
    let merged = delegate::merge(&object.key, &mut spec, |key| find_delegate(key, objects, config));
    let hosts = spec.hosts.iter().map(|host| HostPattern::new(host.as_str())).collect();
    Some(MeshVirtualService {
        key: object.key.clone(),
        precedence: Precedence::of(object),
        export_to: visibility(declared, namespace, config),
        hosts,
        gateways: GatewayRef::bindings(&spec.gateways, namespace),
        destinations: names::destinations(&spec),
        spec,
        delegates: merged.delegates,
        diagnostics: merged.diagnostics,
    })
}

fn find_delegate(
    key: &ObjectKey,
    objects: &OrdMap<ObjectKey, Arc<Object>>,
    config: &MeshConfig,
) -> Option<delegate::Delegate> {
    let declared = spec_of(objects.get(key)?)?;
    Some(delegate::Delegate {
        export_to: visibility(declared, &key.namespace, config),
        spec: names::complete(declared, &key.namespace, &config.cluster_domain),
    })
}

fn visibility(spec: &VirtualService, namespace: &str, config: &MeshConfig) -> Visibility {
    Visibility::resolve(&spec.export_to, namespace, &config.default_virtual_service_export_to)
}

fn spec_of(object: &Object) -> Option<&VirtualService> {
    match &object.spec {
        Spec::VirtualService(spec) => Some(spec),
        _ => None,
    }
}

/// The key of a VirtualService.
fn route_key(namespace: &str, name: &str) -> ObjectKey {
    ObjectKey { kind: ObjectKind::VirtualService, namespace: namespace.into(), name: name.into() }
}
