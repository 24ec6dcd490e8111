//! The labels that policies select clients by. All others say nothing about what a proxy is sent, and stay out of the keys: a
//! namespace of fifty workloads is then one outbound view, not fifty.

use std::collections::BTreeSet;

use ferro_model::istio::{DestinationRule, LoadBalancer, TrafficPolicy, VirtualService};
use ferro_model::mesh::Mesh;
use ferro_model::object::{Object, ObjectKind, Spec};

/// Keys of labels.
pub(crate) type Keys<'a> = BTreeSet<&'a str>;

/// The keys that any policy of the mesh names.
pub(super) fn in_use(mesh: &Mesh) -> Keys<'_> {
    let kinds = [ObjectKind::VirtualService, ObjectKind::DestinationRule, ObjectKind::Sidecar, ObjectKind::Gateway];
    let objects = kinds.into_iter().flat_map(|kind| mesh.objects_of(kind));
    let mut keys: Keys<'_> = objects.flat_map(|object| named_by(object)).collect();
    let setting = mesh.config().locality_lb_setting.as_ref();
    keys.extend(setting.into_iter().flat_map(|setting| &setting.failover_priority).map(|priority| key_of(priority)));
    keys
}

/// The keys that one object names.
pub(crate) fn named_by(object: &Object) -> Keys<'_> {
    match &object.spec {
        Spec::VirtualService(rules) => sources(rules).map(String::as_str).collect(),
        Spec::DestinationRule(rule) => destination(rule),
        Spec::Sidecar(sidecar) => {
            let selector = sidecar.workload_selector.as_ref();
            selector.into_iter().flat_map(|selector| selector.labels().keys()).map(String::as_str).collect()
        }
        Spec::Gateway(gateway) => gateway.selector.keys().map(String::as_str).collect(),
        _ => Keys::new(),
    }
}

fn sources(rules: &VirtualService) -> impl Iterator<Item = &String> {
    let http = rules.http.iter().flat_map(|rule| &rule.match_).flat_map(|found| found.source_labels.keys());
    let tls = rules.tls.iter().flat_map(|rule| &rule.match_).flat_map(|found| found.source_labels.keys());
    let tcp = rules.tcp.iter().flat_map(|rule| &rule.match_).flat_map(|found| found.source_labels.keys());
    http.chain(tls).chain(tcp)
}

fn destination(rule: &DestinationRule) -> Keys<'_> {
    let selector = rule.workload_selector.iter().flat_map(|selector| selector.labels().keys()).map(String::as_str);
    let subsets = rule.subsets.iter().filter_map(|subset| subset.traffic_policy.as_ref());
    let priorities = rule.traffic_policy.iter().chain(subsets).flat_map(balancers).flat_map(|balancer| {
        let setting = balancer.locality_lb_setting.iter();
        setting.flat_map(|setting| &setting.failover_priority).map(|priority| key_of(priority))
    });
    selector.chain(priorities).collect()
}

fn balancers(policy: &TrafficPolicy) -> impl Iterator<Item = &LoadBalancer> {
    let ports = policy.port_level_settings.iter().filter_map(|settings| settings.load_balancer.as_ref());
    policy.load_balancer.iter().chain(ports)
}

// `key`, or `key=value`.
fn key_of(priority: &str) -> &str {
    priority.split_once('=').map_or(priority, |(key, _)| key)
}
