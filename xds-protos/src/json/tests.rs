use serde_json::json;

use super::{Decoder, Undecodable};
use crate::envoy::envoy::config::cluster::v3::Cluster;
use crate::ferromesh::v1::NameTable;
use crate::{Kind, Resource, wkt};

#[test]
fn resources_of_envoy_and_of_our_own_are_shown_as_json() {
    let decoder = Decoder::new().unwrap();
    let cluster =
        Cluster { name: "a".to_owned(), per_connection_buffer_limit_bytes: Some(wkt::uint32(5)), ..Cluster::default() };
    let cluster = Resource::encode(Kind::Cluster, "a", &cluster);
    let shown = decoder.json(Kind::Cluster, &cluster).unwrap();
    assert_eq!(shown, json!({ "name": "a", "perConnectionBufferLimitBytes": 5 }));
    let name = NameTable { name: "b".to_owned(), ips: vec!["240.240.0.1".to_owned()], ..NameTable::default() };
    let name = Resource::encode(Kind::NameTable, "b", &name);
    assert_eq!(decoder.json(Kind::NameTable, &name).unwrap(), json!({ "name": "b", "ips": ["240.240.0.1"] }));
}

#[test]
fn what_cannot_be_shown_is_an_error() {
    let decoder = Decoder::new().unwrap();
    let broken = Resource::from_parts(Kind::Cluster.type_url(), "a".into(), "v".into(), b"\xff");
    assert!(matches!(decoder.json(Kind::Cluster, &broken), Err(Undecodable::Bytes { .. })));
    let unknown = Resource::from_parts("type.googleapis.com/none.Such", "a".into(), "v".into(), b"");
    assert!(matches!(decoder.json(Kind::Cluster, &unknown), Err(Undecodable::Unknown(_))));
}
