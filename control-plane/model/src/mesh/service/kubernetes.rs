//! A service from a Kubernetes Service.

use std::sync::Arc;

use super::{
    EndpointPreference, EndpointReach, Location, Readiness, Registry, Resolution, Service, ServiceAddress, ServicePort,
    TargetPort,
};
use crate::kube::{self, IntOrString, ServiceSpec};
use crate::mesh::address::{AddressKey, AddressTable};
use crate::mesh::host::kubernetes_host;
use crate::mesh::precedence::Precedence;
use crate::mesh::protocol::Protocol;
use crate::mesh::visibility::Visibility;
use crate::mesh_config::MeshConfig;
use crate::object::Object;

/// Who sees the service, comma separated.
const EXPORT_TO: &str = "networking.istio.io/exportTo";
/// Accounts that its workloads run under, comma separated.
const ACCOUNTS: &str = "alpha.istio.io/canonical-serviceaccounts";
/// Says what `spec.trafficDistribution` says, for clusters that lack the field.
const DISTRIBUTION: &str = "networking.istio.io/traffic-distribution";

/// What the type and the cluster IP of a Service amount to.
enum Shape<'a> {
    Plain,
    Headless,
    External(&'a str),
}

/// The service that a Kubernetes Service declares.
pub(super) fn service(object: &Object, declared: &kube::Service, table: &AddressTable, config: &MeshConfig) -> Service {
    let spec = declared.spec.clone().unwrap_or_default();
    let namespace = &object.key.namespace;
    let host = kubernetes_host(&object.key.name, namespace, &config.cluster_domain);
    let shape = shape(&spec);
    let key = AddressKey { namespace: Arc::clone(namespace), host: Arc::clone(&host) };
    let wants = matches!(shape, Shape::Plain);
    let (addresses, address_origin) = super::addresses(cluster_ips(&spec), wants, || table.get(&key));
    let annotation = |name: &str| object.meta.annotations.get(name).map(String::as_str);
    Service {
        host,
        name: Arc::clone(&object.key.name),
        namespace: Arc::clone(namespace),
        registry: Registry::Kubernetes,
        precedence: Precedence::of(object),
        addresses,
        address_origin,
        ports: spec.ports.iter().map(port).collect(),
        resolution: match shape {
            Shape::Plain => Resolution::Static,
            Shape::Headless => Resolution::Headless,
            Shape::External(_) => Resolution::Dns,
        },
        location: Location::Internal,
        export_to: Visibility::resolve(&listed(annotation(EXPORT_TO)), namespace, &config.default_service_export_to),
        external_name: match shape {
            Shape::External(name) => Some(name.into()),
            Shape::Plain | Shape::Headless => None,
        },
        selector: (!spec.selector.is_empty()).then(|| spec.selector.clone()),
        labels: object.meta.labels.clone(),
        subject_alt_names: Vec::new(),
        service_accounts: listed(annotation(ACCOUNTS)).into_iter().map(str::to_owned).collect(),
        reach: match spec.internal_traffic_policy.as_deref() {
            Some("Local") => EndpointReach::Node,
            _ => EndpointReach::Cluster,
        },
        preference: preference(spec.traffic_distribution.as_deref().or_else(|| annotation(DISTRIBUTION))),
        readiness: match spec.publish_not_ready_addresses {
            Some(true) => Readiness::Ignored,
            Some(false) | None => Readiness::Required,
        },
    }
}

fn shape(spec: &ServiceSpec) -> Shape<'_> {
    match (spec.type_.as_deref(), spec.external_name.as_deref(), spec.cluster_ip.as_deref()) {
        (Some("ExternalName"), Some(name), _) => Shape::External(name),
        (_, _, Some("None")) => Shape::Headless,
        _ => Shape::Plain,
    }
}

fn cluster_ips(spec: &ServiceSpec) -> Vec<ServiceAddress> {
    let all = if spec.cluster_ips.is_empty() { spec.cluster_ip.as_slice() } else { &spec.cluster_ips };
    all.iter().filter_map(|ip| ip.parse().ok().map(ServiceAddress::Ip)).collect()
}

fn port(declared: &kube::ServicePort) -> ServicePort {
    let name = declared.name.as_deref().unwrap_or_default();
    let transport = declared.protocol.as_deref().unwrap_or("TCP");
    ServicePort {
        name: name.into(),
        number: declared.port,
        target: match &declared.target_port {
            None | Some(IntOrString::Int(0)) => TargetPort::Number(declared.port),
            Some(IntOrString::Int(number)) => TargetPort::Number(*number),
            Some(IntOrString::String(name)) => TargetPort::Name(name.as_str().into()),
        },
        protocol: Protocol::of_kubernetes_port(transport, declared.app_protocol.as_deref(), name, declared.port),
    }
}

fn preference(distribution: Option<&str>) -> EndpointPreference {
    match distribution {
        Some("PreferClose" | "PreferSameZone") => EndpointPreference::SameZone,
        Some("PreferSameNode") => EndpointPreference::SameNode,
        _ => EndpointPreference::Any,
    }
}

fn listed(annotation: Option<&str>) -> Vec<&str> {
    let entries = annotation.unwrap_or_default().split(',').map(str::trim);
    entries.filter(|entry| !entry.is_empty()).collect()
}
