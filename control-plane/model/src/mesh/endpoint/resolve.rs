//! From a service to its endpoints.

use std::sync::Arc;

use super::{Endpoint, EndpointAddress, Locality, TlsMode, slices};
use crate::istio::WorkloadEntry;
use crate::mesh::catalog::Catalog;
use crate::mesh::service::{Readiness, Registry, Resolution, Service, ServicePort, TargetPort};
use crate::mesh::workload::{Origin, State, Workload};
use crate::object::{Object, ObjectKind, Spec};

/// The endpoints of a service in address order, from what the catalog knows and (for a ServiceEntry) the declaring object.
pub(crate) fn resolve(catalog: &Catalog, service: &Service, declared: Option<&Arc<Object>>) -> Vec<Endpoint> {
    let mut endpoints = match (service.resolution, service.registry) {
        (Resolution::None | Resolution::DynamicDns, _) => Vec::new(),
        (_, Registry::Kubernetes) => of_kubernetes(catalog, service),
        (_, Registry::ServiceEntry) => of_entry(catalog, service, declared),
    };
    endpoints.retain(|endpoint| !endpoint.ports.is_empty());
    endpoints.sort_by(|a, b| (&a.address, &a.ports, &a.workload).cmp(&(&b.address, &b.ports, &b.workload)));
    endpoints.dedup_by(|a, b| a.address == b.address && a.ports == b.ports);
    endpoints
}

fn of_kubernetes(catalog: &Catalog, service: &Service) -> Vec<Endpoint> {
    if let Some(name) = &service.external_name {
        return vec![by_name(service, name)];
    }
    let object = service.object();
    let of = |kind| catalog.slices(&object).filter(move |slice| slice.key.kind == kind).peekable();
    let (mut newer, mut older) = (of(ObjectKind::EndpointSlice), of(ObjectKind::Endpoints));
    let mut endpoints = if newer.peek().is_some() {
        newer.flat_map(|slice| slices::endpoints(catalog, service, slice)).collect()
    } else if older.peek().is_some() {
        older.flat_map(|slice| slices::endpoints(catalog, service, slice)).collect()
    } else {
        selected(catalog, service, Origin::Pod)
    };
    endpoints.extend(selected(catalog, service, Origin::Entry));
    endpoints
}

fn of_entry(catalog: &Catalog, service: &Service, declared: Option<&Arc<Object>>) -> Vec<Endpoint> {
    if service.selector.is_some() {
        let mut endpoints = selected(catalog, service, Origin::Pod);
        endpoints.extend(selected(catalog, service, Origin::Entry));
        return endpoints;
    }
    let inline = match declared.map(|object| &object.spec) {
        Some(Spec::ServiceEntry(entry)) => &entry.endpoints[..],
        _ => &[],
    };
    let by_dns = matches!(service.resolution, Resolution::Dns | Resolution::DnsRoundRobin);
    if inline.is_empty() && by_dns && !service.is_wildcard() {
        return vec![by_name(service, &service.host)];
    }
    inline.iter().map(|entry| of_inline(service, entry)).collect()
}

fn of_inline(service: &Service, entry: &WorkloadEntry) -> Endpoint {
    of_workload(service, &Workload::inline(entry, &service.namespace))
}

fn selected(catalog: &Catalog, service: &Service, origin: Origin) -> Vec<Endpoint> {
    let Some(selector) = &service.selector else { return Vec::new() };
    let published = |workload: &Workload| match workload.state {
        State::Ready => true,
        State::NotReady => service.readiness == Readiness::Ignored,
    };
    catalog
        .selected(&service.namespace, selector)
        .filter(|workload| workload.origin == origin && published(workload))
        .map(|workload| of_workload(service, workload))
        .collect()
}

fn of_workload(service: &Service, workload: &Workload) -> Endpoint {
    let port = |port: &ServicePort| Some((port.number, workload_port(service.registry, port, workload)?));
    Endpoint {
        address: workload.address.clone(),
        ports: service.ports.iter().filter(|port| port.protocol.is_served()).filter_map(port).collect(),
        labels: Arc::clone(&workload.labels),
        locality: workload.locality.clone(),
        weight: workload.weight,
        network: Arc::clone(&workload.network),
        workload: Arc::clone(&workload.name),
        namespace: Arc::clone(&workload.namespace),
        service_account: Arc::clone(&workload.service_account),
        node: Arc::clone(&workload.node),
        tls: workload.tls,
    }
}

// A workload may map the name of a service port to a number of its own. Between a Kubernetes Service and a pod the names of
// container ports mean targets only, so there the mapping is not asked.
fn workload_port(registry: Registry, port: &ServicePort, workload: &Workload) -> Option<u16> {
    if matches!(workload.address, EndpointAddress::Unix(_)) {
        return Some(0);
    }
    let mapped = match (registry, workload.origin) {
        (Registry::Kubernetes, Origin::Pod) => None,
        _ => workload.ports.get(&*port.name).copied(),
    };
    mapped.or_else(|| match &port.target {
        TargetPort::Number(number) => Some(*number),
        TargetPort::Name(name) => workload.ports.get(&**name).copied(),
    })
}

// A name for DNS that stands for the whole service. A named target port cannot be known there; the service's own is used.
fn by_name(service: &Service, name: &str) -> Endpoint {
    let port = |port: &ServicePort| match port.target {
        TargetPort::Number(number) => (port.number, number),
        TargetPort::Name(_) => (port.number, port.number),
    };
    Endpoint {
        address: EndpointAddress::parse(name),
        ports: service.ports.iter().filter(|port| port.protocol.is_served()).map(port).collect(),
        labels: Arc::default(),
        locality: Locality::default(),
        weight: None,
        network: Arc::default(),
        workload: Arc::default(),
        namespace: Arc::clone(&service.namespace),
        service_account: Arc::default(),
        node: Arc::default(),
        tls: TlsMode::Disabled,
    }
}
