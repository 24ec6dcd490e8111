use super::{accepts, refuses, warns};

const KIND: &str = "DestinationRule";
const AT: &str = "spec.trafficPolicy";

fn policy(fields: &str) -> String {
    format!("{{host: product, trafficPolicy: {{{fields}}}}}")
}

fn balancer(fields: &str) -> String {
    policy(&format!("loadBalancer: {{{fields}}}, outlierDetection: {{interval: 1s}}"))
}

#[test]
fn limits_are_not_negative() {
    for field in [
        "http1MaxPendingRequests",
        "http2MaxRequests",
        "maxRequestsPerConnection",
        "maxRetries",
        "maxConcurrentStreams",
    ] {
        accepts(KIND, &policy(&format!("connectionPool: {{http: {{{field}: 0}}}}")));
        refuses(
            KIND,
            &policy(&format!("connectionPool: {{http: {{{field}: -1}}}}")),
            &format!("{AT}.connectionPool.http.{field}"),
            "out-of-range",
        );
    }
    refuses(
        KIND,
        &policy("connectionPool: {tcp: {maxConnections: -1}}"),
        &format!("{AT}.connectionPool.tcp.maxConnections"),
        "out-of-range",
    );
}

#[test]
fn times_of_connections_are_whole_milliseconds() {
    accepts(
        KIND,
        &policy(
            "connectionPool: {tcp: {connectTimeout: 1s, idleTimeout: 0s, tcpKeepalive: {time: 7200s, interval: 75s}}}",
        ),
    );
    for field in ["connectTimeout: 0s", "maxConnectionDuration: 1us"] {
        let name = field.split(':').next().unwrap_or_default();
        refuses(
            KIND,
            &policy(&format!("connectionPool: {{tcp: {{{field}}}}}")),
            &format!("{AT}.connectionPool.tcp.{name}"),
            "out-of-range",
        );
    }
    let keepalive = policy("connectionPool: {tcp: {tcpKeepalive: {time: 1us}}}");
    refuses(KIND, &keepalive, &format!("{AT}.connectionPool.tcp.tcpKeepalive.time"), "out-of-range");
    refuses(
        KIND,
        &policy("connectionPool: {http: {idleTimeout: 0s}}"),
        &format!("{AT}.connectionPool.http.idleTimeout"),
        "out-of-range",
    );
}

#[test]
fn times_of_probes_are_rounded_up_to_seconds_and_that_is_told() {
    let keepalive = |field: &str| policy(&format!("connectionPool: {{tcp: {{tcpKeepalive: {{{field}: 500ms}}}}}}"));
    for field in ["time", "interval"] {
        warns(KIND, &keepalive(field), &format!("{AT}.connectionPool.tcp.tcpKeepalive.{field}"), "rounded");
    }
}

#[test]
fn a_budget_of_retries_is_a_share() {
    let budget = |percent: &str| policy(&format!("retryBudget: {{percent: {percent}}}"));
    for good in ["0", "20.5", "100", "{value: 100}"] {
        accepts(KIND, &budget(good));
    }
    for bad in ["-1", "100.5", "{value: 101}"] {
        refuses(KIND, &budget(bad), &format!("{AT}.retryBudget.percent"), "out-of-range");
    }
}

#[test]
fn the_protocol_is_fixed_or_follows_the_client() {
    let http = |fields: &str| policy(&format!("connectionPool: {{http: {{{fields}}}}}"));
    accepts(KIND, &http("h2UpgradePolicy: UPGRADE"));
    let place = format!("{AT}.connectionPool.http.useClientProtocol");
    refuses(KIND, &http("h2UpgradePolicy: UPGRADE, useClientProtocol: true"), &place, "conflict");
    accepts(KIND, &http("h2UpgradePolicy: DO_NOT_UPGRADE, useClientProtocol: true"));
}

#[test]
fn pings_have_an_interval_and_a_timeout() {
    let http = |fields: &str| policy(&format!("connectionPool: {{http: {{http2KeepAlive: {{{fields}}}}}}}"));
    accepts(KIND, &http("interval: 30s, timeout: 5s"));
    refuses(KIND, &http("interval: 30s"), &format!("{AT}.connectionPool.http.http2KeepAlive"), "missing-field");
}

