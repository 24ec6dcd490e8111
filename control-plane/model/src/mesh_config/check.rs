//! What a MeshConfig may say.

use super::document::{AccessLogEncoding, MeshConfigDocument};
use crate::context::Context;
use crate::validate::{
    Nobody, connection_pool, domain, duration, duration_or_off, export_to, label, locality, outlier_detection, retry,
    tcp_keepalive,
};

pub(super) fn check(context: &mut Context<'_>, config: &MeshConfigDocument) {
    context
        .inside("trustDomain", config.trust_domain.as_ref(), |context, name| context.require("bad-name", domain(name)));
    context.each("trustDomainAliases", &config.trust_domain_aliases, |context, name| {
        context.require("bad-name", domain(name));
    });
    context.inside("rootNamespace", config.root_namespace.as_ref(), |context, name| {
        context.require("bad-name", label(name));
    });
    context.inside("connectTimeout", config.connect_timeout.as_ref(), duration);
    context.inside("dnsRefreshRate", config.dns_refresh_rate.as_ref(), duration);
    context.inside("protocolDetectionTimeout", config.protocol_detection_timeout.as_ref(), duration_or_off);
    context.inside("tcpKeepalive", config.tcp_keepalive.as_ref(), tcp_keepalive);
    context.inside("localityLbSetting", config.locality_lb_setting.as_ref(), locality);
    context.inside("defaultHttpRetryPolicy", config.default_http_retry_policy.as_ref(), retry);
    context.inside("defaultTrafficPolicy", config.default_traffic_policy.as_ref(), |context, policy| {
        context.inside("connectionPool", policy.connection_pool.as_ref(), connection_pool);
        context.inside("outlierDetection", policy.outlier_detection.as_ref(), outlier_detection);
    });
    visibility(context, config);
    outbound(context, config);
    access_log(context, config);
    context.inside("defaultConfig", config.default_config.as_ref(), |context, proxy| {
        context.inside("concurrency", proxy.concurrency.as_ref(), |context, threads| {
            if *threads < 0 {
                context.refuse("out-of-range", format!("found {threads}, allowed: 0 (one a core) and more"));
            }
        });
    });
}

fn visibility(context: &mut Context<'_>, config: &MeshConfigDocument) {
    // Services may be for nobody until they say otherwise; rules could then never be found.
    export_to(context, "defaultServiceExportTo", &config.default_service_export_to, Nobody::Allowed);
    export_to(context, "defaultVirtualServiceExportTo", &config.default_virtual_service_export_to, Nobody::Refused);
    export_to(context, "defaultDestinationRuleExportTo", &config.default_destination_rule_export_to, Nobody::Refused);
}

/// Names of a whole mesh's egress are a Sidecar's matter: an egress proxy for all would send its own traffic to itself.
fn outbound(context: &mut Context<'_>, config: &MeshConfigDocument) {
    context.inside("outboundTrafficPolicy", config.outbound_traffic_policy.as_ref(), |context, policy| {
        context.inside("egressProxy", policy.egress_proxy.as_ref(), |context, _| {
            context.refuse("not-supported", "a mesh has no egress proxy; give it in Sidecars");
        });
    });
}

fn access_log(context: &mut Context<'_>, config: &MeshConfigDocument) {
    context.inside("accessLogFile", config.access_log_file.as_ref(), |context, file| {
        if !file.is_empty() && !file.starts_with('/') {
            context.refuse(
                "bad-value",
                format!("found \"{file}\", allowed: an absolute path such as /dev/stdout, or nothing"),
            );
        }
    });
    context.inside("accessLogFormat", config.access_log_format.as_ref(), |context, format| {
        let json = config.access_log_encoding == Some(AccessLogEncoding::Json) && !format.is_empty();
        if json && !serde_json::from_str::<serde_json::Value>(format).is_ok_and(|value| value.is_object()) {
            context.refuse("bad-value", "accessLogEncoding is JSON, so the format must be a JSON object; or use TEXT");
        }
    });
}
