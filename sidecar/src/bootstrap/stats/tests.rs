use regex::Regex;
use serde_json::Value;

use super::stats_config;

/// Takes a name apart as Envoy does: every rule looks at the whole name, then what the rules cut out is removed.
fn taken_apart(name: &str) -> (String, Vec<(String, String)>) {
    let config = stats_config();
    let mut cut = vec![false; name.len()];
    let mut labels = Vec::new();
    for rule in config["stats_tags"].as_array().unwrap() {
        let text = |field: &Value| field.as_str().unwrap().to_owned();
        let Some(found) = Regex::new(&text(&rule["regex"])).unwrap().captures(name) else { continue };
        cut[found.get(1).unwrap().range()].fill(true);
        labels.push((text(&rule["tag_name"]), found[2].to_owned()));
    }
    let kept = name.char_indices().filter(|(at, _)| !cut[*at]).map(|(_, character)| character).collect();
    (kept, labels)
}

fn check(name: &str, kept: &str, labels: &[(&str, &str)]) {
    let (found, found_labels) = taken_apart(name);
    assert_eq!(found, kept, "{name}");
    let found_labels: Vec<(&str, &str)> = found_labels.iter().map(|(tag, value)| (&**tag, &**value)).collect();
    assert_eq!(found_labels, labels, "{name}");
}

#[test]
fn a_cluster_is_a_label_with_all_its_dots() {
    let name = "outbound|9080|v1|reviews.default.svc.cluster.local";
    check(&format!("cluster.{name};.upstream_cx_total"), "cluster.upstream_cx_total", &[("cluster_name", name)]);
}

#[test]
fn status_codes_and_their_classes_are_labels() {
    let cluster = ("cluster_name", "inbound|8080||");
    check("cluster.inbound|8080||;.upstream_rq_503", "cluster.upstream_rq", &[cluster, ("response_code", "503")]);
    check("cluster.inbound|8080||;.upstream_rq_5xx", "cluster.upstream_rq", &[cluster, ("response_code_class", "5xx")]);
}

#[test]
fn a_listener_and_what_it_serves_are_labels() {
    check(
        "listener.0.0.0.0_15006.downstream_cx_total",
        "listener.downstream_cx_total",
        &[("listener_address", "0.0.0.0_15006")],
    );
    check("listener.[__1]_80.downstream_cx_total", "listener.downstream_cx_total", &[("listener_address", "[__1]_80")]);
    check(
        "http.outbound_0.0.0.0_80;.downstream_rq_2xx",
        "http.downstream_rq",
        &[("http_conn_manager_prefix", "outbound_0.0.0.0_80"), ("response_code_class", "2xx")],
    );
    check(
        "tcp.outbound|9000||db.shop;.downstream_cx_total",
        "tcp.downstream_cx_total",
        &[("tcp_prefix", "outbound|9000||db.shop")],
    );
}

#[test]
fn counters_of_the_wasm_filter_become_a_metric_with_labels() {
    check(
        "wasmcustom.ferro_requests_total;reporter=destination;route=default.api/v1;response_class=2xx",
        "wasmcustom.ferro_requests_total",
        &[("reporter", "destination"), ("route", "default.api/v1"), ("response_class", "2xx")],
    );
    check(
        "wasmcustom.ferro_requests_total;reporter=source;route=;response_class=none",
        "wasmcustom.ferro_requests_total",
        &[("reporter", "source"), ("route", ""), ("response_class", "none")],
    );
}

#[test]
fn names_without_a_variable_part_stay_as_they_are() {
    for name in
        ["server.live", "cluster_manager.cds.update_success", "listener_manager.lds.version", "runtime.load_success"]
    {
        check(name, name, &[]);
    }
}
