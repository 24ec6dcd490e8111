//! What a change makes dirty, view by view.
//!
//! Which hosts a change touches is the mesh's answer ([`affected`]); here it becomes units of views. The rule for what may be
//! missing is none: a unit that would come out otherwise after the change is dirty. A unit that comes out the same costs a
//! translation and sends nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use ferro_model::mesh::{Affected, Mesh, Resolution, SidecarScope, affected, affected_by_addresses};
use ferro_model::object::{Change, ObjectKind};

use crate::proxy::{Proxy, ProxyKind};
use crate::unit::{Dirty, Unit};
use crate::view::{LocalKey, OutboundKey, View, compared_by};

#[derive(Clone, Debug)]
pub struct Impact {
    scale: Scale,
    /// Namespaces whose workloads may stand behind other services now.
    workloads: BTreeSet<Arc<str>>,
    /// Whether policies may select by other labels now.
    labels: bool,
}

#[derive(Clone, Debug)]
enum Scale {
    Everything,
    Some(Box<Step>),
}

#[derive(Clone, Debug)]
struct Step {
    before: Mesh,
    after: Mesh,
    affected: Affected,
}

pub fn impact(changes: &[Change], before: &Mesh, after: &Mesh) -> Impact {
    let mut all = affected_by_addresses(before, after);
    let (mut workloads, mut labels) = (BTreeSet::new(), false);
    for change in changes {
        let key = change.key();
        let found = affected(change, before, after);
        if moves_workloads(key.kind) && !(found.services.is_empty() && found.endpoints.is_empty()) {
            workloads.insert(Arc::clone(&key.namespace));
        }
        all.merge(found);
        let [old, new] =
            [before, after].map(|mesh| mesh.object(key).map(|object| compared_by(object)).unwrap_or_default());
        labels |= old != new;
    }
    labels |= !all.client_labels.is_empty();
    let step = Step { before: before.clone(), after: after.clone(), affected: all };
    Impact { scale: Scale::Some(Box::new(step)), workloads, labels }
}

fn moves_workloads(kind: ObjectKind) -> bool {
    match kind {
        ObjectKind::Service
        | ObjectKind::ServiceEntry
        | ObjectKind::EndpointSlice
        | ObjectKind::Endpoints
        | ObjectKind::Pod
        | ObjectKind::WorkloadEntry => true,
        ObjectKind::Deployment
        | ObjectKind::Namespace
        | ObjectKind::ServiceAccount
        | ObjectKind::VirtualService
        | ObjectKind::DestinationRule
        | ObjectKind::WorkloadGroup
        | ObjectKind::Sidecar
        | ObjectKind::Gateway => false,
    }
}

impl Impact {
    /// Everything of everybody: settings or mesh configuration changed.
    pub fn everything() -> Self {
        Self { scale: Scale::Everything, workloads: BTreeSet::new(), labels: true }
    }

    /// Whether a proxy may be in another view now; if so, ask [`views`](crate::views) again.
    pub fn rekeys(&self, proxy: &Proxy) -> bool {
        match &self.scale {
            Scale::Everything => true,
            // A Sidecar decides on inbound ports as well.
            Scale::Some(step) => {
                let scopes = &step.affected.scopes;
                self.labels || self.workloads.contains(&proxy.namespace) || scopes.contains(&proxy.namespace)
            }
        }
    }

    /// What of a view has to be translated again.
    pub fn dirty(&self, view: &View) -> Dirty {
        match (&self.scale, view) {
            (Scale::Everything, _) => Dirty::everything(),
            (Scale::Some(step), View::Outbound(key)) => step.outbound(key),
            (Scale::Some(step), View::Local(key)) => step.local(key),
        }
    }
}

impl Step {
    fn both(&self) -> [&Mesh; 2] {
        [&self.before, &self.after]
    }

    fn scopes(&self, key: &OutboundKey) -> [SidecarScope; 2] {
        self.both().map(|mesh| match key.kind {
            ProxyKind::Router => mesh.router_scope(&key.namespace),
            ProxyKind::Sidecar => mesh.scope_for(&key.namespace, &key.labels),
        })
    }

    fn outbound(&self, key: &OutboundKey) -> Dirty {
        let affected = &self.affected;
        if key.kind == ProxyKind::Sidecar && affected.scopes.contains(&key.namespace) {
            return Dirty::everything();
        }
        let scopes = self.scopes(key);
        let mut dirty = Dirty::default();
        for host in &affected.services {
            self.service(host, &scopes, &mut dirty);
        }
        if scopes.iter().any(SidecarScope::restricts) {
            for host in &affected.imports {
                self.service(host, &scopes, &mut dirty);
            }
        }
        for host in &affected.endpoints {
            self.endpoints(host, &scopes, &mut dirty);
        }
        dirty.services.extend(affected.destination_rules.iter().cloned());
        match key.kind {
            ProxyKind::Sidecar => self.routes(&scopes, &mut dirty),
            ProxyKind::Router => self.gateways(key, &mut dirty),
        }
        dirty
    }

