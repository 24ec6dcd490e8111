//! Traffic policies: of a rule, of a subset, of a port.

use super::{client_tls, common, connection, load_balancer, names};
use crate::context::Context;
use crate::istio::{PortTrafficPolicy, TrafficPolicy, TunnelSettings};

pub(super) fn check(context: &mut Context<'_>, policy: &TrafficPolicy) {
    if *policy == TrafficPolicy::default() {
        return context.refuse("missing-field", "is empty; give a block such as loadBalancer, or leave it out");
    }
    if policy.tunnel.is_some() && policy.proxy_protocol.is_some() {
        context.refuse("conflict", "only one of tunnel, proxyProtocol may be given");
    }
    let outliers = policy.outlier_detection.as_ref();
    context.inside("loadBalancer", policy.load_balancer.as_ref(), |context, value| {
        load_balancer::check(context, value, outliers);
    });
    context.inside("connectionPool", policy.connection_pool.as_ref(), connection::connection_pool);
    context.inside("outlierDetection", outliers, connection::outlier_detection);
    context.inside("tls", policy.tls.as_ref(), client_tls::check);
    context.each("portLevelSettings", &policy.port_level_settings, port_policy);
    context.inside("tunnel", policy.tunnel.as_ref(), tunnel);
    context.inside("retryBudget", policy.retry_budget.as_ref(), |context, budget| {
        context.inside("percent", budget.percent.as_ref(), |context, percent| {
            if !(0.0..=100.0).contains(&percent.0) {
                context.refuse("out-of-range", format!("found {}, allowed: 0 to 100", percent.0));
            }
        });
        context.inside("budgetInterval", budget.budget_interval.as_ref(), common::duration);
    });
}

/// The policy of one port stands alone, so one without a block would say nothing.
fn port_policy(context: &mut Context<'_>, policy: &PortTrafficPolicy) {
    match &policy.port {
        Some(port) => {
            context.within("port", |context| context.within("number", |context| common::port(context, &port.number)));
        }
        None => context.refuse("missing-field", "wants `port: {number: ...}`"),
    }
    let outliers = policy.outlier_detection.as_ref();
    if policy.load_balancer.is_none() && policy.connection_pool.is_none() && outliers.is_none() && policy.tls.is_none()
    {
        context.refuse(
            "missing-field",
            "says nothing about its port; give loadBalancer, connectionPool, outlierDetection or tls",
        );
    }
    context.inside("loadBalancer", policy.load_balancer.as_ref(), |context, value| {
        load_balancer::check(context, value, outliers);
    });
    context.inside("connectionPool", policy.connection_pool.as_ref(), connection::connection_pool);
    context.inside("outlierDetection", outliers, connection::outlier_detection);
    context.inside("tls", policy.tls.as_ref(), client_tls::check);
}

fn tunnel(context: &mut Context<'_>, tunnel: &TunnelSettings) {
    context.inside("protocol", tunnel.protocol.as_ref(), |context, protocol| {
        if !matches!(protocol.as_str(), "" | "CONNECT" | "POST") {
            context.refuse("bad-name", format!("found \"{protocol}\", allowed: CONNECT, POST"));
        }
    });
    let host = tunnel.target_host.as_deref().unwrap_or_default();
    let host = if names::is_ip(host) { Ok(()) } else { names::domain(host) };
    context.within("targetHost", |context| context.require("bad-name", host));
    context.within("targetPort", |context| common::port(context, &tunnel.target_port.unwrap_or_default()));
}
