//! Envoy's bootstrap: everything Envoy must know before it can ask for the rest. A pure function of the configuration.

use std::path::Path;

use serde_json::{Value, json};

use crate::config::Config;

mod metadata;
mod stats;

pub use metadata::{node, node_message};

#[cfg(test)]
mod tests;

/// The name of the cluster that stands for the relay.
pub(crate) const XDS_CLUSTER: &str = "xds-grpc";

const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// The bootstrap for the Envoy of this agent, as JSON.
pub fn bootstrap(config: &Config) -> Value {
    json!({
        "node": node(config),
        "admin": { "address": socket_address(&config.private_address().to_string(), config.ports.admin) },
        "dynamic_resources": dynamic_resources(),
        "static_resources": {
            "clusters": [xds_cluster(&config.relay_socket()), admin_cluster(config)],
            "listeners": [stats_listener(config)],
        },
        "stats_config": stats::stats_config(),
        // Most clusters of a mesh never see a request from this workload: their counters are made on first use.
        "deferred_stat_options": { "enable_deferred_creation_stats": true },
        "layered_runtime": layered_runtime(),
        "overload_manager": overload_manager(),
        "bootstrap_extensions": [{
            // CONNECT on 15007 is ended in an internal listener, which needs this to exist.
            "name": "envoy.bootstrap.internal_listener",
            "typed_config": {
                "@type": type_url("envoy.extensions.bootstrap.internal_listener.v3.InternalListener"),
            },
        }],
    })
}

/// Clusters and listeners come over one delta ADS stream. Envoy waits for them without a limit: an Envoy without its
/// listeners has nothing to serve, and must not look alive.
fn dynamic_resources() -> Value {
    let ads = json!({ "ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s" });
    json!({
        "lds_config": ads,
        "cds_config": ads,
        "ads_config": {
            "api_type": "DELTA_GRPC",
            "transport_api_version": "V3",
            "set_node_on_first_message_only": true,
            "grpc_services": [{
                "envoy_grpc": {
                    "cluster_name": XDS_CLUSTER,
                    // The relay is on this machine: ask again soon. It holds back a flood towards ferrod itself.
                    "retry_policy": { "retry_back_off": { "base_interval": "0.1s", "max_interval": "1s" } },
                },
            }],
        },
    })
}

fn xds_cluster(socket: &Path) -> Value {
    json!({
        "name": XDS_CLUSTER,
        "alt_stat_name": format!("{XDS_CLUSTER};"),
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": XDS_CLUSTER,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": {
                "address": { "pipe": { "path": socket.to_string_lossy() } },
            } }] }],
        },
        "typed_extension_protocol_options": {
            HTTP_OPTIONS: {
                "@type": type_url(HTTP_OPTIONS),
                "explicit_http_config": { "http2_protocol_options": {} },
            },
        },
    })
}

/// Envoy's own admin interface as an upstream, for the Prometheus listener.
fn admin_cluster(config: &Config) -> Value {
    const NAME: &str = "prometheus_stats";
    json!({
        "name": NAME,
        "alt_stat_name": format!("{NAME};"),
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": NAME,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": {
                "address": socket_address(&config.private_address().to_string(), config.ports.admin),
            } }] }],
        },
    })
}

/// 15090: Prometheus metrics and nothing else of the admin interface.
fn stats_listener(config: &Config) -> Value {
    json!({
        "name": "prometheus_stats",
        "address": socket_address(&config.public_address().to_string(), config.ports.envoy_stats),
        "filter_chains": [{ "filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": type_url("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
                "stat_prefix": "stats;",
                "route_config": { "virtual_hosts": [{
                    "name": "backend",
                    "domains": ["*"],
                    "routes": [{
                        "match": { "path": "/stats/prometheus" },
                        "route": { "cluster": "prometheus_stats" },
                    }],
                }] },
                "http_filters": [{
                    "name": "envoy.filters.http.router",
                    "typed_config": { "@type": type_url("envoy.extensions.filters.http.router.v3.Router") },
                }],
            },
        }] }],
    })
}

fn layered_runtime() -> Value {
    json!({ "layers": [
        { "name": "ferromesh", "static_layer": {
            // A pattern of 1,024 characters, the longest a policy may have, can need more than Envoy's default of 100.
            "re2.max_program_size.error_level": 32768,
        } },
        // Last, so that what somebody sets by hand through the admin interface wins.
        { "name": "admin", "admin_layer": {} },
    ] })
}

/// Bounds that no healthy proxy meets: they keep one that is flooded from taking the machine with it.
fn overload_manager() -> Value {
    const MAX_HEAP_BYTES: u64 = 2 << 30;
    const MAX_CONNECTIONS: u64 = 50_000;
    let heap = "envoy.resource_monitors.fixed_heap";
    let connections = "envoy.resource_monitors.global_downstream_max_connections";
    let action = |name: &str, threshold: f64| {
        json!({
            "name": format!("envoy.overload_actions.{name}"),
            "triggers": [{ "name": heap, "threshold": { "value": threshold } }],
        })
    };
    json!({
        "refresh_interval": "0.25s",
        "resource_monitors": [
            { "name": heap, "typed_config": {
                "@type": type_url("envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig"),
                "max_heap_size_bytes": MAX_HEAP_BYTES,
            } },
            { "name": connections, "typed_config": {
                "@type": type_url(
                    "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                ),
                "max_active_downstream_connections": MAX_CONNECTIONS,
            } },
        ],
        "actions": [action("shrink_heap", 0.9), action("stop_accepting_requests", 0.98)],
    })
}

fn socket_address(address: &str, port: u16) -> Value {
    json!({ "socket_address": { "address": address, "port_value": port } })
}

fn type_url(name: &str) -> String {
    format!("type.googleapis.com/{name}")
}
