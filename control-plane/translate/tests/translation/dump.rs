//! Resources as YAML that a person can review.

use std::sync::OnceLock;

use ferro_xds_protos::envoy::google::protobuf::Any;
use ferro_xds_protos::ferromesh::v1::NameTable;
use ferro_xds_protos::json::{Decoder, body};
use ferro_xds_protos::{Kind, Resource};
use prost::Message;
use serde_json::{Value, json};

/// What a resource says on the wire.
pub(crate) fn any(resource: &Resource) -> Any {
    body(resource).expect("a frame with a body")
}

/// A resource as proto JSON. Entries of the name table are short enough to show what they leave out.
pub(crate) fn json(kind: Kind, resource: &Resource) -> Value {
    static DECODER: OnceLock<Decoder> = OnceLock::new();
    assert_eq!(any(resource).type_url, kind.type_url());
    if kind == Kind::NameTable {
        let table = NameTable::decode(&*any(resource).value).expect("a name table");
        return json!({
            "name": table.name, "ips": table.ips, "registry": table.registry, "shortName": table.short_name,
            "namespace": table.namespace, "ttlSeconds": table.ttl_seconds,
        });
    }
    let decoder = DECODER.get_or_init(|| Decoder::new().expect("descriptors"));
    decoder.json(kind, resource).unwrap_or_else(|error| panic!("{}: {error:?}", resource.name()))
}
