//! How an endpoint is chosen.

use ferro_model::istio::{ConsistentHash, LoadBalancer, SimpleLb, Warmup};
use ferro_model::mesh::TrafficBlocks;
use ferro_model::object::ObjectKey;
use ferro_xds_protos::wkt;

use crate::cluster::{Discovery, Planned};
use crate::endpoint::locality::Preference;
use crate::finding::Code;
use crate::output::Output;
use crate::pb::cluster::{Cluster, cluster};
use crate::pb::core::RuntimeDouble;
use crate::pb::types::v3::Percent;
use cluster::{LbConfig, LbPolicy};

/// `PASSTHROUGH` asks for no choice at all: the endpoint the caller addressed. Without an address (HTTP proxy) there is a choice.
pub(super) fn original_destination(policy: &TrafficBlocks<'_>, addressed: bool) -> Option<Discovery> {
    let simple = policy.load_balancer.and_then(|balancer| balancer.simple);
    (addressed && simple == Some(SimpleLb::Passthrough)).then_some(Discovery::OriginalDst)
}

/// Says so where `PASSTHROUGH` cannot be had.
pub(super) fn without_address(rule: &ObjectKey, planned: &Planned<'_>, out: &mut Output) {
    let asked = planned.policy.load_balancer.and_then(|balancer| balancer.simple) == Some(SimpleLb::Passthrough);
    let why = match planned.discovery {
        Discovery::OriginalDst | Discovery::ForwardProxy | Discovery::Refused => return,
        Discovery::StrictDns | Discovery::LogicalDns => "its endpoints are names, which Envoy resolves",
        Discovery::Eds => "calls come to this proxy without the address of an endpoint",
    };
    if asked {
        let message = format!("PASSTHROUGH has no effect on {}: {why}; LEAST_REQUEST stands in", planned.name);
        out.find(Code::Unsupported, rule, "trafficPolicy.loadBalancer.simple", message);
    }
}

/// Sets the policy by which the cluster's endpoints are chosen.
pub(super) fn apply(
    policy: &TrafficBlocks<'_>,
    preference: Option<&Preference<'_>>,
    discovery: Discovery,
    cluster: &mut Cluster,
) {
    if matches!(discovery, Discovery::OriginalDst | Discovery::ForwardProxy) {
        return;
    }
    if preference.is_some_and(Preference::weighs) {
        let weighted = cluster::common_lb_config::LocalityWeightedLbConfig {};
        let common = cluster.common_lb_config.get_or_insert_with(cluster::CommonLbConfig::default);
        common.locality_config_specifier =
            Some(cluster::common_lb_config::LocalityConfigSpecifier::LocalityWeightedLbConfig(weighted));
    }
    let balancer = policy.load_balancer;
    match balancer.and_then(|balancer| balancer.consistent_hash.as_ref()) {
        Some(hash) => consistent(hash, cluster),
        None => simple(balancer, cluster),
    }
}

fn simple(balancer: Option<&LoadBalancer>, cluster: &mut Cluster) {
    let warmup = balancer.and_then(|balancer| balancer.warmup.clone().or_else(|| deprecated(balancer)));
    let slow_start = warmup.as_ref().map(slow_start);
    let kind = balancer.and_then(|balancer| balancer.simple).unwrap_or_default();
    let (policy, config) = match kind {
        SimpleLb::RoundRobin => {
            let config = cluster::RoundRobinLbConfig { slow_start_config: slow_start };
            (LbPolicy::RoundRobin, warmup.map(|_| LbConfig::RoundRobinLbConfig(config)))
        }
        SimpleLb::Random => (LbPolicy::Random, None),
        SimpleLb::Unspecified | SimpleLb::LeastConn | SimpleLb::LeastRequest | SimpleLb::Passthrough => {
            let config = cluster::LeastRequestLbConfig { slow_start_config: slow_start, ..Default::default() };
            (LbPolicy::LeastRequest, warmup.map(|_| LbConfig::LeastRequestLbConfig(config)))
        }
    };
    cluster.lb_policy = policy.into();
    cluster.lb_config = config;
}

fn consistent(hash: &ConsistentHash, cluster: &mut Cluster) {
    /// Istio's default, far above Envoy's minimum: a small ring shares traffic unevenly.
    const RING: u64 = 1024;
    let ring = |size: u64| {
        LbConfig::RingHashLbConfig(cluster::RingHashLbConfig {
            minimum_ring_size: Some(wkt::uint64(size)),
            ..Default::default()
        })
    };
    let (policy, config) = match &hash.maglev {
        Some(maglev) => {
            let config = cluster::MaglevLbConfig { table_size: maglev.table_size.map(wkt::uint64) };
            (LbPolicy::Maglev, LbConfig::MaglevLbConfig(config))
        }
        None => {
            let declared = hash.ring_hash.as_ref().and_then(|ring| ring.minimum_ring_size);
            (LbPolicy::RingHash, ring(declared.or(hash.minimum_ring_size).filter(|size| *size > 0).unwrap_or(RING)))
        }
    };
    cluster.lb_policy = policy.into();
    cluster.lb_config = Some(config);
}

fn deprecated(balancer: &LoadBalancer) -> Option<Warmup> {
    balancer.warmup_duration_secs.map(|duration| Warmup { duration: Some(duration), ..Warmup::default() })
}

fn slow_start(warmup: &Warmup) -> cluster::SlowStartConfig {
    const PERCENT: f64 = 10.0;
    const AGGRESSION: f64 = 1.0;
    cluster::SlowStartConfig {
        slow_start_window: warmup.duration.map(wkt::duration),
        aggression: Some(RuntimeDouble {
            default_value: warmup.aggression.unwrap_or(AGGRESSION),
            ..Default::default()
        }),
        min_weight_percent: Some(Percent { value: warmup.minimum_percent.unwrap_or(PERCENT) }),
    }
}
