//! Services from a ServiceEntry: one for each of its hosts.

use std::sync::Arc;

use super::{
    EndpointPreference, EndpointReach, Location, Readiness, Registry, Resolution, Service, ServiceAddress, ServicePort,
    TargetPort,
};
use crate::istio::{self, ServiceEntry};
use crate::mesh::address::{AddressKey, AddressTable};
use crate::mesh::host::is_wildcard;
use crate::mesh::precedence::Precedence;
use crate::mesh::protocol::Protocol;
use crate::mesh::visibility::Visibility;
use crate::mesh_config::MeshConfig;
use crate::object::Object;

/// The services that an entry declares, in the order of its hosts.
pub(super) fn services(
    object: &Object,
    entry: &ServiceEntry,
    addresses: &AddressTable,
    config: &MeshConfig,
) -> Vec<Service> {
    entry.hosts.iter().map(|host| service(object, entry, host, addresses, config)).collect()
}

fn service(object: &Object, entry: &ServiceEntry, host: &str, table: &AddressTable, config: &MeshConfig) -> Service {
    let namespace = &object.key.namespace;
    let host: Arc<str> = host.into();
    let resolution = resolution(entry.resolution.unwrap_or_default());
    let declared: Vec<ServiceAddress> =
        entry.addresses.iter().filter_map(|address| ServiceAddress::parse(address)).collect();
    let wants = !is_wildcard(&host) && !matches!(resolution, Resolution::None | Resolution::DynamicDns);
    let key = AddressKey { namespace: Arc::clone(namespace), host: Arc::clone(&host) };
    let (addresses, address_origin) = super::addresses(declared, wants, || table.get(&key));
    Service {
        host,
        name: Arc::clone(&object.key.name),
        namespace: Arc::clone(namespace),
        registry: Registry::ServiceEntry,
        precedence: Precedence::of(object),
        addresses,
        address_origin,
        ports: entry.ports.iter().filter_map(port).collect(),
        resolution,
        location: match entry.location.unwrap_or_default() {
            istio::Location::MeshExternal => Location::External,
            istio::Location::MeshInternal => Location::Internal,
        },
        export_to: Visibility::resolve(&entry.export_to, namespace, &config.default_service_export_to),
        selector: entry.workload_selector.as_ref().map(|selector| selector.labels().clone()),
        labels: object.meta.labels.clone(),
        external_name: None,
        subject_alt_names: entry.subject_alt_names.clone(),
        service_accounts: Vec::new(),
        reach: EndpointReach::Cluster,
        preference: EndpointPreference::Any,
        readiness: Readiness::Required,
    }
}

fn resolution(declared: istio::Resolution) -> Resolution {
    match declared {
        istio::Resolution::None => Resolution::None,
        istio::Resolution::Static => Resolution::Static,
        istio::Resolution::Dns => Resolution::Dns,
        istio::Resolution::DnsRoundRobin => Resolution::DnsRoundRobin,
        istio::Resolution::DynamicDns => Resolution::DynamicDns,
    }
}

// Numbers beyond 65535 are refused when the document is read; one that got here anyway is no port.
fn port(declared: &istio::ServicePort) -> Option<ServicePort> {
    let number = u16::try_from(declared.number).ok()?;
    let target = declared.target_port.and_then(|target| u16::try_from(target).ok()).filter(|target| *target != 0);
    Some(ServicePort {
        name: declared.name.as_deref().unwrap_or_default().into(),
        number,
        target: TargetPort::Number(target.unwrap_or(number)),
        protocol: Protocol::of_entry_port(declared.protocol.as_deref().unwrap_or_default()),
    })
}
