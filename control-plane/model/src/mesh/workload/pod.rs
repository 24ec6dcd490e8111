//! A workload from a Pod.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{NETWORK, Origin, State, Workload, labelled_locality, tls_mode};
use crate::kube::{ContainerPort, Pod, PodStatus};
use crate::mesh::endpoint::EndpointAddress;
use crate::mesh::service::Labels;
use crate::object::Object;

/// Part of the name of every pod of a Deployment.
const TEMPLATE_HASH: &str = "pod-template-hash";
/// On every pod of a StatefulSet.
const STATEFUL: &str = "statefulset.kubernetes.io/pod-name";

/// The workload of a pod; `None` while it has no address, and when it has ended.
pub(super) fn workload(object: &Object, pod: &Pod) -> Option<Workload> {
    let status = pod.status.as_ref()?;
    let address = status.pod_ip.as_deref().filter(|ip| !ip.is_empty())?;
    if matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")) {
        return None;
    }
    let labels = &object.meta.labels;
    let spec = pod.spec.clone().unwrap_or_default();
    Some(Workload {
        origin: Origin::Pod,
        state: state(status),
        address: EndpointAddress::parse(address),
        ports: named_ports(spec.containers.iter().flat_map(|container| &container.ports)),
        labels: Arc::new(labels.clone()),
        locality: labelled_locality(labels),
        weight: None,
        network: labels.get(NETWORK).map(String::as_str).unwrap_or_default().into(),
        name: controller(&object.key.name, labels).into(),
        namespace: Arc::clone(&object.key.namespace),
        service_account: spec.service_account_name.as_deref().unwrap_or("default").into(),
        node: spec.node_name.as_deref().unwrap_or_default().into(),
        tls: tls_mode(labels),
    })
}

// A pod written by hand may leave its conditions out; the API server always gives them.
fn state(status: &PodStatus) -> State {
    let ready = status.conditions.iter().find(|condition| condition.type_.as_deref() == Some("Ready"));
    match ready.map(|condition| condition.status.as_deref()) {
        None | Some(Some("True")) => State::Ready,
        Some(_) => State::NotReady,
    }
}

// Of two ports of one name the first counts, as for Kubernetes.
fn named_ports<'a>(ports: impl Iterator<Item = &'a ContainerPort>) -> BTreeMap<String, u16> {
    let mut named = BTreeMap::new();
    for port in ports {
        if let Some(name) = &port.name {
            named.entry(name.clone()).or_insert(port.container_port);
        }
    }
    named
}

/// The name of what made a pod: `<name>-<template hash>-<random>` and `<name>-<ordinal>` lose their ends.
fn controller<'a>(pod: &'a str, labels: &Labels) -> &'a str {
    if let Some(hash) = labels.get(TEMPLATE_HASH)
        && let Some((name, _)) = pod.rsplit_once('-').and_then(|(name, _)| name.rsplit_once(&format!("-{hash}")))
    {
        return name;
    }
    match pod.rsplit_once('-') {
        Some((name, _)) if labels.contains_key(STATEFUL) => name,
        _ => pod,
    }
}

#[cfg(test)]
mod tests;
