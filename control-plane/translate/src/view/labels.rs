//! The labels of a client that may change what it is sent. All others stay out of the keys: a namespace of fifty workloads is
//! then one outbound view, not fifty.

use std::collections::BTreeSet;

use ferro_model::istio::{LoadBalancer, TrafficPolicy};
use ferro_model::mesh::Mesh;
use ferro_model::object::{Object, ObjectKind, Spec};

/// Keys of labels.
pub(crate) type Keys<'a> = BTreeSet<&'a str>;

/// The keys by which any policy of the mesh selects clients, or compares them with endpoints.
pub(super) fn in_use(mesh: &Mesh) -> Keys<'_> {
    let mut keys: Keys<'_> = mesh.client_labels().collect();
    keys.extend(mesh.objects_of(ObjectKind::DestinationRule).flat_map(|object| compared_by(object)));
    let setting = mesh.config().locality_lb_setting.as_ref();
    keys.extend(
        setting.into_iter().flat_map(|setting| &setting.failover_priority).filter_map(|priority| key_of(priority)),
    );
    keys
}

/// The keys that an object compares between clients and endpoints.
pub(crate) fn compared_by(object: &Object) -> Keys<'_> {
    let Spec::DestinationRule(rule) = &object.spec else { return Keys::new() };
    let subsets = rule.subsets.iter().filter_map(|subset| subset.traffic_policy.as_ref());
    let settings = rule.traffic_policy.iter().chain(subsets).flat_map(balancers);
    let settings = settings.filter_map(|balancer| balancer.locality_lb_setting.as_ref());
    settings.flat_map(|setting| &setting.failover_priority).filter_map(|priority| key_of(priority)).collect()
}

fn balancers(policy: &TrafficPolicy) -> impl Iterator<Item = &LoadBalancer> {
    let ports = policy.port_level_settings.iter().filter_map(|settings| settings.load_balancer.as_ref());
    policy.load_balancer.iter().chain(ports)
}

// `key=value` asks endpoints alone.
fn key_of(priority: &str) -> Option<&str> {
    (!priority.contains('=')).then_some(priority)
}
