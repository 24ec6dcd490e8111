//! Endpoints from EndpointSlices and from the older Endpoints.

use std::sync::Arc;

use super::{Endpoint, EndpointAddress, Locality, TlsMode};
use crate::kube::{self, EndpointPort, EndpointSubset, SliceEndpoint, TargetRef};
use crate::mesh::catalog::Catalog;
use crate::mesh::service::{Readiness, Service, ServicePort};
use crate::mesh::workload::Workload;
use crate::object::{Object, ObjectKey, ObjectKind, Spec};

/// Names the Service of a slice.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// The key of the Service that a slice belongs to: by label, or for Endpoints by its own name.
pub(crate) fn slice_owner(slice: &Object) -> Option<ObjectKey> {
    let name = match &slice.spec {
        Spec::EndpointSlice(_) => slice.meta.labels.get(SERVICE_NAME)?.as_str().into(),
        Spec::Endpoints(_) => Arc::clone(&slice.key.name),
        _ => return None,
    };
    Some(ObjectKey { kind: ObjectKind::Service, namespace: Arc::clone(&slice.key.namespace), name })
}

/// The pods that a slice names, each as often as it does.
pub(crate) fn slice_pods(slice: &Object) -> Vec<ObjectKey> {
    let references: Vec<&TargetRef> = match &slice.spec {
        Spec::EndpointSlice(spec) => spec.endpoints.iter().filter_map(|entry| entry.target_ref.as_ref()).collect(),
        Spec::Endpoints(spec) => {
            let addresses =
                spec.subsets.iter().flat_map(|subset| subset.addresses.iter().chain(&subset.not_ready_addresses));
            addresses.filter_map(|address| address.target_ref.as_ref()).collect()
        }
        _ => Vec::new(),
    };
    references.into_iter().filter_map(|reference| pod_key(reference, &slice.key.namespace)).collect()
}

/// The endpoints that a slice gives a service.
pub(super) fn endpoints(catalog: &Catalog, service: &Service, slice: &Object) -> Vec<Endpoint> {
    match &slice.spec {
        Spec::EndpointSlice(spec) => of_slice(catalog, service, spec),
        Spec::Endpoints(spec) => spec.subsets.iter().flat_map(|subset| of_subset(catalog, service, subset)).collect(),
        _ => Vec::new(),
    }
}

fn of_slice(catalog: &Catalog, service: &Service, slice: &kube::EndpointSlice) -> Vec<Endpoint> {
    let ports = ports(service, &slice.ports);
    let usable = slice.endpoints.iter().filter(|entry| service.readiness == Readiness::Ignored || is_ready(entry));
    usable
        .flat_map(|entry| {
            let workload = workload(catalog, service, entry.target_ref.as_ref());
            let found =
                Found { ports: &ports, node: entry.node_name.as_deref(), zone: entry.zone.as_deref(), workload };
            entry.addresses.iter().map(|address| found.endpoint(service, address)).collect::<Vec<_>>()
        })
        .collect()
}

fn of_subset(catalog: &Catalog, service: &Service, subset: &EndpointSubset) -> Vec<Endpoint> {
    let ports = ports(service, &subset.ports);
    let unready = match service.readiness {
        Readiness::Required => &[][..],
        Readiness::Ignored => &subset.not_ready_addresses,
    };
    subset
        .addresses
        .iter()
        .chain(unready)
        .map(|address| {
            let workload = workload(catalog, service, address.target_ref.as_ref());
            let found = Found { ports: &ports, node: address.node_name.as_deref(), zone: None, workload };
            found.endpoint(service, &address.ip)
        })
        .collect()
}

// An absent condition means ready; an endpoint that is terminating gets nothing new even while it still serves.
fn is_ready(entry: &SliceEndpoint) -> bool {
    entry
        .conditions
        .as_ref()
        .is_none_or(|conditions| conditions.ready != Some(false) && conditions.terminating != Some(true))
}

// Ports meet by name; the only port of a service may have none on both sides.
fn ports(service: &Service, listed: &[EndpointPort]) -> Vec<(u16, u16)> {
    let target = |port: &ServicePort| {
        let named = listed.iter().find(|listed| listed.name.as_deref().unwrap_or_default() == &*port.name)?;
        Some((port.number, named.port?))
    };
    service.ports.iter().filter(|port| port.protocol.is_served()).filter_map(target).collect()
}

fn pod_key(reference: &TargetRef, namespace: &Arc<str>) -> Option<ObjectKey> {
    if reference.kind.as_deref().is_some_and(|kind| kind != "Pod") {
        return None;
    }
    let namespace = reference.namespace.as_deref().map_or_else(|| Arc::clone(namespace), Arc::from);
    Some(ObjectKey { kind: ObjectKind::Pod, namespace, name: reference.name.as_deref()?.into() })
}

fn workload<'a>(catalog: &'a Catalog, service: &Service, reference: Option<&TargetRef>) -> Option<&'a Workload> {
    let key = pod_key(reference?, &service.namespace)?;
    catalog.workload(&key).map(|workload| &**workload)
}

/// What is known of one endpoint besides its address.
struct Found<'a> {
    ports: &'a [(u16, u16)],
    node: Option<&'a str>,
    zone: Option<&'a str>,
    workload: Option<&'a Workload>,
}

impl Found<'_> {
    // The slice says where the endpoint is, the pod what it is.
    fn endpoint(&self, service: &Service, address: &str) -> Endpoint {
        let shared = |of: fn(&Workload) -> &Arc<str>| self.workload.map(of).cloned().unwrap_or_default();
        let mut locality = self.workload.map_or_else(Locality::default, |workload| workload.locality.clone());
        if let Some(zone) = self.zone {
            locality.zone = zone.into();
        }
        Endpoint {
            address: EndpointAddress::parse(address),
            ports: self.ports.to_vec(),
            labels: self.workload.map(|workload| Arc::clone(&workload.labels)).unwrap_or_default(),
            locality,
            weight: None,
            network: shared(|workload| &workload.network),
            workload: shared(|workload| &workload.name),
            namespace: Arc::clone(&service.namespace),
            service_account: shared(|workload| &workload.service_account),
            node: self.node.map_or_else(|| shared(|workload| &workload.node), Arc::from),
            tls: self.workload.map_or(TlsMode::Disabled, |workload| workload.tls),
        }
    }
}
