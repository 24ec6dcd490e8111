//! VirtualServices: hosts, gateways and what holds across routes.

use super::common::{self, Nobody};
use super::http_route::{self, Role};
use super::{headers, names, reach, stream_route};
use crate::context::Context;
use crate::istio::VirtualService;
use crate::mesh::host::HostIndex;

/// The gateway that stands for all sidecars.
const MESH: &str = "mesh";

pub(super) fn check(context: &mut Context<'_>, service: &VirtualService) {
    let role = if service.hosts.is_empty() { Role::Delegate } else { Role::Root };
    if role == Role::Delegate {
        delegate(context, service);
    }
    common::gateways(context, &service.gateways);
    hosts(context, service);
    if service.http.is_empty() && service.tls.is_empty() && service.tcp.is_empty() {
        context.refuse("missing-field", "has no routes; give http, tls or tcp");
    }
    if !at_gateways_only(service) {
        claims(context, service);
    }
    context.each("http", &service.http, |context, route| http_route::check(context, route, role));
    context.each("tls", &service.tls, |context, route| stream_route::tls(context, route, &service.hosts));
    context.each("tcp", &service.tcp, stream_route::tcp);
    common::export_to(context, "exportTo", &service.export_to, Nobody::Refused);
    reach::check(context, service);
}

/// A VirtualService without hosts is one that others delegate to: HTTP only, and bound by its root.
fn delegate(context: &mut Context<'_>, service: &VirtualService) {
    let forbidden =
        [("gateways", service.gateways.is_empty()), ("tls", service.tls.is_empty()), ("tcp", service.tcp.is_empty())];
    for (field, absent) in forbidden {
        if !absent {
            let message =
                "a VirtualService without hosts is a delegate and has HTTP routes only; give hosts, or leave this out";
            context.within(field, |context| context.refuse("conflict", message));
        }
    }
}

/// Whether only gateways route by it.
fn at_gateways_only(service: &VirtualService) -> bool {
    !service.gateways.is_empty() && !service.gateways.iter().any(|gateway| gateway == MESH)
}

fn hosts(context: &mut Context<'_>, service: &VirtualService) {
    let edge = at_gateways_only(service);
    let names_tls =
        service.tls.iter().flat_map(|route| &route.match_).any(|attributes| !attributes.sni_hosts.is_empty());
    let mut valid = true;
    context.each("hosts", &service.hosts, |context, name| {
        let check = match name.as_str() {
            "*" if !edge => {
                Err("found \"*\", allowed in sidecars: names and `*.` with a name; bind it to a gateway".to_owned())
            }
            name if edge && names_tls && stream_route::is_mesh_sni(name) => Ok(()),
            name => names::host(name),
        };
        valid &= check.is_ok();
        context.require("bad-name", check);
    });
    if valid {
        overlaps(context, &service.hosts);
    }
}

/// Two hosts one of which covers the other would be two virtual hosts for one name, which Envoy refuses.
fn overlaps(context: &mut Context<'_>, hosts: &[String]) {
    let mut index = HostIndex::default();
    for (place, name) in hosts.iter().enumerate().rev() {
        index.set(name, Some(place));
    }
    context.within("hosts", |context| {
        for (place, name) in hosts.iter().enumerate() {
            if let Some(other) = index.most_specific(name).find(|other| **other != place) {
                context.item(place, |context| {
                    context.refuse("duplicate", format!("\"{name}\" lies within hosts[{other}]; keep one"));
                });
            }
        }
    });
}

/// Only gateways verify tokens before they route.
fn claims(context: &mut Context<'_>, service: &VirtualService) {
    context.each("http", &service.http, |context, route| {
        context.each("match", &route.match_, |context, request| {
            for (field, map) in [("headers", &request.headers), ("withoutHeaders", &request.without_headers)] {
                context.pairs(field, map, |context, name, _| {
                    if headers::is_claim(name) {
                        context.refuse(
                            "conflict",
                            "claims of tokens are matched at gateways only; bind the VirtualService to gateways alone",
                        );
                    }
                });
            }
        });
    });
}
