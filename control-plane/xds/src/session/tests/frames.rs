//! What goes on the wire is what prost reads.

use std::sync::Arc;

use bytes::{Buf, BytesMut};
use ferro_xds_protos::{
    Kind,
    envoy::envoy::service::discovery::v3::{DeltaDiscoveryResponse, DiscoveryResponse},
};
use prost::Message;

use super::rig::resource;
use crate::{Variant, session::Response};

fn response(variant: Variant, resources: usize) -> Response {
    let names = (0..resources).map(|index| format!("{index:0>200}"));
    let removed = if variant == Variant::Delta { vec![Arc::from("x"), Arc::from("y")] } else { Vec::new() };
    Response {
        kind: Kind::Cluster,
        variant,
        nonce: Arc::from("n"),
        version: Arc::from("v"),
        resources: names.map(|name| resource(Kind::Cluster, &name, "1")).collect(),
        removed,
        identity: Arc::from("me"),
    }
}

/// The message, after its gRPC prefix was checked, and how many pieces it came in.
fn message(response: &Response) -> (BytesMut, usize) {
    let (mut whole, mut pieces) = (BytesMut::new(), 0);
    for piece in response.frames() {
        whole.extend_from_slice(&piece);
        pieces += 1;
    }
    assert_eq!((whole.get_u8(), whole.get_u32() as usize), (0, whole.len()));
    assert_eq!(response.len(), whole.len());
    (whole, pieces)
}

#[test]
fn a_delta_response_is_read_as_it_was_meant() {
    for resources in [0, 1, 100] {
        let (bytes, _) = message(&response(Variant::Delta, resources));
        let read = DeltaDiscoveryResponse::decode(bytes).expect("a message");
        assert_eq!(read.resources.len(), resources);
        assert_eq!((read.nonce.as_str(), read.system_version_info.as_str()), ("n", "v"));
        assert_eq!(read.type_url, Kind::Cluster.type_url());
        assert_eq!(read.removed_resources, ["x", "y"]);
        assert_eq!(read.control_plane.map(|plane| plane.identifier).as_deref(), Some("me"));
        assert!(read.resources.iter().all(|resource| resource.version == "1" && resource.name.len() == 200));
    }
}

#[test]
fn a_list_is_read_as_it_was_meant() {
    for resources in [0, 1, 100] {
        let (bytes, _) = message(&response(Variant::Sotw, resources));
        let read = DiscoveryResponse::decode(bytes).expect("a message");
        assert_eq!(read.resources.len(), resources);
        assert_eq!((read.nonce.as_str(), read.version_info.as_str()), ("n", "v"));
        assert_eq!(read.type_url, Kind::Cluster.type_url());
        assert_eq!(read.control_plane.map(|plane| plane.identifier).as_deref(), Some("me"));
        assert!(read.resources.iter().all(|any| any.type_url == Kind::Cluster.type_url()));
    }
}

#[test]
fn a_small_response_is_one_frame_and_a_large_one_shares_the_bytes_of_its_resources() {
    assert_eq!(message(&response(Variant::Delta, 3)).1, 1);
    let large = response(Variant::Delta, 100);
    assert_eq!(message(&large).1, 101);
    let shared = large.resources[0].delta_frame();
    assert!(large.frames().any(|piece| piece.as_ptr() == shared.as_ptr()));
}
