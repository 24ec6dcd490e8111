use prost::Message;

use super::Resource;
use crate::Kind;
use crate::envoy::envoy::config::endpoint::v3::ClusterLoadAssignment;
use crate::envoy::envoy::service::discovery::v3::{DeltaDiscoveryResponse, DiscoveryResponse};

fn assignment() -> ClusterLoadAssignment {
    ClusterLoadAssignment { cluster_name: "outbound|80||a.default.svc.cluster.local".to_owned(), ..Default::default() }
}

fn resource() -> Resource {
    let message = assignment();
    Resource::encode(Kind::Endpoint, message.cluster_name.as_str(), &message)
}

#[test]
fn a_delta_frame_is_an_entry_of_a_delta_response() {
    let resource = resource();
    let response = DeltaDiscoveryResponse::decode(resource.delta_frame()).expect("a response of one entry");
    let [entry] = &response.resources[..] else { panic!("one entry, got {}", response.resources.len()) };
    assert_eq!(entry.name, "outbound|80||a.default.svc.cluster.local");
    assert_eq!(entry.version, **resource.version());
    let any = entry.resource.as_ref().expect("a body");
    assert_eq!(any.type_url, Kind::Endpoint.type_url());
    assert_eq!(ClusterLoadAssignment::decode(&*any.value), Ok(assignment()));
    let empty = DeltaDiscoveryResponse { resources: Vec::new(), ..response };
    assert_eq!(empty, DeltaDiscoveryResponse::default(), "nothing but the entry");
}

#[test]
fn a_sotw_frame_is_an_entry_of_a_sotw_response_in_the_same_allocation() {
    let resource = resource();
    let (delta, sotw) = (resource.delta_frame(), resource.sotw_frame());
    let response = DiscoveryResponse::decode(sotw.clone()).expect("a response of one entry");
    let [any] = &response.resources[..] else { panic!("one entry, got {}", response.resources.len()) };
    assert_eq!(any.type_url, Kind::Endpoint.type_url());
    assert_eq!(ClusterLoadAssignment::decode(&*any.value), Ok(assignment()));
    let empty = DiscoveryResponse { resources: Vec::new(), ..response };
    assert_eq!(empty, DiscoveryResponse::default(), "nothing but the entry");
    assert!(delta.as_ptr_range().contains(&sotw.as_ptr()), "a slice, not a copy");
}

#[test]
fn frames_concatenate_to_a_response_of_several_entries() {
    let frames = [resource().delta_frame(), resource().delta_frame()].concat();
    assert_eq!(DeltaDiscoveryResponse::decode(&*frames).map(|response| response.resources.len()), Ok(2));
}

#[test]
fn versions_follow_content_alone() {
    let other = ClusterLoadAssignment { cluster_name: "other".to_owned(), ..Default::default() };
    assert_eq!(resource().version(), resource().version());
    assert_ne!(resource().version(), Resource::encode(Kind::Endpoint, "x", &other).version());
    assert_eq!(
        Resource::encode(Kind::Endpoint, "one name", &other).version(),
        Resource::encode(Kind::Endpoint, "another", &other).version()
    );
}

#[test]
fn a_relayed_resource_keeps_its_version_and_bytes() {
    let bytes = assignment().encode_to_vec();
    let relayed = Resource::from_parts(Kind::Endpoint.type_url(), "n".into(), "v7".into(), &bytes);
    let response = DeltaDiscoveryResponse::decode(relayed.delta_frame()).expect("a response");
    assert_eq!(response.resources[0].version, "v7");
    assert_eq!(response.resources[0].resource.as_ref().map(|any| &any.value), Some(&bytes));
}
