//! What is refused beyond types: the "rejected" columns of istio-coverage.md §1, one small rule a function.
//!
//! Rules see typed values; [`Context`] knows which field they look at and finds its place in the document only when something
//! is wrong with it. A rule refuses what Istio's webhook refuses, so that a mesh moved from Istio finds nothing new, and warns
//! where Istio silently does something else than the author may think.

mod client_tls;
mod common;
mod connection;
mod destination_rule;
mod fault;
mod gateway;
mod headers;
mod http_match;
mod http_route;
mod kube;
mod load_balancer;
mod names;
mod re2;
mod reach;
mod retry;
mod server_tls;
mod service_entry;
mod sidecar;
mod stream_route;
mod traffic_policy;
mod virtual_service;
mod workload;

pub(crate) use common::{Nobody, duration, duration_or_off, export_to};
pub(crate) use connection::{connection_pool, outlier_detection, tcp_keepalive};
pub(crate) use load_balancer::locality;
pub(crate) use names::{domain, label, object_name};
pub(crate) use retry::retry;

use crate::context::Context;
use crate::object::{ObjectMeta, Spec};

/// Judges one object; findings go to the context.
pub(crate) fn object(meta: &ObjectMeta, spec: &Spec, context: &mut Context<'_>) {
    context.within("metadata", |context| common::labels(context, "labels", &meta.labels));
    match spec {
        Spec::VirtualService(spec) => context.within("spec", |context| virtual_service::check(context, spec)),
        Spec::DestinationRule(spec) => context.within("spec", |context| destination_rule::check(context, spec)),
        Spec::ServiceEntry(spec) => context.within("spec", |context| service_entry::check(context, spec)),
        Spec::WorkloadEntry(spec) => context.within("spec", |context| workload::entry(context, spec)),
        Spec::WorkloadGroup(spec) => context.within("spec", |context| workload::group(context, spec)),
        Spec::Sidecar(spec) => context.within("spec", |context| sidecar::check(context, spec)),
        Spec::Gateway(spec) => context.within("spec", |context| gateway::check(context, spec)),
        Spec::Service(service) => context.inside("spec", service.spec.as_ref(), kube::service),
        Spec::EndpointSlice(slice) => kube::endpoint_slice(context, slice),
        Spec::Endpoints(endpoints) => kube::endpoints(context, endpoints),
        Spec::Pod(_) | Spec::Deployment(_) | Spec::Namespace(_) | Spec::ServiceAccount(_) => {}
    }
}

#[cfg(test)]
mod tests;
