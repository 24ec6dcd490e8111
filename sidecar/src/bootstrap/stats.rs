//! How Envoy's dotted stat names become labels.
//!
//! Envoy's own tag rules cut a name at its first dot, but cluster names in a mesh are host names. So every name that is
//! a label ends in `;` (Istio's convention, istio-coverage.md §0) and the rules below cut there. Label names are
//! Istio's too: `cluster_name`, not Envoy's `envoy_cluster_name`.

use serde_json::{Value, json};

#[cfg(test)]
mod tests;

/// The labels of `ferro_requests_total` and its kin, the counters of our Wasm filter.
const WASM_LABELS: [&str; 3] = ["reporter", "route", "response_class"];

/// The tag rules; the first group is cut out of the name, the second is the label's value.
const TAGS: [(&str, &str); 10] = [
    ("cluster_name", r"^cluster(\.(.+?);)"),
    ("http_conn_manager_prefix", r"^http(\.(.+?);)"),
    ("tcp_prefix", r"^tcp(\.(.+?);)"),
    ("response_code", r"_rq(_(\d{3}))$"),
    ("response_code_class", r"_rq(_(\dxx))$"),
    ("listener_address", r"^listener(\.((?:[0-9.]+|\[[0-9a-fA-F_]+\])_\d+))"),
    ("http_conn_manager_listener_prefix", r"^listener\..*?\.http(\.(.+?);)"),
    ("worker", r"^(?:listener\..*?|listener_manager|server|dispatcher)\.(worker_(\d+)\.)"),
    ("rds_route_config", r"^http\..+?;\.rds(\.(.+))\.[a-z_]+$"),
    ("extension_config", r"^extension_config_discovery\.[a-z_]+(\.(.+))\.[a-z_]+$"),
];

/// Envoy's `StatsConfig`.
pub(super) fn stats_config() -> Value {
    let fixed = TAGS.iter().map(|(name, regex)| json!({ "tag_name": name, "regex": regex }));
    let wasm = WASM_LABELS.iter().map(
        |label| json!({ "tag_name": label, "regex": format!(r"^wasmcustom\.ferro_[a-z_]+.*?(;{label}=([^;]*))") }),
    );
    json!({
        "use_all_default_tags": false,
        "stats_tags": fixed.chain(wasm).collect::<Vec<_>>(),
        // The agent's own questions to the admin interface are nobody's traffic.
        "stats_matcher": { "exclusion_list": { "patterns": [
            { "prefix": "http.admin." },
            { "prefix": "listener.admin." },
        ] } },
    })
}
