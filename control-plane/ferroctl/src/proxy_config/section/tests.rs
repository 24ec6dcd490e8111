use serde_json::{Value, json};

use super::{CLUSTERS, ENDPOINTS, LISTENERS, Section, levels};

fn dump() -> Value {
    json!({ "configs": [
        { "bootstrap": {} },
        { "dynamic_active_clusters": [
            { "version_info": "1", "cluster": { "name": "eds", "type": "EDS" } },
            { "version_info": "2", "cluster": {
                "name": "wild", "cluster_type": { "name": "envoy.clusters.dynamic_forward_proxy" },
            } },
            { "version_info": "3", "cluster": { "name": "fixed" } },
        ] },
        { "dynamic_listeners": [{ "name": "inbound", "active_state": {} }] },
    ] })
}

fn rows(section: &Section, page: &Value) -> Vec<Vec<String>> {
    section.entries(page).into_iter().flat_map(|entry| (section.rows)(entry)).collect()
}

#[test]
fn a_cluster_of_an_extension_is_shown_with_its_name() {
    let kinds: Vec<String> = rows(&CLUSTERS, &dump()).into_iter().map(|mut row| row.remove(1)).collect();
    assert_eq!(kinds, ["EDS", "envoy.clusters.dynamic_forward_proxy", "STATIC"]);
}

#[test]
fn a_section_holds_its_own_entries_and_nothing_else() {
    let dump = dump();
    assert_eq!(LISTENERS.entries(&dump), [&json!({ "name": "inbound", "active_state": {} })]);
    assert_eq!(CLUSTERS.entries(&dump).len(), 3);
    assert!(ENDPOINTS.entries(&dump).is_empty());
}

#[test]
fn a_host_that_is_ejected_is_told() {
    let page = json!({ "cluster_statuses": [{ "name": "eds", "host_statuses": [{
        "address": { "socket_address": { "address": "10.0.0.1", "port_value": 80 } },
        "health_status": { "eds_health_status": "HEALTHY", "failed_outlier_check": true },
    }] }] });
    assert_eq!(rows(&ENDPOINTS, &page), [["10.0.0.1:80", "HEALTHY", "EJECTED", "eds"]]);
}

#[test]
fn loggers_and_their_levels_are_read() {
    let found = levels("active loggers:\n  admin: info\n  upstream: debug\n");
    assert_eq!(
        found.into_iter().collect::<Vec<_>>(),
        [("admin".to_owned(), "info".to_owned()), ("upstream".to_owned(), "debug".to_owned()),]
    );
}
