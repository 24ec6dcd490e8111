//! Gateways.

use std::collections::BTreeSet;

use super::{common, names, server_tls};
use crate::context::Context;
use crate::istio::{Gateway, Server, ServerPort, ServerTlsMode, ServerTlsSettings};
use crate::mesh::Protocol;

pub(super) fn check(context: &mut Context<'_>, gateway: &Gateway) {
    if gateway.servers.is_empty() {
        context.refuse("missing-field", "has no servers; give at least one");
    }
    let mut seen = BTreeSet::new();
    context.each("servers", &gateway.servers, |context, one| {
        server(context, one);
        let name = one.port.as_ref().and_then(|port| port.name.as_deref()).unwrap_or_default();
        if !name.is_empty() && !seen.insert(name.to_owned()) {
            context.within("port", |context| {
                context.refuse("duplicate", format!("the port name \"{name}\" stands twice; rename one"));
            });
        }
    });
}

fn server(context: &mut Context<'_>, server: &Server) {
    if server.hosts.is_empty() {
        context.refuse("missing-field", "has no hosts; `*` stands for every name");
    }
    context.each("hosts", &server.hosts, |context, host| context.require("bad-name", server_host(host)));
    context.inside("bind", server.bind.as_ref(), |context, address| bind(context, address));
    let Some(port) = &server.port else {
        return context.refuse("missing-field", "wants a `port` with number, name and protocol");
    };
    context.within("port", |context| server_port(context, port, server.bind.as_deref()));
    context.inside("tls", server.tls.as_ref(), server_tls::check);
    tls_fits(context, port, server.tls.as_ref());
}

/// `host`, `./host`, `*/host`, `namespace/host`.
fn server_host(text: &str) -> Result<(), String> {
    let (namespace, host) = text.split_once('/').map_or((None, text), |(namespace, host)| (Some(namespace), host));
    if !namespace.is_none_or(|namespace| matches!(namespace, "*" | ".") || names::is_label(namespace)) {
        return Err(format!("found the namespace of \"{text}\", allowed: `.`, `*` or a namespace, before `/`"));
    }
    full_host(host)
}

/// A name with a dot: gateways and Sidecars belong to no namespace that could complete a short one.
pub(super) fn full_host(host: &str) -> Result<(), String> {
    if host != "*" && !host.contains('.') && !names::is_ip(host) {
        return Err(format!(
            "found the short name \"{host}\", allowed: full names such as {host}.shop.svc.cluster.local"
        ));
    }
    names::host(host).and_then(|()| names::whole_wildcard(host))
}

/// An IP address, or a socket.
fn bind(context: &mut Context<'_>, bind: &str) {
    match bind.strip_prefix("unix://") {
        Some(path) => context.require("bad-address", names::unix_path(path)),
        None if bind.is_empty() => {}
        None => context.require("bad-address", names::ip(bind)),
    }
}

fn server_port(context: &mut Context<'_>, port: &ServerPort, bind: Option<&str>) {
    let socket = bind.is_some_and(|bind| bind.starts_with("unix://"));
    context.within("number", |context| match (socket, port.number) {
        (true, 0) => {}
        (true, number) => context.refuse("conflict", format!("found {number}, allowed with a unix socket: 0")),
        (false, number) => common::port(context, &number),
    });
    let protocol = port.protocol.as_deref().unwrap_or_default();
    if protocol.is_empty() {
        context.refuse("missing-field", "wants a `protocol`, such as HTTP");
    } else {
        context.within("protocol", |context| context.require("bad-name", names::protocol(Some(protocol))));
    }
    if port.name.as_deref().unwrap_or_default().is_empty() {
        context.refuse("missing-field", "wants a `name`, unique in the Gateway");
    }
    context.inside("targetPort", port.target_port.as_ref(), |context, number| {
        if *number > 0 {
            context.refuse("conflict", "has no effect on Gateways; the port of the pod is found through its Service");
        }
    });
}

/// TLS ports want settings, plain ones want none but a redirect.
fn tls_fits(context: &mut Context<'_>, port: &ServerPort, tls: Option<&ServerTlsSettings>) {
    let Some(protocol) = port.protocol.as_deref().and_then(Protocol::parse) else { return };
    let Some(tls) = tls else {
        if protocol.is_tls() {
            context.refuse("missing-field", format!("a port of protocol {protocol:?} wants `tls`"));
        }
        return;
    };
    context.within("tls", |context| {
        if tls.https_redirect == Some(true) && !protocol.is_http() {
            context.within("httpsRedirect", |context| {
                context.warn("no-effect", "redirects plain HTTP only; put it on an HTTP port");
            });
        }
        if protocol.is_tls() {
            return;
        }
        let ends = !matches!(tls.mode, None | Some(ServerTlsMode::Passthrough | ServerTlsMode::AutoPassthrough));
        let files = [&tls.server_certificate, &tls.private_key, &tls.ca_certificates].into_iter().any(Option::is_some);
        if !protocol.is_http() || ends || files {
            context.refuse(
                "conflict",
                "the port is plain; use protocol HTTPS or TLS, or leave everything but httpsRedirect out",
            );
        }
    });
}
