//! What a node says about itself beyond what translation reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferro_translate::Proxy;
use ferro_xds::Refusal;
use ferro_xds_protos::envoy::envoy::config::core::v3::Node;
use ferro_xds_protos::envoy::google::protobuf::value::Kind as ValueKind;
use ferro_xds_protos::{PROTOCOL_VERSION, node as keys, speaks_with};

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

/// A whole number of the node's metadata.
///
/// # Errors
/// There is something else under the key.
pub(crate) fn number(node: &Node, key: &'static str) -> Result<Option<u32>, NoNumber> {
    let Some(value) = node.metadata.as_ref().and_then(|metadata| metadata.fields.get(key)) else { return Ok(None) };
    let text = match &value.kind {
        Some(ValueKind::NumberValue(number)) => number.to_string(),
        Some(ValueKind::StringValue(text)) => text.clone(),
        other => format!("{other:?}"),
    };
    text.parse().map(Some).map_err(|_| NoNumber { key, found: text.chars().take(40).collect() })
}

/// A metadata key holds something else than a whole number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("node metadata {key} is {found:?}; allowed is a whole number from 0 to {max}", max = u32::MAX)]
pub(crate) struct NoNumber {
    key: &'static str,
    found: String,
}

/// Whether the agent at the other end can be served: its protocol is ours or a neighbour of it. What says no version is no
/// agent of ours and uses nothing of our protocol.
///
/// # Errors
/// Why not, with both versions and the next step.
pub(crate) fn admit(node: &Node) -> Result<(), Refusal> {
    let spoken = number(node, keys::FERRO_PROTOCOL).map_err(|error| Refusal::Invalid(error.to_string()))?;
    let Some(spoken) = spoken.filter(|spoken| !speaks_with(*spoken)) else { return Ok(()) };
    let behind = if spoken > PROTOCOL_VERSION { "ferrod" } else { "the agent" };
    let (oldest, newest) = (PROTOCOL_VERSION.saturating_sub(1), PROTOCOL_VERSION + 1);
    Err(Refusal::Incompatible(format!(
        "the agent speaks protocol version {spoken}, this ferrod speaks {PROTOCOL_VERSION} and serves {oldest} to {newest}: \
         upgrade {behind} (`ferroctl version` shows ferrod's)"
    )))
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

#[cfg(test)]
mod tests;
