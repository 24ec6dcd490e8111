//! ServiceEntries.

use std::collections::BTreeSet;

use super::common::{self, Nobody};
use super::{names, workload};
use crate::context::Context;
use crate::istio::{Resolution, ServiceEntry, ServicePort, WorkloadEntry};
use crate::mesh::Protocol;

pub(super) fn check(context: &mut Context<'_>, entry: &ServiceEntry) {
    context.inside("workloadSelector", entry.workload_selector.as_ref(), common::selector);
    if entry.workload_selector.is_some() && !entry.endpoints.is_empty() {
        context.refuse("conflict", "only one of endpoints, workloadSelector may be given");
    }
    hosts(context, entry);
    addresses(context, entry);
    ports(context, &entry.ports);
    match entry.resolution.unwrap_or_default() {
        Resolution::None => unresolved(context, entry),
        Resolution::Static => endpoints(context, entry),
        Resolution::Dns | Resolution::DnsRoundRobin => by_name(context, entry),
        Resolution::DynamicDns => by_request(context, entry),
    }
    tell_apart(context, entry);
    common::export_to(context, "exportTo", &entry.export_to, Nobody::Allowed);
}

fn hosts(context: &mut Context<'_>, entry: &ServiceEntry) {
    if entry.hosts.is_empty() {
        context.refuse("missing-field", "has no hosts; give at least one name");
    }
    let by_request = entry.resolution == Some(Resolution::DynamicDns);
    context.each("hosts", &entry.hosts, |context, host| match host.as_str() {
        "*" => context.refuse("bad-name", "found \"*\", allowed: names, and `*.` with a name"),
        host => {
            context.require("bad-name", names::wildcard_domain(host));
            if !by_request && names::whole_wildcard(host).is_err() {
                context.warn("no-effect", format!("\"{host}\" matches no name; write `*.` and a name"));
            }
        }
    });
}

fn addresses(context: &mut Context<'_>, entry: &ServiceEntry) {
    let ranges = matches!(entry.resolution.unwrap_or_default(), Resolution::None | Resolution::Static);
    context.each("addresses", &entry.addresses, |context, address| {
        context.require("bad-address", names::subnet(address));
        if address.contains('/') && !ranges {
            context.refuse("conflict", "ranges are allowed with resolution NONE and STATIC; give single addresses");
        }
    });
}

fn ports(context: &mut Context<'_>, ports: &[ServicePort]) {
    let (mut named, mut numbered) = (BTreeSet::new(), BTreeSet::new());
    context.each("ports", ports, |context, port| {
        let name = port.name.as_deref().unwrap_or_default();
        context.within("name", |context| {
            context.require("bad-name", names::label(name));
            if !named.insert(name.to_owned()) {
                context.refuse("duplicate", format!("the port name \"{name}\" stands twice; rename one"));
            }
        });
        context.within("number", |context| {
            common::port(context, &port.number);
            if !numbered.insert(port.number) {
                context.refuse("duplicate", format!("the port {} stands twice; keep one", port.number));
            }
        });
        context.within("protocol", |context| context.require("bad-name", names::protocol(port.protocol.as_deref())));
        context.inside("targetPort", port.target_port.as_ref(), common::optional_port);
    });
}

/// NONE sends connections where they were going.
fn unresolved(context: &mut Context<'_>, entry: &ServiceEntry) {
    if !entry.endpoints.is_empty() {
        let message =
            "resolution NONE sends requests to the address the client chose; leave endpoints out, or use STATIC or DNS";
        context.within("endpoints", |context| context.refuse("conflict", message));
    }
    context.inside("workloadSelector", entry.workload_selector.as_ref(), |context, _| {
        context.warn("no-effect", "is not used with resolution NONE; use STATIC");
    });
}

fn endpoints(context: &mut Context<'_>, entry: &ServiceEntry) {
    context.each("endpoints", &entry.endpoints, |context, endpoint| {
        workload::endpoint(context, endpoint);
        let address = endpoint.address.as_deref().unwrap_or_default();
        if address.starts_with("unix://") && entry.ports.len() != 1 {
            context.refuse("conflict", "a socket serves one port; the entry must have exactly one");
        } else if !address.is_empty() && !address.starts_with("unix://") && !names::is_ip(address) {
            let message = format!(
                "found \"{address}\", allowed with resolution STATIC: an IP address or unix:///path; use DNS for names"
            );
            context.within("address", |context| context.refuse("bad-address", message));
        }
        known_ports(context, endpoint, entry);
    });
}

