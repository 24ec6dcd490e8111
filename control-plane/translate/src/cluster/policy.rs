//! Limits, keepalive and ejection.

use ferro_model::istio::{ConnectionPool, OutlierDetection as Ejection};
use ferro_model::mesh::{EffectiveDestinationRule, TrafficBlocks};
use ferro_model::mesh_config::MeshConfig;
use ferro_xds_protos::wkt;

use crate::finding::Code;
use crate::output::Output;
use crate::pb::cluster::{
    CircuitBreakers, Cluster, OutlierDetection, UpstreamConnectionOptions, circuit_breakers, cluster,
};
use crate::pb::core::TcpKeepalive;
use crate::pb::types::v3::Percent;

/// Istio's "no limit": Envoy's own defaults of 1,024 have surprised too many.
const UNLIMITED: u32 = u32::MAX;

/// Sets what the policy says about connections, retries and ejection.
pub(super) fn apply(config: &MeshConfig, policy: &TrafficBlocks<'_>, cluster: &mut Cluster) {
    let pool = policy.connection_pool;
    if let Some(timeout) = pool.and_then(|pool| pool.tcp.as_ref()).and_then(|tcp| tcp.connect_timeout) {
        cluster.connect_timeout = Some(wkt::duration(timeout));
    }
    cluster.circuit_breakers =
        Some(CircuitBreakers { thresholds: vec![limits(pool, policy)], ..CircuitBreakers::default() });
    cluster.upstream_connection_options = keepalive(config, pool);
    if let Some(ejection) = policy.outlier_detection {
        cluster.outlier_detection = Some(outliers(ejection));
        let threshold = f64::from(ejection.min_health_percent.unwrap_or(0).clamp(0, 100));
        let common = cluster.common_lb_config.get_or_insert_with(cluster::CommonLbConfig::default);
        common.healthy_panic_threshold = Some(Percent { value: threshold });
    }
}

fn limits(pool: Option<&ConnectionPool>, policy: &TrafficBlocks<'_>) -> circuit_breakers::Thresholds {
    let tcp = pool.and_then(|pool| pool.tcp.as_ref());
    let http = pool.and_then(|pool| pool.http.as_ref());
    let limit = |limit: Option<i32>| {
        let positive = limit.and_then(|limit| u32::try_from(limit).ok()).filter(|limit| *limit > 0);
        Some(wkt::uint32(positive.unwrap_or(UNLIMITED)))
    };
    let budget = policy.retry_budget.map(|budget| circuit_breakers::thresholds::RetryBudget {
        budget_percent: Some(Percent { value: budget.percent.map_or(20.0, |percent| percent.0) }),
        min_retry_concurrency: Some(wkt::uint32(budget.min_retry_concurrency.unwrap_or(3))),
        budget_interval: budget.budget_interval.map(wkt::duration),
    });
    circuit_breakers::Thresholds {
        max_connections: limit(tcp.and_then(|tcp| tcp.max_connections)),
        max_pending_requests: limit(http.and_then(|http| http.http1_max_pending_requests)),
        max_requests: limit(http.and_then(|http| http.http2_max_requests)),
        max_retries: limit(http.and_then(|http| http.max_retries)),
        retry_budget: budget,
        ..circuit_breakers::Thresholds::default()
    }
}

// Field by field, the mesh's where the rule is silent.
fn keepalive(config: &MeshConfig, pool: Option<&ConnectionPool>) -> Option<UpstreamConnectionOptions> {
    let own = pool.and_then(|pool| pool.tcp.as_ref()).and_then(|tcp| tcp.tcp_keepalive.as_ref());
    let mesh = config.tcp_keepalive.as_ref();
    if own.is_none() && mesh.is_none() {
        return None;
    }
    // Rounded up, as validation tells: 0 is a time that no socket takes.
    let seconds = |time: std::time::Duration| {
        let whole = time.as_secs() + u64::from(time.subsec_nanos() > 0);
        wkt::uint32(u32::try_from(whole).unwrap_or(u32::MAX))
    };
    let both = [own, mesh];
    let pick = || both.iter().flatten();
    let keepalive = TcpKeepalive {
        keepalive_probes: pick().find_map(|found| found.probes).map(wkt::uint32),
        keepalive_time: pick().find_map(|found| found.time).map(seconds),
        keepalive_interval: pick().find_map(|found| found.interval).map(seconds),
    };
    Some(UpstreamConnectionOptions { tcp_keepalive: Some(keepalive), ..UpstreamConnectionOptions::default() })
}

// What is asked for is enforced always; zero switches a reason off; the rest is Envoy's default, except that ejecting by
// success rate is off, which nobody asked for.
fn outliers(ejection: &Ejection) -> OutlierDetection {
    const ALWAYS: u32 = 100;
    let enforced = |count: Option<u32>| count.map(|count| if count == 0 { 0 } else { ALWAYS }).map(wkt::uint32);
    let count = |count: Option<u32>| count.filter(|count| *count > 0).map(wkt::uint32);
    let split = ejection.split_external_local_origin_errors.unwrap_or(false);
    OutlierDetection {
        consecutive_5xx: count(ejection.consecutive5xx_errors),
        enforcing_consecutive_5xx: enforced(ejection.consecutive5xx_errors),
        consecutive_gateway_failure: count(ejection.consecutive_gateway_errors),
        enforcing_consecutive_gateway_failure: enforced(ejection.consecutive_gateway_errors),
        split_external_local_origin_errors: split,
        // Once split, local errors have a success rate of their own.
        enforcing_local_origin_success_rate: split.then(|| wkt::uint32(0)),
        consecutive_local_origin_failure: count(ejection.consecutive_local_origin_failures),
        enforcing_consecutive_local_origin_failure: enforced(ejection.consecutive_local_origin_failures),
        enforcing_success_rate: Some(wkt::uint32(0)),
        interval: ejection.interval.map(wkt::duration),
        base_ejection_time: ejection.base_ejection_time.map(wkt::duration),
        max_ejection_percent: ejection
            .max_ejection_percent
            .and_then(|percent| u32::try_from(percent).ok())
            .filter(|percent| *percent > 0)
            .map(wkt::uint32),
        ..OutlierDetection::default()
    }
}

/// Says what a rule asks for that balances or ejects otherwise than asked, without being unsafe.
pub(super) fn unsupported(rule: &EffectiveDestinationRule, out: &mut Output) {
    let Some(object) = rule.sources.first() else { return };
    let subsets = rule.subsets.iter().filter_map(|subset| subset.traffic_policy.as_ref());
    let policies = rule.traffic_policy.iter().chain(subsets);
    let (mut zones, mut codes) = (false, false);
    for policy in policies {
        let ports = || policy.port_level_settings.iter();
        let mut balancers = policy.load_balancer.iter().chain(ports().filter_map(|port| port.load_balancer.as_ref()));
        let mut ejections =
            policy.outlier_detection.iter().chain(ports().filter_map(|port| port.outlier_detection.as_ref()));
        zones |= balancers.any(|balancer| balancer.zone_aware_lb_setting.is_some());
        codes |= ejections.any(|ejection| !ejection.outlier_detection_http_error_codes.is_empty());
    }
    if zones {
        let message = "zone-aware balancing is not supported yet; endpoints are chosen without regard to zones";
        out.find(Code::Unsupported, object, "trafficPolicy.loadBalancer.zoneAwareLbSetting", message);
    }
    if codes {
        let message = "choosing statuses is not supported yet; every 5xx counts";
        out.find(Code::Unsupported, object, "trafficPolicy.outlierDetection.outlierDetectionHttpErrorCodes", message);
    }
}
