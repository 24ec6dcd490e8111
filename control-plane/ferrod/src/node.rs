//! What a node says about itself beyond what translation reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferro_translate::Proxy;
use ferro_xds_protos::envoy::envoy::config::core::v3::Node;
use ferro_xds_protos::envoy::google::protobuf::value::Kind as ValueKind;

use crate::registration::Announcement;

/// The same variant in the terms of translation.
pub(crate) fn variant(variant: ferro_xds::Variant) -> ferro_translate::Variant {
    match variant {
        ferro_xds::Variant::Delta => ferro_translate::Variant::Delta,
        ferro_xds::Variant::Sotw => ferro_translate::Variant::Sotw,
    }
}

/// A string of the node's metadata.
pub(crate) fn text<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    match node.metadata.as_ref()?.fields.get(key)?.kind.as_ref()? {
        ValueKind::StringValue(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// The registration a node asks for, if it does.
pub(crate) fn announcement(node: &Node, proxy: &Proxy) -> Option<Announcement> {
    let group = text(node, "AUTO_REGISTER_GROUP")?;
    let address = proxy.addresses.first()?.to_string();
    let labels: BTreeMap<String, String> =
        proxy.labels.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let locality =
        node.locality.as_ref().map(|place| [&place.region, &place.zone, &place.sub_zone].map(String::as_str).join("/"));
    Some(Announcement {
        group: group.into(),
        namespace: Arc::clone(&proxy.namespace),
        address: address.into(),
        node: Arc::clone(&proxy.id),
        labels,
        locality: locality.map(|text| text.trim_end_matches('/').to_owned()).filter(|text| !text.is_empty()),
    })
}
