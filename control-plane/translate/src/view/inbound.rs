//! The ports at which services send calls to a workload.

use std::sync::Arc;

use ferro_model::mesh::{EndpointAddress, Mesh, Protocol, Service, ServicePort, TargetPort};

use crate::proxy::Proxy;

/// A port of a workload, and the service that speaks for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InboundPort {
    /// Where the workload listens.
    pub target: u16,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Host of the service.
    pub host: Arc<str>,
    /// Name of the service's object.
    pub name: Arc<str>,
    /// Namespace of the service.
    pub namespace: Arc<str>,
    /// The port that clients of the service use.
    pub service_port: u16,
}

/// The ports of all services that select the proxy, in port order. Of two services on one port the oldest speaks for it.
pub(super) fn ports(mesh: &Mesh, proxy: &Proxy) -> Vec<InboundPort> {
    let mut ports: Vec<InboundPort> = Vec::new();
    for service in mesh.workload_services(&proxy.namespace, &proxy.labels, &proxy.addresses) {
        for port in service.ports.iter().filter(|port| port.protocol.is_served()) {
            let Some(target) = target(mesh, proxy, &service, port) else { continue };
            if ports.iter().any(|taken| taken.target == target) {
                continue;
            }
            ports.push(InboundPort {
                target,
                protocol: port.protocol,
                host: Arc::clone(&service.host),
                name: Arc::clone(&service.name),
                namespace: Arc::clone(&service.namespace),
                service_port: port.number,
            });
        }
    }
    ports.sort_by_key(|port| port.target);
    ports
}

// What the workload itself says goes first: a WorkloadEntry may map ports by name, a pod's named ports are its own.
fn target(mesh: &Mesh, proxy: &Proxy, service: &Service, port: &ServicePort) -> Option<u16> {
    let endpoints = mesh.endpoints(service);
    let own = endpoints.iter().filter(|endpoint| match endpoint.address {
        EndpointAddress::Ip(ip) => proxy.addresses.contains(&ip),
        EndpointAddress::Name(_) | EndpointAddress::Unix(_) => false,
    });
    let declared = own.filter_map(|endpoint| endpoint.port(port.number)).next();
    declared.or(match port.target {
        TargetPort::Number(number) => Some(number),
        // Nothing else is known about the containers of a proxy that is no endpoint yet.
        TargetPort::Name(_) => None,
    })
}
