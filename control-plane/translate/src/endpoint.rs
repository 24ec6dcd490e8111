//! Endpoints of clusters, by locality.

pub(crate) mod locality;

use std::collections::BTreeMap;

use ferro_model::mesh::{
    Endpoint as MeshEndpoint, EndpointAddress, EndpointPreference, EndpointReach, Labels, Locality, Service, selects,
};
use ferro_xds_protos::{Kind, wkt};

use crate::cluster::{self, Discovery, Planned};
use crate::filter::{canonical_revision, canonical_service};
use crate::finding::Code;
use crate::outbound::Outbound;
use crate::output::Output;
use crate::parts::{istio_metadata, pipe, socket_address};
use crate::pb::core::Locality as ProtoLocality;
use crate::pb::endpoint::{ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints, lb_endpoint};

use locality::Preference;

/// The assignments of a service's clusters that have their endpoints over the stream.
pub(crate) fn assignments(view: &Outbound<'_>, service: &Service, out: &mut Output) {
    let rule = view.rule(service).map(|rule| &**rule);
    by_node(service, out);
    let planned = cluster::plan(view, service, rule);
    for planned in planned.iter().filter(|planned| planned.discovery == Discovery::Eds) {
        let assignment = assignment(view, service, planned, out);
        out.put(Kind::Endpoint, &planned.name, &assignment);
    }
}

// What asks for the caller's node, which is not known here.
fn by_node(service: &Service, out: &mut Output) {
    if service.reach == EndpointReach::Node {
        let message = "keeping calls on the caller's node is not supported yet; they go to all endpoints";
        out.find(Code::Unsupported, &service.object(), "spec.internalTrafficPolicy", message);
    }
    if service.preference == EndpointPreference::SameNode {
        let message = "preferring the caller's node is not supported yet; endpoints of its zone are preferred";
        out.find(Code::Unsupported, &service.object(), "spec.trafficDistribution", message);
    }
}

/// The endpoints of one cluster. Without any, an assignment that says so: Envoy waits for what it is not told
/// (reliability.md rule 43).
pub(crate) fn assignment(
    view: &Outbound<'_>,
    service: &Service,
    planned: &Planned<'_>,
    out: &mut Output,
) -> ClusterLoadAssignment {
    let subset = planned.subset.map(|subset| &subset.labels);
    let endpoints = view.mesh.endpoints(service);
    let members = endpoints.iter().filter(|endpoint| subset.is_none_or(|labels| selects(labels, &endpoint.labels)));
    let mut by_locality: BTreeMap<(&Locality, u32), Vec<LbEndpoint>> = BTreeMap::new();
    let mut weights: BTreeMap<(&Locality, u32), u32> = BTreeMap::new();
    let preference = Preference::of(view, service, &planned.policy);
    for endpoint in members {
        if let Some(why) = unusable(endpoint, planned.discovery) {
            out.find(Code::Unservable, &service.object(), format!("endpoint {:?}", endpoint.address.to_string()), why);
            continue;
        }
        let Some(message) = member(endpoint, planned.port.number) else { continue };
        elsewhere(service, endpoint, out);
        let priority = preference.as_ref().map_or(0, |preference| preference.priority(endpoint));
        let place = (&endpoint.locality, priority);
        by_locality.entry(place).or_default().push(message);
        let weight = weights.entry(place).or_default();
        *weight = weight.saturating_add(endpoint.weight.unwrap_or(1));
    }
    let groups = by_locality.into_iter().map(|((locality, priority), members)| LocalityLbEndpoints {
        locality: (*locality != Locality::default()).then(|| proto(locality)),
        lb_endpoints: members,
        load_balancing_weight: weights.get(&(locality, priority)).map(|weight| wkt::uint32(*weight)),
        priority,
        ..LocalityLbEndpoints::default()
    });
    let mut groups: Vec<LocalityLbEndpoints> = groups.collect();
    if let Some(preference) = &preference {
        preference.distribute(&mut groups);
    }
    compact(&mut groups);
    ClusterLoadAssignment { cluster_name: planned.name.clone(), endpoints: groups, ..ClusterLoadAssignment::default() }
}

// Envoy wants priorities to count up from zero without a gap.
fn compact(groups: &mut [LocalityLbEndpoints]) {
    let used: std::collections::BTreeSet<u32> = groups.iter().map(|group| group.priority).collect();
    for group in groups.iter_mut() {
        let position = used.range(..group.priority).count();
        group.priority = u32::try_from(position).unwrap_or(u32::MAX);
    }
    groups.sort_by_key(|group| group.priority);
}

// Envoy would refuse the whole assignment for one member that it cannot read.
fn unusable(endpoint: &MeshEndpoint, discovery: Discovery) -> Option<&'static str> {
    match (&endpoint.address, discovery) {
        (EndpointAddress::Name(name), _) if name.is_empty() => {
            Some("it has a network and no address, and gateways between networks are not supported; no call goes there")
        }
        (EndpointAddress::Name(_), Discovery::Eds) => Some(
            "it is a name, and names are resolved with resolution DNS only; no call goes there. Give its IP address",
        ),
        (EndpointAddress::Unix(_), Discovery::StrictDns | Discovery::LogicalDns) => {
            Some("it is a socket, and resolution DNS takes names and IP addresses; no call goes there")
        }
        _ => None,
    }
}

// A pod's network is a label that it got when it was injected, the mesh's own network included; that of an entry is meant.
fn elsewhere(service: &Service, endpoint: &MeshEndpoint, out: &mut Output) {
    if !endpoint.network.is_empty() && endpoint.node.is_empty() {
        let message = format!(
            "{} is on network {}, and gateways between networks are not supported; it is called at its own address",
            endpoint.address, endpoint.network
        );
        out.find(Code::Unsupported, &service.object(), "network", message);
    }
}

fn member(endpoint: &MeshEndpoint, service_port: u16) -> Option<LbEndpoint> {
    let port = endpoint.port(service_port)?;
    let address = match &endpoint.address {
        EndpointAddress::Ip(ip) => socket_address(&ip.to_string(), port),
        EndpointAddress::Name(name) => socket_address(name, port),
        EndpointAddress::Unix(path) => pipe(path),
    };
    let host = Endpoint { address: Some(address), ..Endpoint::default() };
    Some(LbEndpoint {
        metadata: workload(endpoint)
            .map(|text| istio_metadata(wkt::struct_of([("workload", wkt::string_value(text))]))),
        load_balancing_weight: endpoint.weight.map(|weight| wkt::uint32(weight.max(1))),
        host_identifier: Some(lb_endpoint::HostIdentifier::Endpoint(host)),
        ..LbEndpoint::default()
    })
}

// `workload;namespace;canonical service;canonical revision;cluster`, which Istio's filters read as well as ours.
fn workload(endpoint: &MeshEndpoint) -> Option<String> {
    if endpoint.workload.is_empty() {
        return None;
    }
    let labels: &Labels = &endpoint.labels;
    let service = canonical_service(labels, &endpoint.workload);
    Some(format!("{};{};{service};{};", endpoint.workload, endpoint.namespace, canonical_revision(labels)))
}

fn proto(locality: &Locality) -> ProtoLocality {
    ProtoLocality {
        region: locality.region.to_string(),
        zone: locality.zone.to_string(),
        sub_zone: locality.subzone.to_string(),
    }
}
