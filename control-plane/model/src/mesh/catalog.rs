//! Services, the workloads behind them, and the endpoints that follow from both.
//!
//! ```text
//! Service, ServiceEntry ──► by_object, by_host, selectors ─┐
//! Pod, WorkloadEntry ─────► workloads, workload_labels ────┼─► endpoints ──► by_address
//! EndpointSlice, Endpoints ► slices, slice_targets ────────┘
//! ```
//! A change marks the services whose endpoints may follow from it; [`Catalog::refresh`] resolves those again and no others.
//! Results that turn out equal keep their old `Arc`, so an unchanged thing can be told by its pointer.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use imbl::OrdMap;

use super::endpoint::{self, Endpoint, EndpointAddress};
use super::labels::LabelIndex;
use super::multimap::Multimap;
use super::service::{Labels, Service, ServiceId};
use super::workload::Workload;
use crate::object::{Object, ObjectKey};

/// The persistent index of services, workloads and endpoints.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    by_object: OrdMap<ObjectKey, Arc<[Arc<Service>]>>,
    by_host: OrdMap<Arc<str>, Arc<[Arc<Service>]>>,
    selectors: LabelIndex<ServiceId>,
    workloads: OrdMap<ObjectKey, Arc<Workload>>,
    workload_labels: LabelIndex<ObjectKey>,
    /// Service -> its slices.
    slices: Multimap<ObjectKey, ObjectKey, Arc<Object>>,
    /// Pod -> the slices that name it, with the Service of each.
    slice_targets: Multimap<ObjectKey, ObjectKey, ObjectKey>,
    endpoints: OrdMap<ServiceId, Arc<[Endpoint]>>,
    by_address: Multimap<(Arc<str>, IpAddr), ServiceId>,
}

/// The services whose endpoints must be resolved again.
pub(crate) type Stale = BTreeSet<ServiceId>;

// === queries ===

impl Catalog {
    /// All services, by declaring object.
    pub(crate) fn services(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.by_object.values().flat_map(|services| services.iter())
    }

    /// The services that an object declares.
    pub(crate) fn declared_by(&self, object: &ObjectKey) -> &[Arc<Service>] {
        self.by_object.get(object).map_or(&[], |services| services)
    }

    /// The services of one host, best claim first.
    pub(crate) fn of_host(&self, host: &str) -> &[Arc<Service>] {
        self.by_host.get(host).map_or(&[], |services| services)
    }

    /// The services declared in one namespace.
    pub(crate) fn of_namespace(&self, namespace: &str) -> impl Iterator<Item = &Arc<Service>> {
        use super::range::in_namespace;
        use crate::object::ObjectKind::{Service as Kubernetes, ServiceEntry};
        [Kubernetes, ServiceEntry]
            .into_iter()
            .flat_map(move |kind| in_namespace(&self.by_object, kind, namespace))
            .flat_map(|(_, services)| services.iter())
    }

    /// The service with this identity.
    pub(crate) fn service(&self, id: &ServiceId) -> Option<&Arc<Service>> {
        self.declared_by(&id.object).iter().find(|service| service.host == id.host)
    }

    /// The endpoints of a service, in address order.
    pub(crate) fn endpoints(&self, id: &ServiceId) -> Option<&Arc<[Endpoint]>> {
        self.endpoints.get(id)
    }

    /// The services of a namespace that select a workload with these labels.
    pub(crate) fn selecting<'a>(
        &'a self,
        namespace: &'a str,
        labels: &'a Labels,
    ) -> impl Iterator<Item = &'a Arc<Service>> {
        self.selectors
            .selector_candidates(namespace, labels)
            .filter_map(|id| self.service(id))
            .filter(|service| service.selects(labels))
    }

    /// The services of a namespace that have an endpoint at this address.
    pub(crate) fn at_address(&self, namespace: &str, address: IpAddr) -> impl Iterator<Item = &Arc<Service>> {
        self.by_address.of((namespace.into(), address)).filter_map(|(id, ())| self.service(id))
    }

    /// The workloads of a namespace that `selector` matches.
    pub(crate) fn selected<'a>(
        &'a self,
        namespace: &str,
        selector: &'a Labels,
    ) -> impl Iterator<Item = &'a Arc<Workload>> {
        self.workload_labels
            .workload_candidates(namespace, selector)
            .filter_map(|key| self.workloads.get(key))
            .filter(|workload| super::service::selects(selector, &workload.labels))
    }

    /// The workload that a Pod or WorkloadEntry describes.
    pub(crate) fn workload(&self, key: &ObjectKey) -> Option<&Arc<Workload>> {
        self.workloads.get(key)
    }

    /// The slices (or Endpoints) of a Kubernetes Service.
    pub(crate) fn slices(&self, service: &ObjectKey) -> impl Iterator<Item = &Arc<Object>> {
        self.slices.of(service.clone()).map(|(_, slice)| slice)
    }

    /// The services whose endpoints may follow from a Pod or WorkloadEntry as this catalog knows it.
    pub(crate) fn depending_on_workload(&self, key: &ObjectKey) -> Stale {
        let mut found = Stale::new();
        if let Some(workload) = self.workloads.get(key) {
            found.extend(self.selecting(&key.namespace, &workload.labels).map(|service| service.id()));
        }
        found.extend(self.slice_targets.of(key.clone()).flat_map(|(_, service)| self.ids_of(service)));
        found
    }

    /// The identities of the services that an object declares.
    pub(crate) fn ids_of(&self, object: &ObjectKey) -> impl Iterator<Item = ServiceId> {
        self.declared_by(object).iter().map(|service| service.id())
    }
}

