//! The names that the agent's DNS proxy answers.

use ferro_model::mesh::{EndpointAddress, Registry, Resolution, Service};
use ferro_xds_protos::Kind;
use ferro_xds_protos::ferromesh::v1::{NameTable, Registry as Origin};

use crate::outbound::Outbound;
use crate::output::Output;

/// How long clients may keep an answer (architecture.md §3.10).
const TTL_SECONDS: u32 = 30;

/// The entry of one service. A host without addresses is left out: it is for the host's own resolver to answer.
pub(crate) fn entry(view: &Outbound<'_>, service: &Service, out: &mut Output) {
    let ips = addresses(view, service);
    if ips.is_empty() {
        return;
    }
    let (registry, name, namespace) = match service.registry {
        Registry::Kubernetes => (Origin::Kubernetes, service.name.to_string(), service.namespace.to_string()),
        Registry::ServiceEntry => (Origin::External, String::new(), String::new()),
    };
    let host = service.host.to_ascii_lowercase();
    let table = NameTable {
        name: host.clone(),
        ips,
        registry: registry.into(),
        short_name: name,
        namespace,
        ttl_seconds: TTL_SECONDS,
    };
    out.put(Kind::NameTable, &host, &table);
}

// A headless service is its workloads.
fn addresses(view: &Outbound<'_>, service: &Service) -> Vec<String> {
    if service.resolution != Resolution::Headless {
        return service.ips().map(|ip| ip.to_string()).collect();
    }
    let endpoints = view.mesh.endpoints(service);
    let ips = endpoints.iter().filter_map(|endpoint| match endpoint.address {
        EndpointAddress::Ip(ip) => Some(ip.to_string()),
        EndpointAddress::Name(_) | EndpointAddress::Unix(_) => None,
    });
    ips.collect()
}
