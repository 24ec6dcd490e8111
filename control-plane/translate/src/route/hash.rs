//! Which part of a request chooses the endpoint.

use ferro_model::istio::{ConsistentHash, Destination};
use ferro_xds_protos::wkt;

use crate::destination::Resolved;
use crate::outbound::Outbound;
use crate::pb::route::route_action::HashPolicy;
use crate::pb::route::route_action::hash_policy::{
    ConnectionProperties, Cookie, CookieAttribute, Header, PolicySpecifier, QueryParameter,
};

/// The policies that the DestinationRule of a destination asks for; it stands on the route, although the cluster hashes.
pub(crate) fn policies(view: &Outbound<'_>, destination: &Destination, listener: u16) -> Vec<HashPolicy> {
    let balancer = Resolved::of(view, destination, listener).policy(view).load_balancer;
    let specifier = balancer.and_then(|balancer| specifier(balancer.consistent_hash.as_ref()?));
    specifier
        .map(|specifier| HashPolicy { policy_specifier: Some(specifier), ..HashPolicy::default() })
        .into_iter()
        .collect()
}

fn specifier(hash: &ConsistentHash) -> Option<PolicySpecifier> {
    if let Some(name) = &hash.http_header_name {
        return Some(PolicySpecifier::Header(Header { header_name: name.clone(), ..Header::default() }));
    }
    if let Some(cookie) = &hash.http_cookie {
        let attributes = cookie.attributes.iter().map(|attribute| CookieAttribute {
            name: attribute.name.clone(),
            value: attribute.value.clone().unwrap_or_default(),
        });
        return Some(PolicySpecifier::Cookie(Cookie {
            name: cookie.name.clone().unwrap_or_default(),
            path: cookie.path.clone().unwrap_or_default(),
            ttl: cookie.ttl.map(wkt::duration),
            attributes: attributes.collect(),
        }));
    }
    if let Some(name) = &hash.http_query_parameter_name {
        return Some(PolicySpecifier::QueryParameter(QueryParameter { name: name.clone() }));
    }
    let source = hash.use_source_ip.unwrap_or(false);
    source.then_some(PolicySpecifier::ConnectionProperties(ConnectionProperties { source_ip: true }))
}