// === changes ===

impl Catalog {
    /// Puts the services that an object declares in place of those it declared before.
    pub(crate) fn replace_services(&mut self, object: &ObjectKey, services: Vec<Service>, stale: &mut Stale) {
        let before: Arc<[Arc<Service>]> = self.by_object.get(object).cloned().unwrap_or_default();
        let after: Arc<[Arc<Service>]> = services.into_iter().map(|service| reuse(&before, service)).collect();
        for service in before.iter() {
            stale.insert(service.id());
            self.unindex(service);
        }
        for service in after.iter() {
            stale.insert(service.id());
            self.index(service);
        }
        if after.is_empty() {
            self.by_object.remove(object);
        } else {
            self.by_object.insert(object.clone(), after);
        }
    }

    fn index(&mut self, service: &Arc<Service>) {
        let mut rivals = self.of_host(&service.host).to_vec();
        let place = rivals.partition_point(|other| other.clash_order() <= service.clash_order());
        rivals.insert(place, Arc::clone(service));
        self.by_host.insert(Arc::clone(&service.host), rivals.into());
        if let Some(selector) = &service.selector {
            self.selectors.insert_selector(&service.namespace, selector, service.id());
        }
    }

    fn unindex(&mut self, service: &Arc<Service>) {
        let others: Vec<_> =
            self.of_host(&service.host).iter().filter(|other| !Arc::ptr_eq(other, service)).cloned().collect();
        if others.is_empty() {
            self.by_host.remove(&service.host);
        } else {
            self.by_host.insert(Arc::clone(&service.host), others.into());
        }
        if let Some(selector) = &service.selector {
            self.selectors.remove_selector(&service.namespace, selector, service.id());
        }
    }

    /// Puts, replaces or removes the workload of a Pod or WorkloadEntry.
    pub(crate) fn replace_workload(&mut self, key: &ObjectKey, workload: Option<Workload>, stale: &mut Stale) {
        let before = self.workloads.get(key).cloned();
        if before.as_deref() == workload.as_ref() {
            return;
        }
        stale.extend(self.depending_on_workload(key));
        if let Some(before) = before {
            self.workload_labels.remove_workload(&key.namespace, &before.labels, key);
            self.workloads.remove(key);
        }
        if let Some(workload) = workload {
            self.workload_labels.insert_workload(&key.namespace, &workload.labels, key);
            self.workloads.insert(key.clone(), Arc::new(workload));
        }
        stale.extend(self.depending_on_workload(key));
    }

    /// Puts, replaces or removes an EndpointSlice or Endpoints object.
    pub(crate) fn replace_slice(
        &mut self,
        key: &ObjectKey,
        before: Option<&Arc<Object>>,
        after: Option<&Arc<Object>>,
        stale: &mut Stale,
    ) {
        if let Some(object) = before {
            self.remove_slice(key, object, stale);
        }
        let Some(object) = after else { return };
        let Some(service) = endpoint::slice_owner(object) else { return };
        for pod in endpoint::slice_pods(object) {
            self.slice_targets.insert(pod, key.clone(), service.clone());
        }
        stale.extend(self.ids_of(&service));
        self.slices.insert(service, key.clone(), Arc::clone(object));
    }

    fn remove_slice(&mut self, key: &ObjectKey, object: &Object, stale: &mut Stale) {
        let Some(service) = endpoint::slice_owner(object) else { return };
        for pod in endpoint::slice_pods(object) {
            self.slice_targets.remove(pod, key.clone());
        }
        stale.extend(self.ids_of(&service));
        self.slices.remove(service, key.clone());
    }

    /// Resolves the endpoints of the marked services again.
    pub(crate) fn refresh(&mut self, stale: &Stale, objects: &OrdMap<ObjectKey, Arc<Object>>) {
        for id in stale {
            let before = self.endpoints.get(id).cloned();
            let after = self.service(id).map(|service| endpoint::resolve(self, service, objects.get(&id.object)));
            if before.as_deref() == after.as_deref() {
                continue;
            }
            self.move_addresses(id, before.as_deref().unwrap_or(&[]), after.as_deref().unwrap_or(&[]));
            match after {
                Some(after) => self.endpoints.insert(id.clone(), after.into()),
                None => self.endpoints.remove(id),
            };
        }
    }

    fn move_addresses(&mut self, id: &ServiceId, before: &[Endpoint], after: &[Endpoint]) {
        let (before, after) = (addresses(before), addresses(after));
        let place = |address: &IpAddr| (Arc::clone(&id.object.namespace), *address);
        for address in before.difference(&after) {
            self.by_address.remove(place(address), id.clone());
        }
        for address in after.difference(&before) {
            self.by_address.insert(place(address), id.clone(), ());
        }
    }
}

fn addresses(endpoints: &[Endpoint]) -> BTreeSet<IpAddr> {
    let ip = |endpoint: &Endpoint| match endpoint.address {
        EndpointAddress::Ip(ip) => Some(ip),
        EndpointAddress::Name(_) | EndpointAddress::Unix(_) => None,
    };
    endpoints.iter().filter_map(ip).collect()
}

fn reuse(before: &[Arc<Service>], service: Service) -> Arc<Service> {
    match before.iter().find(|known| ***known == service) {
        Some(known) => Arc::clone(known),
        None => Arc::new(service),
    }
}
