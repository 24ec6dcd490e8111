//! Resources as YAML that a person can review.

use std::sync::OnceLock;

use ferro_xds_protos::envoy::envoy::service::discovery::v3::DeltaDiscoveryResponse;
use ferro_xds_protos::envoy::google::protobuf::Any;
use ferro_xds_protos::ferromesh::v1::NameTable;
use ferro_xds_protos::{Kind, Resource};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::{Value, json};

/// What a resource says on the wire.
pub(crate) fn any(resource: &Resource) -> Any {
    let response = DeltaDiscoveryResponse::decode(resource.delta_frame()).expect("a frame");
    let entry = response.resources.into_iter().next().expect("one entry");
    entry.resource.expect("a body")
}

/// A resource as proto JSON.
pub(crate) fn json(kind: Kind, resource: &Resource) -> Value {
    let any = any(resource);
    assert_eq!(any.type_url, kind.type_url());
    if kind == Kind::NameTable {
        let table = NameTable::decode(&*any.value).expect("a name table");
        return json!({
            "name": table.name, "ips": table.ips, "registry": table.registry, "shortName": table.short_name,
            "namespace": table.namespace, "ttlSeconds": table.ttl_seconds,
        });
    }
    let name = kind.type_url().rsplit_once('/').expect("a URL").1;
    let descriptor = pool().get_message_by_name(name).unwrap_or_else(|| panic!("{name} is no message"));
    let message = DynamicMessage::decode(descriptor, &*any.value).expect("a message");
    assert!(message.unknown_fields().next().is_none(), "{name} with unknown fields");
    let options = SerializeOptions::new().stringify_64_bit_integers(false);
    message.serialize_with_options(serde_json::value::Serializer, &options).expect("proto JSON")
}

fn pool() -> &'static DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    POOL.get_or_init(|| {
        let set = ferro_xds_protos::testing::file_descriptor_set().expect("Envoy's descriptors");
        DescriptorPool::decode(&*set).expect("a descriptor set")
    })
}
