//! Routes of TLS that is passed through, and of TCP.

use super::http_route::weights;
use super::{common, names};
use crate::context::Context;
use crate::istio::{L4MatchAttributes, RouteDestination, TcpRoute, TlsMatchAttributes, TlsRoute};
use crate::mesh::host;

/// A route by server name.
pub(super) fn tls(context: &mut Context<'_>, route: &TlsRoute, hosts: &[String]) {
    if route.match_.is_empty() {
        context.refuse("missing-field", "wants a match with `sniHosts`: TLS is routed by server name");
    }
    context.each("match", &route.match_, |context, alternative| tls_match(context, alternative, hosts));
    destinations(context, &route.route);
}

fn tls_match(context: &mut Context<'_>, attributes: &TlsMatchAttributes, hosts: &[String]) {
    if attributes.sni_hosts.is_empty() {
        context.refuse("missing-field", "wants `sniHosts`: TLS is routed by server name");
    }
    context.each("sniHosts", &attributes.sni_hosts, |context, name| server_name(context, name, hosts));
    context.each("destinationSubnets", &attributes.destination_subnets, |context, subnet| {
        context.require("bad-address", names::subnet(subnet));
    });
    context.inside("port", attributes.port.as_ref(), common::optional_port);
    common::labels(context, "sourceLabels", &attributes.source_labels);
    common::gateways(context, &attributes.gateways);
}

fn server_name(context: &mut Context<'_>, name: &str, hosts: &[String]) {
    if names::is_ip(name) {
        return context.warn(
            "no-effect",
            "clients send no address as server name (RFC 6066, section 3); match by destinationSubnets",
        );
    }
    if is_mesh_sni(name) {
        return;
    }
    let check = names::wildcard_domain(name);
    if check.is_ok() && !hosts.iter().any(|host| host::covers(host, name)) {
        let hosts = hosts.join(", ");
        return context
            .refuse("conflict", format!("\"{name}\" lies outside of the hosts of the VirtualService: {hosts}"));
    }
    context.require("bad-name", check);
}

/// `outbound_.443_._.host`: what sidecars of other clusters send through a gateway.
pub(super) fn is_mesh_sni(name: &str) -> bool {
    let mut parts = name.strip_prefix("outbound_.").unwrap_or_default().splitn(3, "_.");
    let port = parts.next().is_some_and(|port| port.parse::<u16>().is_ok());
    port && parts.next().is_some() && parts.next().is_some_and(|host| names::wildcard_domain(host).is_ok())
}

/// A route of bytes.
pub(super) fn tcp(context: &mut Context<'_>, route: &TcpRoute) {
    context.each("match", &route.match_, tcp_match);
    destinations(context, &route.route);
}

fn tcp_match(context: &mut Context<'_>, attributes: &L4MatchAttributes) {
    context.each("destinationSubnets", &attributes.destination_subnets, |context, subnet| {
        context.require("bad-address", names::subnet(subnet));
    });
    context.inside("sourceSubnet", attributes.source_subnet.as_ref(), |context, subnet| {
        context.require("bad-address", names::subnet(subnet));
        context.warn("no-effect", "is never read, in Istio neither; match by sourceLabels");
    });
    context.inside("port", attributes.port.as_ref(), common::optional_port);
    common::labels(context, "sourceLabels", &attributes.source_labels);
    common::gateways(context, &attributes.gateways);
}

fn destinations(context: &mut Context<'_>, destinations: &[RouteDestination]) {
    if destinations.is_empty() {
        context.refuse("missing-field", "wants a `route` with a destination");
    }
    context.each("route", destinations, |context, entry| {
        context.within("destination", |context| common::destination(context, &entry.destination));
    });
    weights(context, destinations.iter().map(|entry| entry.weight));
}
