//! Sidecars.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use super::gateway::full_host;
use super::{common, connection, names, server_tls};
use crate::context::Context;
use crate::istio::{
    CaptureMode, IstioEgressListener, IstioIngressListener, OutboundMode, OutboundTrafficPolicy, Port, ServerTlsMode,
    ServerTlsSettings, Sidecar,
};
use crate::mesh::Protocol;

pub(super) fn check(context: &mut Context<'_>, sidecar: &Sidecar) {
    let policy = sidecar.outbound_traffic_policy.as_ref();
    if sidecar.ingress.is_empty()
        && sidecar.egress.is_empty()
        && policy.is_none()
        && sidecar.inbound_connection_pool.is_none()
    {
        context.refuse(
            "missing-field",
            "says nothing; give ingress, egress, outboundTrafficPolicy or inboundConnectionPool",
        );
    }
    context.inside("workloadSelector", sidecar.workload_selector.as_ref(), common::selector);
    let mut inbound = BTreeSet::new();
    context.each("ingress", &sidecar.ingress, |context, listener| {
        ingress(context, listener);
        unique(context, listener.port.as_ref(), &mut inbound);
    });
    egress_list(context, &sidecar.egress);
    context.inside("outboundTrafficPolicy", policy, outbound_policy);
    context.inside("inboundConnectionPool", sidecar.inbound_connection_pool.as_ref(), connection::connection_pool);
}

/// One listener a port.
fn unique(context: &mut Context<'_>, port: Option<&Port>, seen: &mut BTreeSet<u32>) {
    let Some(number) = port.and_then(|port| port.number).filter(|number| *number != 0) else { return };
    if !seen.insert(number) {
        context
            .within("port", |context| context.refuse("duplicate", format!("the port {number} stands twice; keep one")));
    }
}

fn named(context: &mut Context<'_>, port: &Port) {
    context.inside("name", port.name.as_ref(), |context, name| {
        if !name.is_empty() {
            context.require("bad-name", names::label(name));
        }
    });
    context.within("protocol", |context| context.require("bad-name", names::protocol(port.protocol.as_deref())));
    context.inside("targetPort", port.target_port.as_ref(), |context, number| {
        if *number > 0 {
            context.refuse("conflict", "has no effect on Sidecars; the workload's port is given by `defaultEndpoint`");
        }
    });
}

fn ingress(context: &mut Context<'_>, listener: &IstioIngressListener) {
    let Some(port) = &listener.port else {
        return context.refuse("missing-field", "wants a `port`");
    };
    context.within("port", |context| {
        named(context, port);
        context.within("number", |context| common::port(context, &port.number.unwrap_or_default()));
    });
    context.inside("bind", listener.bind.as_ref(), |context, bind| {
        if !bind.is_empty() {
            context.require("bad-address", names::ip(bind));
        }
    });
    context.inside("defaultEndpoint", listener.default_endpoint.as_ref(), default_endpoint);
    let protocol = port.protocol.as_deref().and_then(Protocol::parse);
    context.inside("tls", listener.tls.as_ref(), |context, tls| ingress_tls(context, tls, protocol));
    context.inside("connectionPool", listener.connection_pool.as_ref(), |context, pool| {
        connection::connection_pool(context, pool);
        if pool.http.is_some() && !protocol.is_some_and(Protocol::is_http) {
            context.within("http", |context| {
                context.warn("no-effect", "the port is not HTTP: only the tcp settings apply");
            });
        }
    });
}

/// The application listens on the workload itself: its loopback address, or the one it was reached by.
fn default_endpoint(context: &mut Context<'_>, endpoint: &String) {
    if let Some(path) = endpoint.strip_prefix("unix://") {
        return context.require("bad-address", names::unix_path(path));
    }
    if !endpoint.is_empty() && !is_local(endpoint) {
        let message = format!(
            "found \"{endpoint}\", allowed: 127.0.0.1:<port>, 0.0.0.0:<port>, [::1]:<port>, [::]:<port>, unix:///path"
        );
        context.refuse("bad-address", message);
    }
}

fn is_local(endpoint: &str) -> bool {
    // `:8080` means the address the workload was reached by.
    let any = endpoint.strip_prefix(':').and_then(|port| port.parse::<u16>().ok()).is_some_and(|port| port != 0);
    let exact =
        |address: IpAddr| address.is_unspecified() || matches!(address.to_string().as_str(), "127.0.0.1" | "::1");
    any || endpoint.parse::<SocketAddr>().is_ok_and(|socket| socket.port() != 0 && exact(socket.ip()))
}

fn ingress_tls(context: &mut Context<'_>, tls: &ServerTlsSettings, protocol: Option<Protocol>) {
    let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let unsupported = [
        ("subjectAltNames", !tls.subject_alt_names.is_empty()),
        ("httpsRedirect", tls.https_redirect == Some(true)),
        ("credentialName", given(&tls.credential_name)),
        ("credentialNames", !tls.credential_names.is_empty()),
        ("tlsCertificates", !tls.tls_certificates.is_empty()),
    ];
    for (field, _) in unsupported.into_iter().filter(|(_, given)| *given) {
        context.within(field, |context| {
            context.refuse("not-supported", "is for Gateways; a Sidecar takes certificates from files");
        });
    }
    if matches!(tls.mode, Some(ServerTlsMode::IstioMutual | ServerTlsMode::AutoPassthrough)) {
        context.within("mode", |context| {
            context.refuse("not-supported", "allowed in a Sidecar: SIMPLE, MUTUAL, OPTIONAL_MUTUAL, PASSTHROUGH");
        });
    }
    if !protocol.is_some_and(Protocol::is_tls) {
        context.refuse("conflict", "the port is plain; use protocol HTTPS or TLS");
    }
    server_tls::check(context, tls);
}

