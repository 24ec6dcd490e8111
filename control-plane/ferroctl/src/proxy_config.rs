//! What a proxy's Envoy really runs, read from its own admin interface.

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::Global;
use crate::local::request::{Method, from_inside};
use crate::local::state::State;
use crate::output::{Format, print};

/// A part of Envoy's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Listeners,
    Routes,
    Clusters,
    Endpoints,
    Ecds,
    /// Show or set log levels
    Log,
    /// The whole configuration dump
    All,
}

#[derive(Args)]
pub(crate) struct Arguments {
    /// What to show
    part: Part,
    /// The workload: `name` or `name.namespace`
    proxy: String,
    /// For `log`: a level for all loggers, or `logger=level`
    #[arg(long)]
    level: Option<String>,
}

pub(crate) fn run(global: &Global, arguments: &Arguments) -> Result<()> {
    let admin = Admin::of(global, &arguments.proxy)?;
    match arguments.part {
        Part::Log => log(&admin, arguments.level.as_deref()),
        Part::All => {
            let dump = admin.json("/config_dump?include_eds")?;
            print(if global.output == Format::Table { Format::Json } else { global.output }, &dump, &[], Vec::new())
        }
        Part::Endpoints => {
            let clusters = admin.json("/clusters?format=json")?;
            print(global.output, &clusters, &["ENDPOINT", "HEALTH", "OUTLIER", "CLUSTER"], endpoints(&clusters))
        }
        part => {
            let dump = admin.json("/config_dump")?;
            let (header, rows) = rows(part, &dump);
            print(global.output, &dump, header, rows)
        }
    }
}

/// The admin interface of one Envoy.
struct Admin {
    ip: String,
    netns: Option<String>,
}

impl Admin {
    fn of(global: &Global, proxy: &str) -> Result<Self> {
        if let Some((_, state)) = State::only_running() {
            let member = state.member(proxy)?;
            let ip = if member.netns.is_some() { "127.0.0.1".to_owned() } else { member.ip.to_string() };
            return Ok(Self { ip, netns: member.netns.clone() });
        }
        let proxies = global.client()?.proxies()?;
        let found = proxies.iter().find(|status| crate::proxy_status::is(status, proxy));
        let Some(ip) = found.and_then(|status| status.addresses.first()) else {
            bail!("no connected proxy `{proxy}`; `ferroctl proxy-status` lists them");
        };
        Ok(Self { ip: ip.clone(), netns: None })
    }

    fn request(&self, method: Method, path: &str) -> Result<String> {
        from_inside(self.netns.as_deref(), method, &format!("http://{}:15000{path}", self.ip))
            .context("its Envoy's admin interface does not answer")
    }

    fn json(&self, path: &str) -> Result<Value> {
        serde_json::from_str(&self.request(Method::Get, path)?)
            .context("Envoy's admin interface answered something else than JSON")
    }
}

fn log(admin: &Admin, level: Option<&str>) -> Result<()> {
    let query = match level.map(|level| level.split_once('=')) {
        None => String::new(),
        Some(None) => format!("?level={}", level.unwrap_or_default()),
        Some(Some((logger, level))) => format!("?{logger}={level}"),
    };
    print!("{}", admin.request(Method::Post, &format!("/logging{query}"))?);
    Ok(())
}

type Rows = (&'static [&'static str], Vec<Vec<String>>);

fn rows(part: Part, dump: &Value) -> Rows {
    match part {
        Part::Listeners => (&["NAME", "ADDRESS", "VERSION"], found(dump, "dynamic_listeners").map(listener).collect()),
        Part::Clusters => (&["NAME", "TYPE", "VERSION"], found(dump, "dynamic_active_clusters").map(cluster).collect()),
        Part::Ecds => (&["NAME", "TYPE", "VERSION"], found(dump, "ecds_filters").map(extension).collect()),
        _ => (
            &["ROUTE CONFIGURATION", "VIRTUAL HOST", "DOMAINS", "MATCH", "TO"],
            found(dump, "dynamic_route_configs").flat_map(routes).collect(),
        ),
    }
}

/// The entries under `key` of every section of a configuration dump.
fn found<'a>(dump: &'a Value, key: &'a str) -> impl Iterator<Item = &'a Value> {
    let sections = dump["configs"].as_array().into_iter().flatten();
    sections.flat_map(move |section| section[key].as_array().into_iter().flatten())
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
    let kind = cluster["type"].as_str().unwrap_or("STATIC").to_owned();
    vec![text(&cluster["name"]), kind, text(&entry["version_info"])]
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

fn endpoints(clusters: &Value) -> Vec<Vec<String>> {
    let statuses = clusters["cluster_statuses"].as_array().into_iter().flatten();
    let rows = statuses
        .flat_map(|status| status["host_statuses"].as_array().into_iter().flatten().map(move |host| (status, host)));
    rows.map(|(status, host)| {
        let socket = &host["address"]["socket_address"];
        let ejected =
            if host["health_status"]["failed_outlier_check"].as_bool() == Some(true) { "EJECTED" } else { "OK" };
        let health = host["health_status"]["eds_health_status"].as_str().unwrap_or("-").to_owned();
        vec![
            format!("{}:{}", text(&socket["address"]), socket["port_value"]),
            health,
            ejected.to_owned(),
            text(&status["name"]),
        ]
    })
    .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
