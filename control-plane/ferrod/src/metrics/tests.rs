use std::collections::BTreeMap;
use std::time::Duration;

use ferro_xds_protos::Kind;

use super::Metrics;

/// Families: name, type, and the names of their labels.
const EXPOSED: [(&str, &str, &str); 25] = [
    ("ferro_findings", "gauge", "code"),
    ("ferro_objects", "gauge", "kind"),
    ("ferro_publish_seconds", "histogram", ""),
    ("ferro_revision", "gauge", ""),
    ("ferro_views", "gauge", ""),
    ("ferro_xds_sent_bytes", "counter", "type"),
    ("istio_build", "gauge", "component,tag"),
    ("pilot_destrule_subsets", "gauge", ""),
    ("pilot_duplicate_envoy_clusters", "gauge", ""),
    ("pilot_info", "gauge", "version"),
    ("pilot_proxy_convergence_time", "histogram", ""),
    ("pilot_services", "gauge", ""),
    ("pilot_total_rejected_configs", "gauge", ""),
    ("pilot_total_xds_rejects", "counter", "type"),
    ("pilot_virt_services", "gauge", ""),
    ("pilot_vservice_dup_domain", "gauge", ""),
    ("pilot_xds", "gauge", "version"),
    ("pilot_xds_cds_reject", "gauge", "err,node"),
    ("pilot_xds_config_size_bytes", "histogram", "type"),
    ("pilot_xds_eds_reject", "gauge", "err,node"),
    ("pilot_xds_expired_nonce", "counter", "type"),
    ("pilot_xds_lds_reject", "gauge", "err,node"),
    ("pilot_xds_push_time", "histogram", "type"),
    ("pilot_xds_pushes", "counter", "type"),
    ("pilot_xds_rds_reject", "gauge", "err,node"),
];

/// Metrics in which every family has a series.
fn used() -> Metrics {
    let metrics = Metrics::new().unwrap();
    for kind in [Kind::Cluster, Kind::Endpoint, Kind::Listener, Kind::Route] {
        metrics.refused(kind, "sidecar~1", 13);
    }
    metrics.connected.with_label_values(&["1.0"]).set(1);
    metrics.objects.with_label_values(&["Service"]).set(1);
    metrics.findings.with_label_values(&["conflict"]).set(0);
    metrics
}

/// Type and label names of every family in the text, as a scraper reads it.
fn families(text: &str) -> BTreeMap<String, (String, String)> {
    let mut found: BTreeMap<String, (String, String)> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            found.insert(name.to_owned(), (kind.to_owned(), String::new()));
        } else if !line.starts_with('#') {
            let series = line.split(' ').next().unwrap_or_default();
            let (name, labels) = series.trim_end_matches('}').split_once('{').unwrap_or((series, ""));
            let name = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            let names: Vec<&str> = labels
                .split(',')
                .filter_map(|label| Some(label.split_once('=')?.0))
                .filter(|name| *name != "le")
                .collect();
            found.get_mut(name).unwrap_or_else(|| panic!("{line} has no type")).1 = names.join(",");
        }
    }
    found
}

#[test]
fn the_exposition_has_these_names_types_and_labels() {
    let expected: BTreeMap<String, (String, String)> = EXPOSED
        .iter()
        .map(|(name, kind, labels)| ((*name).to_owned(), ((*kind).to_owned(), (*labels).to_owned())))
        .collect();
    assert_eq!(families(&used().render()), expected);
}

#[test]
fn types_are_written_as_istiod_writes_them_and_are_there_before_anything_happens() {
    let text = Metrics::new().unwrap().render();
    for kind in ["cds", "eds", "sds", "ecds", "lds", "rds", "vhds", "rtds", "nds"] {
        for family in ["pilot_xds_pushes", "pilot_total_xds_rejects", "pilot_xds_expired_nonce"] {
            assert!(text.contains(&format!("\n{family}{{type=\"{kind}\"}} 0\n")), "{family} {kind}: {text}");
        }
    }
}

#[test]
fn what_happens_is_counted() {
    let metrics = Metrics::new().unwrap();
    metrics.sent(Kind::Cluster, 20_000, Some(Duration::from_millis(20)));
    metrics.sent(Kind::Cluster, 1, None);
    metrics.answered_late(Kind::Route);
    metrics.refused(Kind::Listener, "sidecar~1", 3);
    metrics.converged(Duration::from_secs(4));
    let text = metrics.render();
    for line in [
        "pilot_xds_pushes{type=\"cds\"} 2",
        "ferro_xds_sent_bytes{type=\"cds\"} 20001",
        "pilot_xds_config_size_bytes_bucket{type=\"cds\",le=\"10000\"} 1",
        "pilot_xds_push_time_count{type=\"cds\"} 1",
        "pilot_xds_push_time_bucket{type=\"cds\",le=\"0.025\"} 1",
        "pilot_xds_push_time_bucket{type=\"cds\",le=\"0.01\"} 0",
        "pilot_xds_expired_nonce{type=\"rds\"} 1",
        "pilot_total_xds_rejects{type=\"lds\"} 1",
        "pilot_xds_lds_reject{err=\"InvalidArgument\",node=\"sidecar~1\"} 1",
        "pilot_proxy_convergence_time_bucket{le=\"5\"} 1",
        "pilot_proxy_convergence_time_bucket{le=\"3\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
}

#[test]
fn a_proxy_that_is_gone_leaves_no_series() {
    let metrics = used();
    assert!(metrics.render().contains("sidecar~1"));
    metrics.gone("sidecar~1");
    assert!(!metrics.render().contains("sidecar~1"));
}
