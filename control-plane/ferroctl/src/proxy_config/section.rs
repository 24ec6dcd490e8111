//! The parts of what Envoy's admin interface tells: pure.

use std::collections::BTreeMap;

use serde_json::Value;

#[cfg(test)]
mod tests;

/// One part.
pub(super) struct Section {
    /// The page of the admin interface that holds it.
    pub(super) page: &'static str,
    /// Which entries of the page.
    find: fn(&Value) -> Vec<&Value>,
    pub(super) header: &'static [&'static str],
    /// The rows of an entry.
    pub(super) rows: fn(&Value) -> Vec<Vec<String>>,
}

// === impl Section ===

impl Section {
    /// The entries of this part and nothing else.
    pub(super) fn entries<'a>(&self, page: &'a Value) -> Vec<&'a Value> {
        (self.find)(page)
    }
}

const DUMP: &str = "/config_dump";

pub(super) const LISTENERS: Section = Section {
    page: DUMP,
    find: |dump| of_dump(dump, "dynamic_listeners"),
    header: &["NAME", "ADDRESS", "VERSION"],
    rows: |entry| vec![listener(entry)],
};

pub(super) const ROUTES: Section = Section {
    page: DUMP,
    find: |dump| of_dump(dump, "dynamic_route_configs"),
    header: &["ROUTE CONFIGURATION", "VIRTUAL HOST", "DOMAINS", "MATCH", "TO"],
    rows: routes,
};

pub(super) const CLUSTERS: Section = Section {
    page: DUMP,
    find: |dump| of_dump(dump, "dynamic_active_clusters"),
    header: &["NAME", "TYPE", "VERSION"],
    rows: |entry| vec![cluster(entry)],
};

pub(super) const ECDS: Section = Section {
    page: DUMP,
    find: |dump| of_dump(dump, "ecds_filters"),
    header: &["NAME", "TYPE", "VERSION"],
    rows: |entry| vec![extension(entry)],
};

pub(super) const ENDPOINTS: Section = Section {
    page: "/clusters?format=json",
    find: |page| page["cluster_statuses"].as_array().into_iter().flatten().collect(),
    header: &["ENDPOINT", "HEALTH", "OUTLIER", "CLUSTER"],
    rows: endpoints,
};

/// The entries under `key` of every section of a configuration dump.
fn of_dump<'a>(dump: &'a Value, key: &str) -> Vec<&'a Value> {
    let sections = dump["configs"].as_array().into_iter().flatten();
    sections.flat_map(|section| section[key].as_array().into_iter().flatten()).collect()
}

/// The level of every logger, of a page that is text: `  upstream: info`.
pub(super) fn levels(page: &str) -> BTreeMap<String, String> {
    let pairs = page.lines().filter_map(|line| line.strip_prefix(' ')?.split_once(": "));
    pairs.map(|(logger, level)| (logger.trim().to_owned(), level.trim().to_owned())).collect()
}

fn listener(entry: &Value) -> Vec<String> {
    let active = &entry["active_state"];
    let socket = &active["listener"]["address"]["socket_address"];
    vec![
        text(&entry["name"]),
        format!("{}:{}", text(&socket["address"]), socket["port_value"]),
        text(&active["version_info"]),
    ]
}

fn cluster(entry: &Value) -> Vec<String> {
    let cluster = &entry["cluster"];
    // One of the two; the default of `type` is not printed.
    let kind = [&cluster["cluster_type"]["name"], &cluster["type"]].into_iter().find_map(Value::as_str);
    vec![text(&cluster["name"]), kind.unwrap_or("STATIC").to_owned(), text(&entry["version_info"])]
}

fn extension(entry: &Value) -> Vec<String> {
    let filter = &entry["ecds_filter"];
    vec![text(&filter["name"]), text(&filter["typed_config"]["@type"]), text(&entry["version_info"])]
}

fn routes(entry: &Value) -> Vec<Vec<String>> {
    let config = &entry["route_config"];
    let hosts = config["virtual_hosts"].as_array().into_iter().flatten();
    let rows = hosts.flat_map(|host| host["routes"].as_array().into_iter().flatten().map(move |route| (host, route)));
    rows.map(|(host, route)| {
        let domains: Vec<String> = host["domains"].as_array().into_iter().flatten().map(text).collect();
        let shown = match domains.as_slice() {
            [first, _, ..] => format!("{first} +{}", domains.len() - 1),
            _ => domains.join(""),
        };
        vec![text(&config["name"]), text(&host["name"]), shown, matches(&route["match"]), destination(route)]
    })
    .collect()
}

fn matches(route_match: &Value) -> String {
    let Some(fields) = route_match.as_object() else { return String::new() };
    fields
        .iter()
        .map(|(key, value)| format!("{key}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect::<Vec<_>>()
        .join(" ")
}

fn destination(route: &Value) -> String {
    let action = &route["route"];
    if let Some(cluster) = action["cluster"].as_str() {
        return cluster.to_owned();
    }
    if let Some(clusters) = action["weighted_clusters"]["clusters"].as_array() {
        return clusters
            .iter()
            .map(|cluster| format!("{} {}", cluster["weight"], text(&cluster["name"])))
            .collect::<Vec<_>>()
            .join(", ");
    }
    ["redirect", "direct_response"]
        .iter()
        .find(|key| !route[**key].is_null())
        .map_or_else(String::new, |key| format!("{key} {}", route[*key]))
}

fn endpoints(status: &Value) -> Vec<Vec<String>> {
    let hosts = status["host_statuses"].as_array().into_iter().flatten();
    hosts.map(|host| endpoint(host, &status["name"])).collect()
}

fn endpoint(host: &Value, cluster: &Value) -> Vec<String> {
    let socket = &host["address"]["socket_address"];
    let ejected = if host["health_status"]["failed_outlier_check"].as_bool() == Some(true) { "EJECTED" } else { "OK" };
    let health = host["health_status"]["eds_health_status"].as_str().unwrap_or("-");
    vec![
        format!("{}:{}", text(&socket["address"]), socket["port_value"]),
        health.to_owned(),
        ejected.to_owned(),
        text(cluster),
    ]
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