    // A service that neither mesh shows to the view is nothing to it, whoever else names the host.
    fn service(&self, host: &Arc<str>, scopes: &[SidecarScope; 2], dirty: &mut Dirty) {
        let ports = self.ports(host, scopes);
        dirty.units.extend(Unit::of_service(host));
        dirty.units.extend(ports.into_iter().map(Unit::Port));
        dirty.destinations.insert(Arc::clone(host));
    }

    // The ports at which any listener of the view serves a host, before or after.
    fn ports(&self, host: &str, scopes: &[SidecarScope; 2]) -> BTreeSet<u16> {
        let both = self.both().into_iter().zip(scopes);
        let seen = both.flat_map(|(mesh, scope)| {
            let by_listener =
                scope.listeners.iter().filter_map(|listener| mesh.listener_service(scope, listener, host));
            by_listener.chain(mesh.scope_service(scope, host)).collect::<Vec<_>>()
        });
        seen.flat_map(|service| service.ports.iter().map(|port| port.number).collect::<Vec<_>>()).collect()
    }

    fn endpoints(&self, host: &Arc<str>, scopes: &[SidecarScope; 2], dirty: &mut Dirty) {
        dirty.units.insert(Unit::Endpoints(Arc::clone(host)));
        let resolutions =
            self.both().into_iter().zip(scopes).filter_map(|(mesh, scope)| mesh.scope_service(scope, host));
        for resolution in resolutions.map(|service| service.resolution) {
            match resolution {
                // Its names stand in the cluster.
                Resolution::Dns | Resolution::DnsRoundRobin => {
                    dirty.units.insert(Unit::Clusters(Arc::clone(host)));
                }
                // Its workloads are called by their addresses.
                Resolution::Headless => {
                    dirty.units.insert(Unit::Listeners(Arc::clone(host)));
                    dirty.units.insert(Unit::Name(Arc::clone(host)));
                }
                Resolution::Static | Resolution::None | Resolution::DynamicDns => {}
            }
        }
    }

    fn routes(&self, scopes: &[SidecarScope; 2], dirty: &mut Dirty) {
        for pattern in &self.affected.routes {
            dirty.routes.insert(pattern.clone());
            if pattern.is_wildcard() {
                dirty.l4.insert(pattern.clone());
            } else if self.carries(pattern.as_str(), scopes) {
                dirty.units.insert(Unit::Listeners(pattern.to_arc()));
                dirty.units.extend(self.ports(pattern.as_str(), scopes).into_iter().map(Unit::Port));
            }
        }
    }

    // Rules for bytes stand in listeners, not in virtual hosts. Most VirtualServices have none, and a listener is dear.
    fn carries(&self, host: &str, scopes: &[SidecarScope; 2]) -> bool {
        self.both().into_iter().zip(scopes).any(|(mesh, scope)| {
            let mut rules =
                scope.listeners.iter().filter_map(|listener| mesh.virtual_service_for(scope, listener, host));
            rules.any(|rules| !rules.spec.tcp.is_empty() || !rules.spec.tls.is_empty())
        })
    }

    // Which servers a router has decides on all of its tables, and it has few.
    fn gateways(&self, key: &OutboundKey, dirty: &mut Dirty) {
        let served = self.both().into_iter().flat_map(|mesh| mesh.gateways_for(&key.labels));
        let mut touched = served.filter(|gateway| self.affected.gateways.contains(&gateway.name())).peekable();
        if touched.peek().is_some() {
            dirty.everything = true;
        }
    }

    fn local(&self, key: &LocalKey) -> Dirty {
        let affected = &self.affected;
        let hosts = || key.inbound.iter().map(|port| &port.host);
        let rules = || hosts().any(|host| affected.destination_rules.iter().any(|pattern| pattern.covers(host)));
        let services = || hosts().any(|host| affected.services.contains(host));
        let gateways = || key.kind == ProxyKind::Router && !affected.gateways.is_empty();
        let scopes = || key.kind == ProxyKind::Sidecar && affected.scopes.contains(&key.namespace);
        if scopes() || rules() || services() || gateways() { Dirty::everything() } else { Dirty::default() }
    }
}
