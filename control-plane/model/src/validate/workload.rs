//! Workloads outside of Kubernetes.

use super::{common, names};
use crate::context::Context;
use crate::istio::{Probe, WorkloadEntry, WorkloadGroup};

/// A WorkloadEntry of its own.
pub(super) fn entry(context: &mut Context<'_>, entry: &WorkloadEntry) {
    endpoint(context, entry);
    let address = entry.address.as_deref().unwrap_or_default();
    if !address.is_empty() && !address.starts_with("unix://") && !names::is_ip(address) {
        context.within("address", |context| context.require("bad-address", names::domain(address)));
    }
}

/// What holds for entries and for endpoints of ServiceEntries alike.
pub(super) fn endpoint(context: &mut Context<'_>, entry: &WorkloadEntry) {
    let address = entry.address.as_deref().unwrap_or_default();
    let network = entry.network.as_deref().unwrap_or_default();
    match (address, network) {
        ("", "") => context.refuse("missing-field", "wants an `address`"),
        ("", network) => {
            context
                .warn("no-effect", format!("has no address: reached through the gateways of network {network} only"));
        }
        _ => {}
    }
    if let Some(path) = address.strip_prefix("unix://") {
        context.within("address", |context| context.require("bad-address", names::unix_path(path)));
        if !entry.ports.is_empty() {
            context.within("ports", |context| context.refuse("conflict", "a socket has no ports; leave them out"));
        }
    }
    common::labels(context, "labels", &entry.labels);
    weight(context, entry.weight);
    ports(context, entry);
}

/// The largest share of a workload. Envoy adds the shares of all endpoints up in 32 bits.
const WEIGHT: u32 = 1_000_000;

/// The share of a workload.
pub(super) fn weight(context: &mut Context<'_>, weight: Option<u32>) {
    context.inside("weight", weight.as_ref(), |context, weight| {
        if *weight > WEIGHT {
            let message = format!("found {weight}, allowed: 0 to {WEIGHT}; weights are relative, scale them down");
            context.refuse("out-of-range", message);
        }
    });
}

/// Port numbers by service port name.
pub(super) fn ports(context: &mut Context<'_>, entry: &WorkloadEntry) {
    context.pairs("ports", &entry.ports, |context, name, number| {
        context.require("bad-name", names::label(name));
        common::port(context, number);
    });
}

/// A WorkloadGroup.
pub(super) fn group(context: &mut Context<'_>, group: &WorkloadGroup) {
    match &group.template {
        None => context.refuse("missing-field", "wants a `template` for its WorkloadEntries"),
        Some(template) => context.within("template", |context| {
            common::labels(context, "labels", &template.labels);
            weight(context, template.weight);
            context.pairs("ports", &template.ports, |context, name, number| {
                context.require("bad-name", names::label(name));
                common::port(context, number);
            });
            context.inside("address", template.address.as_ref(), |context, _| {
                context.warn("no-effect", "each workload brings its own address");
            });
        }),
    }
    context.inside("metadata", group.metadata.as_ref(), |context, metadata| {
        common::labels(context, "labels", &metadata.labels);
    });
    context.inside("probe", group.probe.as_ref(), probe);
}

fn probe(context: &mut Context<'_>, probe: &Probe) {
    let numbers = [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ];
    for (field, value) in numbers {
        context.inside(field, value.as_ref(), common::limit);
    }
    let ways = [probe.http_get.is_some(), probe.tcp_socket.is_some(), probe.exec.is_some(), probe.grpc.is_some()];
    match ways.iter().filter(|given| **given).count() {
        0 => context.refuse("missing-field", "says no way to probe; give one of httpGet, tcpSocket, exec"),
        1 => {}
        _ => context.refuse("conflict", "says several ways to probe; keep one of httpGet, tcpSocket, exec"),
    }
    context.inside("grpc", probe.grpc.as_ref(), |context, _| {
        context.refuse(
            "not-supported",
            "probes by gRPC are not supported, in Istio neither; use httpGet, tcpSocket or exec",
        );
    });
    context.inside("tcpSocket", probe.tcp_socket.as_ref(), |context, socket| {
        context.within("port", |context| common::port(context, &socket.port));
    });
    context.inside("exec", probe.exec.as_ref(), |context, exec| {
        if exec.command.is_empty() {
            context.refuse("missing-field", "wants a `command`");
        }
    });
    context.inside("httpGet", probe.http_get.as_ref(), |context, get| {
        context.within("port", |context| common::port(context, &get.port));
        context.inside("scheme", get.scheme.as_ref(), |context, scheme| {
            if !matches!(scheme.as_str(), "" | "HTTP" | "HTTPS") {
                context.refuse("bad-name", format!("found \"{scheme}\", allowed: HTTP, HTTPS"));
            }
        });
        context.each("httpHeaders", &get.http_headers, |context, header| {
            context.within("name", |context| context.require("bad-name", names::probe_header(&header.name)));
        });
    });
}