#[test]
fn outliers_are_found_by_valid_figures() {
    let outliers = |fields: &str| policy(&format!("outlierDetection: {{{fields}}}"));
    accepts(
        KIND,
        &outliers(
            "consecutive5xxErrors: 5, interval: 10s, baseEjectionTime: 30s, maxEjectionPercent: 100, minHealthPercent: 50",
        ),
    );
    refuses(
        KIND,
        &outliers("maxEjectionPercent: 101"),
        &format!("{AT}.outlierDetection.maxEjectionPercent"),
        "out-of-range",
    );
    refuses(
        KIND,
        &outliers("minHealthPercent: -1"),
        &format!("{AT}.outlierDetection.minHealthPercent"),
        "out-of-range",
    );
    refuses(KIND, &outliers("interval: 0s"), &format!("{AT}.outlierDetection.interval"), "out-of-range");
    let local = outliers("consecutiveLocalOriginFailures: 5");
    refuses(KIND, &local, &format!("{AT}.outlierDetection.consecutiveLocalOriginFailures"), "conflict");
    accepts(KIND, &outliers("splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 5"));
    let codes = outliers("outlierDetectionHttpErrorCodes: [{start: 503, end: 500}]");
    refuses(KIND, &codes, &format!("{AT}.outlierDetection.outlierDetectionHttpErrorCodes[0]"), "out-of-range");
    warns(KIND, &outliers("consecutiveErrors: 5"), &format!("{AT}.outlierDetection.consecutiveErrors"), "deprecated");
}

#[test]
fn endpoints_are_chosen_in_one_way() {
    accepts(KIND, &balancer("simple: ROUND_ROBIN"));
    accepts(KIND, &balancer("consistentHash: {httpCookie: {name: user, ttl: 0s}}"));
    let both = balancer("simple: RANDOM, consistentHash: {useSourceIp: true}");
    refuses(KIND, &both, &format!("{AT}.loadBalancer"), "conflict");
    refuses(KIND, &balancer("simple: FASTEST"), &format!("{AT}.loadBalancer.simple"), "wrong-type");
    let settings = balancer("localityLbSetting: {enabled: true}, zoneAwareLbSetting: {enabled: true}");
    refuses(KIND, &settings, &format!("{AT}.loadBalancer"), "conflict");
}

#[test]
fn hashes_are_made_of_one_thing() {
    let hash = |fields: &str| balancer(&format!("consistentHash: {{{fields}}}"));
    let place = format!("{AT}.loadBalancer.consistentHash");
    refuses(KIND, &hash("httpHeaderName: a, useSourceIp: true"), &place, "conflict");
    refuses(KIND, &hash("useSourceIp: true, ringHash: {}, maglev: {tableSize: 65537}"), &place, "conflict");
    refuses(KIND, &hash("httpCookie: {ttl: 1s}"), &format!("{place}.httpCookie"), "missing-field");
    let twice = hash("httpCookie: {name: a, attributes: [{name: b}, {name: b}]}");
    refuses(KIND, &twice, &format!("{place}.httpCookie.attributes[1]"), "duplicate");
    warns(KIND, &hash("useSourceIp: true, minimumRingSize: 1024"), &format!("{place}.minimumRingSize"), "deprecated");
    refuses(
        KIND,
        &hash("useSourceIp: true, minimumRingSize: 1, ringHash: {}"),
        &format!("{place}.minimumRingSize"),
        "conflict",
    );
}

#[test]
fn what_a_hash_is_made_of_has_a_name_that_envoy_takes() {
    let hash = |fields: &str| balancer(&format!("consistentHash: {{{fields}}}"));
    let place = format!("{AT}.loadBalancer.consistentHash");
    for field in ["httpHeaderName", "httpQueryParameterName"] {
        refuses(KIND, &hash(&format!("{field}: ''")), &format!("{place}.{field}"), "missing-field");
        refuses(KIND, &hash(&format!("{field}: \"a\\nb\"")), &format!("{place}.{field}"), "bad-name");
    }
    let attribute = hash("httpCookie: {name: a, attributes: [{name: b, value: \"a\\nb\"}]}");
    refuses(KIND, &attribute, &format!("{place}.httpCookie.attributes[0].value"), "bad-value");
}

#[test]
fn a_ring_is_as_large_as_envoy_can_hold() {
    let ring =
        |size: u64| balancer(&format!("consistentHash: {{useSourceIp: true, ringHash: {{minimumRingSize: {size}}}}}"));
    let place = format!("{AT}.loadBalancer.consistentHash");
    accepts(KIND, &ring(8_388_608));
    refuses(KIND, &ring(8_388_609), &format!("{place}.ringHash.minimumRingSize"), "out-of-range");
    let old = balancer("consistentHash: {useSourceIp: true, minimumRingSize: 8388609}");
    refuses(KIND, &old, &format!("{place}.minimumRingSize"), "out-of-range");
}