fn egress_list(context: &mut Context<'_>, listeners: &[IstioEgressListener]) {
    let (mut ports, mut sockets) = (BTreeSet::new(), BTreeSet::new());
    let mut behind = listeners.len();
    context.each("egress", listeners, |context, listener| {
        behind -= 1;
        egress(context, listener);
        unique(context, listener.port.as_ref(), &mut ports);
        if listener.port.is_none() && behind > 0 {
            context.refuse(
                "conflict",
                "has no port and so takes every port that is left; there is one such listener, and it is the last",
            );
        }
        let socket = listener.bind.as_ref().filter(|bind| bind.starts_with("unix://"));
        if socket.is_some_and(|socket| !sockets.insert(socket.clone())) {
            context.within("bind", |context| context.refuse("duplicate", "the socket stands twice; keep one"));
        }
    });
}

fn egress(context: &mut Context<'_>, listener: &IstioEgressListener) {
    context.inside("port", listener.port.as_ref(), |context, port| {
        named(context, port);
        if port.number.unwrap_or_default() != 0 {
            context.inside("number", port.number.as_ref(), common::port);
        }
    });
    if let Some(port) = &listener.port {
        egress_bind(context, listener, port);
    }
    if listener.hosts.is_empty() {
        context.refuse("missing-field", "has no hosts; `./*` stands for its own namespace, `*/*` for everything");
    }
    context.each("hosts", &listener.hosts, |context, host| context.require("bad-name", egress_host(host)));
    redundant(context, &listener.hosts);
}

/// A port, or a socket with port 0.
fn egress_bind(context: &mut Context<'_>, listener: &IstioEgressListener, port: &Port) {
    let bind = listener.bind.as_deref().unwrap_or_default();
    let number = port.number.unwrap_or_default();
    match (number, bind.strip_prefix("unix://")) {
        (0, Some(path)) => {
            context.within("bind", |context| context.require("bad-address", names::unix_path(path)));
            if listener.capture_mode == Some(CaptureMode::Iptables) {
                context.within("captureMode", |context| {
                    context.refuse("conflict", "a socket cannot be captured; use NONE or DEFAULT");
                });
            }
        }
        (0, None) => context.within("bind", |context| {
            context.refuse("conflict", "port 0 stands for a socket: bind must be unix:///path");
        }),
        (_, _) if bind.is_empty() => {}
        (_, _) => context.within("bind", |context| context.require("bad-address", names::ip(bind))),
    }
}

/// `namespace/host`; `~` before the namespace takes the host out again, alone it means nothing at all.
fn egress_host(text: &str) -> Result<(), String> {
    let Some((namespace, host)) = text.split_once('/') else {
        return Err(format!(
            "found \"{text}\", allowed: `namespace/host`, with `.` for the own namespace and `*` for all"
        ));
    };
    let inner = namespace.strip_prefix('~').unwrap_or(namespace);
    let nothing = namespace == "~";
    if !nothing && !matches!(inner, "*" | ".") && !names::is_label(inner) {
        return Err(format!("found the namespace of \"{text}\", allowed: `.`, `*`, `~` or a namespace, before `/`"));
    }
    full_host(host)
}

/// Hosts that another entry includes: harmless, but seldom meant.
fn redundant(context: &mut Context<'_>, hosts: &[String]) {
    let all: BTreeSet<&str> = hosts.iter().map(String::as_str).collect();
    let mut seen = BTreeSet::new();
    context.each("hosts", hosts, |context, text| {
        let Some((namespace, host)) = text.split_once('/').filter(|(namespace, _)| !namespace.starts_with('~')) else {
            return;
        };
        let whole = format!("{namespace}/*");
        if !seen.insert(text.clone()) {
            context.warn("duplicate", "stands twice");
        } else if text != "*/*" && all.contains("*/*") {
            context.warn("no-effect", "`*/*` includes it");
        } else if host != "*" && all.contains(whole.as_str()) {
            context.warn("no-effect", format!("`{whole}` includes it"));
        }
    });
}

fn outbound_policy(context: &mut Context<'_>, policy: &OutboundTrafficPolicy) {
    if policy.mode == Some(OutboundMode::AllowAnyDynamicDns) {
        context.within("mode", |context| {
            context.refuse(
                "not-supported",
                "ALLOW_ANY_DYNAMIC_DNS is a setting of the mesh; use ALLOW_ANY or REGISTRY_ONLY",
            );
        });
    }
    context.inside("egressProxy", policy.egress_proxy.as_ref(), |context, proxy| {
        if policy.mode != Some(OutboundMode::AllowAny) {
            context.refuse("conflict", "takes traffic to unknown hosts, which only mode ALLOW_ANY lets out");
        }
        if proxy.port.is_none() {
            context.refuse("missing-field", "wants a `port`");
        }
        common::destination(context, proxy);
    });
}
