//! The ports at which a workload is called.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ferro_model::istio::IstioIngressListener;
use ferro_model::mesh::{EndpointAddress, Mesh, Protocol, Service, ServicePort, TargetPort};

use crate::proxy::{Proxy, ProxyKind};

/// A port of a workload, and the service that speaks for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InboundPort {
    /// Where callers reach the workload.
    pub target: u16,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Host of the service; empty if no service speaks for the port.
    pub host: Arc<str>,
    /// Name of the service's object.
    pub name: Arc<str>,
    /// Namespace of the service.
    pub namespace: Arc<str>,
    /// The port that clients of the service use.
    pub service_port: u16,
    /// Where the application is.
    pub application: Application,
}

/// Where the application of an inbound port is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Application {
    /// At the port itself, or where a proxy without capture is told.
    Own,
    /// Where a Sidecar says.
    At(SocketAddr),
    /// At a Unix socket that a Sidecar names.
    Unix(Arc<str>),
}

/// The ports of a proxy's workload, in order: those its Sidecar declares, else those of all services that select it. Of two
/// services on one port the oldest speaks for it.
pub(super) fn ports(mesh: &Mesh, proxy: &Proxy) -> Vec<InboundPort> {
    let sidecar = mesh.sidecar_for(&proxy.namespace, &proxy.labels).filter(|_| proxy.kind == ProxyKind::Sidecar);
    let ingress = sidecar.map_or(&[][..], |sidecar| &sidecar.spec.ingress);
    let services = mesh.workload_services(&proxy.namespace, &proxy.labels, &proxy.addresses);
    let mut ports: Vec<InboundPort> = match ingress {
        [] => services.iter().flat_map(|service| of_service(mesh, proxy, service)).collect(),
        declared => declared.iter().filter_map(|listener| declared_port(listener, &services)).collect(),
    };
    // The sort is stable, so the oldest of equals stays first.
    ports.sort_by_key(|port| port.target);
    ports.dedup_by_key(|port| port.target);
    ports
}

fn of_service(mesh: &Mesh, proxy: &Proxy, service: &Service) -> Vec<InboundPort> {
    let served = service.ports.iter().filter(|port| port.protocol.is_served());
    let ports = served.filter_map(|port| {
        Some(InboundPort {
            target: target(mesh, proxy, service, port)?,
            protocol: port.protocol,
            host: Arc::clone(&service.host),
            name: Arc::clone(&service.name),
            namespace: Arc::clone(&service.namespace),
            service_port: port.number,
            application: Application::Own,
        })
    });
    ports.collect()
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
        TargetPort::Name(_) => None,
    })
}

fn declared_port(listener: &IstioIngressListener, services: &[Arc<Service>]) -> Option<InboundPort> {
    let port = listener.port.as_ref()?;
    let target = u16::try_from(port.number?).ok().filter(|number| *number != 0)?;
    let protocol = Protocol::of_entry_port(port.protocol.as_deref().unwrap_or_default());
    // A service that leads here lends its name, so that metrics and logs tell whose port it is.
    let owner = services.iter().find_map(|service| {
        let leads_here = |port: &&ServicePort| port.target == TargetPort::Number(target);
        Some((service, service.ports.iter().find(leads_here)?))
    });
    let empty = || Arc::from("");
    Some(InboundPort {
        target,
        protocol,
        host: owner.map_or_else(empty, |(service, _)| Arc::clone(&service.host)),
        name: owner.map_or_else(empty, |(service, _)| Arc::clone(&service.name)),
        namespace: owner.map_or_else(empty, |(service, _)| Arc::clone(&service.namespace)),
        service_port: owner.map_or(target, |(_, port)| port.number),
        application: application(listener.default_endpoint.as_deref().unwrap_or_default()),
    })
}

// `0.0.0.0` and `::` mean the workload's own address; what listens on all addresses listens on the loopback one.
fn application(endpoint: &str) -> Application {
    if let Some(path) = endpoint.strip_prefix("unix://") {
        return Application::Unix(path.into());
    }
    match endpoint.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Application::At(address),
        Ok(address) if address.is_ipv4() && address.ip().is_unspecified() => {
            Application::At((Ipv4Addr::LOCALHOST, address.port()).into())
        }
        Ok(address) if address.ip().is_unspecified() => Application::At((Ipv6Addr::LOCALHOST, address.port()).into()),
        _ => Application::Own,
    }
}
