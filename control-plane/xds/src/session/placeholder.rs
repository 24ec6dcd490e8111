use std::sync::Arc;

use ferro_xds_protos::{
    Kind, Resource,
    envoy::envoy::{config::endpoint::v3::ClusterLoadAssignment, service::runtime::v3::Runtime},
};

use super::flight::Held;
use crate::Variant;

/// What is sent in place of a resource that does not exist, where saying nothing would hold a client up.
///
/// - An Envoy with an RTDS layer opens no listener until the layer is answered: it gets an empty one.
/// - A cluster without endpoints waits 15 s for its CLA (M2). Delta has "removed" for it; state of the world does not
///   (rule 31), so it gets an empty CLA (rule 43). Not the client that has endpoints and does not wait: routes may
///   still lead there, and losing them would fail requests (M8).
pub(super) fn placeholder(kind: Kind, variant: Variant, name: &Arc<str>, held: &Held) -> Option<Resource> {
    match (kind, variant) {
        (Kind::Runtime, _) => {
            let layer = Runtime { name: name.to_string(), layer: Some(Default::default()) };
            Some(Resource::encode(kind, Arc::clone(name), &layer))
        }
        (Kind::Endpoint, Variant::Sotw) if matches!(held, Held::Untold | Held::Again) => {
            let empty = ClusterLoadAssignment { cluster_name: name.to_string(), ..Default::default() };
            Some(Resource::encode(kind, Arc::clone(name), &empty))
        }
        _ => None,
    }
}