#[test]
fn a_maglev_table_is_a_prime_that_envoy_can_hold() {
    let table = |size: u64| balancer(&format!("consistentHash: {{useSourceIp: true, maglev: {{tableSize: {size}}}}}"));
    for prime in [2, 3, 65_537, 4_999_999] {
        accepts(KIND, &table(prime));
    }
    for bad in [0, 1, 4, 65_536, 5_000_011, u64::from(u32::MAX)] {
        refuses(KIND, &table(bad), &format!("{AT}.loadBalancer.consistentHash.maglev"), "out-of-range");
    }
}

#[test]
fn shares_of_localities_add_up_and_do_not_overlap() {
    let distribute = |entries: &str| balancer(&format!("localityLbSetting: {{distribute: [{entries}]}}"));
    let place = format!("{AT}.loadBalancer.localityLbSetting.distribute");
    accepts(KIND, &distribute("{from: r/z/*, to: {r/z/*: 70, r/y/*: 30}}, {from: 's/*', to: {'*': 100}}"));
    refuses(KIND, &distribute("{from: r, to: {r: 50, s: 49}}"), &format!("{place}[0].to"), "out-of-range");
    refuses(KIND, &distribute("{from: r, to: {r: 0, s: 100}}"), &format!("{place}[0].to.r"), "out-of-range");
    refuses(KIND, &distribute("{from: r, to: {r/z: 50, r: 50}}"), &format!("{place}[0].to.r/z"), "bad-name");
    refuses(
        KIND,
        &distribute("{from: r, to: {r: 100}}, {from: r/z, to: {r: 100}}"),
        &format!("{place}[1].from"),
        "bad-name",
    );
    refuses(KIND, &distribute("{from: r//z, to: {r: 100}}"), &format!("{place}[0].from"), "bad-name");
    refuses(KIND, &distribute("{from: '*/z', to: {r: 100}}"), &format!("{place}[0].from"), "bad-name");
    let both = balancer("localityLbSetting: {distribute: [{from: r, to: {r: 100}}], failover: [{from: a, to: b}]}");
    refuses(KIND, &both, &format!("{AT}.loadBalancer.localityLbSetting"), "conflict");
}

#[test]
fn failover_is_between_two_regions() {
    let failover = |entry: &str| balancer(&format!("localityLbSetting: {{failover: [{entry}]}}"));
    let place = format!("{AT}.loadBalancer.localityLbSetting.failover[0]");
    accepts(KIND, &failover("{from: a, to: b}"));
    refuses(KIND, &failover("{from: a, to: a}"), &place, "conflict");
    refuses(KIND, &failover("{from: a/z, to: b}"), &place, "bad-name");
    refuses(KIND, &failover("{from: a, to: '*'}"), &place, "bad-name");
}

#[test]
fn failover_without_outlier_detection_is_told_to_do_nothing() {
    let spec = policy("loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}]}}");
    warns(KIND, &spec, &format!("{AT}.loadBalancer.localityLbSetting"), "no-effect");
}

#[test]
fn regions_are_ordered_once() {
    let spec = balancer(
        "localityLbSetting: {failover: [{from: a, to: b}], failoverPriority: [topology.kubernetes.io/region]}",
    );
    refuses(KIND, &spec, &format!("{AT}.loadBalancer.localityLbSetting.failoverPriority[0]"), "conflict");
    let zones = balancer("zoneAwareLbSetting: {failoverPriority: [topology.kubernetes.io/zone]}");
    refuses(KIND, &zones, &format!("{AT}.loadBalancer.zoneAwareLbSetting.failoverPriority[0]"), "conflict");
}

#[test]
fn warmup_has_a_duration_and_a_possible_slope() {
    let warmup = |fields: &str| balancer(&format!("warmup: {{{fields}}}"));
    let place = format!("{AT}.loadBalancer.warmup");
    accepts(KIND, &warmup("duration: 60s, minimumPercent: 10, aggression: 1.5"));
    refuses(KIND, &warmup("minimumPercent: 10"), &place, "missing-field");
    refuses(KIND, &warmup("duration: 60s, minimumPercent: 100.5"), &format!("{place}.minimumPercent"), "out-of-range");
    refuses(KIND, &warmup("duration: 60s, aggression: 0"), &format!("{place}.aggression"), "out-of-range");
}
