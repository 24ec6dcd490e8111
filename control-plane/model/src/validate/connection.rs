//! Limits of connections, and when an endpoint is left out.

use super::common::{self, duration};
use crate::context::Context;
use crate::istio::{ConnectionPool, H2UpgradePolicy, HttpSettings, OutlierDetection, TcpKeepalive, TcpSettings};

/// Limits of connections and requests.
pub(crate) fn connection_pool(context: &mut Context<'_>, pool: &ConnectionPool) {
    if pool.tcp.is_none() && pool.http.is_none() {
        context.refuse("missing-field", "is empty; give tcp or http, or leave it out");
    }
    context.inside("tcp", pool.tcp.as_ref(), tcp);
    context.inside("http", pool.http.as_ref(), http);
}

fn tcp(context: &mut Context<'_>, tcp: &TcpSettings) {
    context.inside("maxConnections", tcp.max_connections.as_ref(), common::limit);
    context.inside("connectTimeout", tcp.connect_timeout.as_ref(), duration);
    context.inside("maxConnectionDuration", tcp.max_connection_duration.as_ref(), duration);
    context.inside("idleTimeout", tcp.idle_timeout.as_ref(), common::duration_or_off);
    context.inside("tcpKeepalive", tcp.tcp_keepalive.as_ref(), tcp_keepalive);
}

/// Probes of idle connections.
pub(crate) fn tcp_keepalive(context: &mut Context<'_>, keepalive: &TcpKeepalive) {
    for (field, time) in [("time", &keepalive.time), ("interval", &keepalive.interval)] {
        context.inside(field, time.as_ref(), |context, time| {
            duration(context, time);
            if time.subsec_nanos() != 0 {
                let seconds = time.as_secs().saturating_add(1);
                context.warn("rounded", format!("found {time:?}: probes are timed in seconds, taken as {seconds}s"));
            }
        });
    }
}

fn http(context: &mut Context<'_>, http: &HttpSettings) {
    let limits = [
        ("http1MaxPendingRequests", http.http1_max_pending_requests),
        ("http2MaxRequests", http.http2_max_requests),
        ("maxRequestsPerConnection", http.max_requests_per_connection),
        ("maxRetries", http.max_retries),
        ("maxConcurrentStreams", http.max_concurrent_streams),
    ];
    for (field, value) in limits {
        context.inside(field, value.as_ref(), common::limit);
    }
    context.inside("idleTimeout", http.idle_timeout.as_ref(), duration);
    if http.h2_upgrade_policy == Some(H2UpgradePolicy::Upgrade) && http.use_client_protocol == Some(true) {
        let message = "h2UpgradePolicy UPGRADE fixes the protocol, useClientProtocol follows the client; keep one";
        context.within("useClientProtocol", |context| context.refuse("conflict", message));
    }
    context.inside("http2KeepAlive", http.http2_keep_alive.as_ref(), |context, keepalive| {
        for (field, value) in [("interval", &keepalive.interval), ("timeout", &keepalive.timeout)] {
            match value {
                Some(value) => context.within(field, |context| duration(context, value)),
                None => {
                    context.refuse("missing-field", format!("wants `{field}`: pings need both interval and timeout"));
                }
            }
        }
    });
}

/// When an endpoint is left out for a while.
pub(crate) fn outlier_detection(context: &mut Context<'_>, outliers: &OutlierDetection) {
    context.inside("interval", outliers.interval.as_ref(), duration);
    context.inside("baseEjectionTime", outliers.base_ejection_time.as_ref(), duration);
    context.inside("maxEjectionPercent", outliers.max_ejection_percent.as_ref(), common::percent);
    context.inside("minHealthPercent", outliers.min_health_percent.as_ref(), common::percent);
    context.inside("consecutiveErrors", outliers.consecutive_errors.as_ref(), |context, _| {
        context.warn("deprecated", "has no effect; write consecutive5xxErrors or consecutiveGatewayErrors");
    });
    let split = outliers.split_external_local_origin_errors == Some(true);
    if !split && outliers.consecutive_local_origin_failures.is_some_and(|failures| failures > 0) {
        let message =
            "local failures count apart only with `splitExternalLocalOriginErrors: true`; add it, or leave this out";
        context.within("consecutiveLocalOriginFailures", |context| context.refuse("conflict", message));
    }
    context.each("outlierDetectionHttpErrorCodes", &outliers.outlier_detection_http_error_codes, |context, range| {
        let (start, end) = (range.start.unwrap_or_default(), range.end.unwrap_or_default());
        if !(100..600).contains(&start) || !(100..=600).contains(&end) || start > end {
            context.refuse(
                "out-of-range",
                format!("found {start} to {end}, allowed: status codes, the first not above the last"),
            );
        }
    });
}