/// DNS resolves the endpoints' names, or else the hosts themselves.
fn by_name(context: &mut Context<'_>, entry: &ServiceEntry) {
    if entry.endpoints.is_empty() && entry.workload_selector.is_none() {
        context.each("hosts", &entry.hosts, |context, host| {
            if names::domain(host).is_err() {
                context.refuse(
                    "bad-name",
                    format!("\"{host}\" cannot be resolved by DNS; give a full name, or endpoints with names"),
                );
            }
        });
    }
    if entry.resolution == Some(Resolution::DnsRoundRobin) && entry.endpoints.len() > 1 {
        context.within("endpoints", |context| {
            context.refuse("conflict", "DNS_ROUND_ROBIN takes one endpoint at most; use DNS for several");
        });
    }
    context.each("endpoints", &entry.endpoints, |context, endpoint| {
        let address = endpoint.address.as_deref().unwrap_or_default();
        let check = if names::is_ip(address) { Ok(()) } else { names::domain(address) };
        context.within("address", |context| context.require("bad-address", check));
        common::labels(context, "labels", &endpoint.labels);
        workload::weight(context, endpoint.weight);
        workload::ports(context, endpoint);
        known_ports(context, endpoint, entry);
    });
    if entry.hosts.len() > 1 && !entry.addresses.is_empty() && has(entry, Protocol::is_tcp) {
        context.warn(
            "no-effect",
            "hosts that share addresses cannot be told apart on TCP ports; make one ServiceEntry for each",
        );
    }
}

/// DYNAMIC_DNS resolves the name each request asks for.
fn by_request(context: &mut Context<'_>, entry: &ServiceEntry) {
    context.each("hosts", &entry.hosts, |context, host| {
        if !host.starts_with('*') {
            context.refuse(
                "bad-name",
                format!("found \"{host}\", allowed with resolution DYNAMIC_DNS: wildcards such as *.example.com"),
            );
        }
    });
    for (field, absent) in [("addresses", entry.addresses.is_empty()), ("endpoints", entry.endpoints.is_empty())] {
        if !absent {
            let message = "resolution DYNAMIC_DNS takes addresses from the names of requests; leave this out";
            context.within(field, |context| context.refuse("conflict", message));
        }
    }
    context.each("ports", &entry.ports, |context, port| {
        let protocol = port.protocol.as_deref().and_then(Protocol::parse);
        if !matches!(protocol, Some(Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::Tls)) {
            context.within("protocol", |context| {
                context.refuse(
                    "conflict",
                    "requests must carry a name: with resolution DYNAMIC_DNS use HTTP, HTTP2, GRPC or TLS",
                );
            });
        }
    });
}

fn known_ports(context: &mut Context<'_>, endpoint: &WorkloadEntry, entry: &ServiceEntry) {
    context.pairs("ports", &endpoint.ports, |context, name, _| {
        if !entry.ports.iter().any(|port| port.name.as_deref() == Some(name)) {
            context.refuse("bad-name", format!("the entry has no port of the name \"{name}\""));
        }
    });
}

/// Plain TCP carries no name, so several hosts on it would be one.
fn tell_apart(context: &mut Context<'_>, entry: &ServiceEntry) {
    let names_nothing = |protocol: Protocol| !protocol.is_http() && !protocol.is_tls();
    let resolved = entry.resolution.unwrap_or_default() != Resolution::None;
    if resolved && entry.hosts.len() > 1 && has(entry, names_nothing) {
        let message =
            "several hosts cannot be told apart on ports that are neither HTTP nor TLS; make one ServiceEntry for each";
        context.within("hosts", |context| context.refuse("conflict", message));
    }
}

fn has(entry: &ServiceEntry, wanted: impl Fn(Protocol) -> bool) -> bool {
    entry.ports.iter().any(|port| wanted(Protocol::of_entry_port(port.protocol.as_deref().unwrap_or_default())))
}
