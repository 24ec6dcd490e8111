//! The HTTP filters of a connection manager, and the configuration of ours.
//!
//! Ours is not configured in place but referred to (ECDS): a new limit must not drain a listener. vm_id, code and VM
//! configuration are the same for both directions and never change with the rules, so that the VM and its state survive an
//! update (wasm-filters.md §8, rules 10 and 11).

use ferro_model::mesh::{Labels, Protocol};
use ferro_xds_protos::wkt;
use prost::{Message, Name};

use crate::names;
use crate::parts::ads;
use crate::pb::core::{
    AsyncDataSource, BackoffStrategy, DataSource, ExtensionConfigSource, TypedExtensionConfig, async_data_source,
    data_source,
};
use crate::pb::ext::common::dynamic_forward_proxy::v3::DnsCacheConfig;
use crate::pb::ext::filters::http::cors::v3::Cors;
use crate::pb::ext::filters::http::dynamic_forward_proxy::v3::{
    FilterConfig as ForwardProxy, filter_config as forward_proxy,
};
use crate::pb::ext::filters::http::fault::v3::HttpFault;
use crate::pb::ext::filters::http::grpc_stats::v3::{FilterConfig as GrpcStats, filter_config as grpc_stats};
use crate::pb::ext::filters::http::grpc_web::v3::GrpcWeb;
use crate::pb::ext::filters::http::router::v3::Router;
use crate::pb::ext::filters::http::wasm::v3::Wasm;
use crate::pb::ext::filters::network::http_connection_manager::v3::{HttpFilter, http_filter};
use crate::pb::ext::wasm::v3::{FailurePolicy, PluginConfig, ReloadConfig, VmConfig, plugin_config};
use crate::pb::wkt::StringValue;
use crate::settings::{ModuleHash, Settings};

pub(crate) const CORS: &str = "envoy.filters.http.cors";
pub(crate) const FAULT: &str = "envoy.filters.http.fault";

/// Whose requests a connection manager sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Those that arrive at the workload.
    Inbound,
    /// Those that leave it, or that a gateway passes on.
    Outbound,
}

/// Whether requests for unknown hosts are resolved as they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnknownHosts {
    /// They are routed by address, or not at all.
    Unresolved,
    /// Their name is asked for in DNS.
    Resolved,
}

/// Whether clients may speak gRPC-Web, which is then turned into gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrpcWebClients {
    /// No port declares it; what looks like it is the application's own business.
    Unexpected,
    /// A port declares it.
    Expected,
}

impl GrpcWebClients {
    /// By the protocols of the ports behind a connection manager.
    pub(crate) fn of(protocols: impl IntoIterator<Item = Protocol>) -> Self {
        if protocols.into_iter().any(|protocol| protocol == Protocol::GrpcWeb) {
            Self::Expected
        } else {
            Self::Unexpected
        }
    }
}

impl Direction {
    fn resource(self) -> &'static str {
        match self {
            Self::Inbound => names::FILTERS_INBOUND,
            Self::Outbound => names::FILTERS_OUTBOUND,
        }
    }

    fn reporter(self) -> &'static str {
        match self {
            Self::Inbound => "destination",
            Self::Outbound => "source",
        }
    }
}

/// The filters of a connection manager in the order requests pass them: as Istio's, without those that stock Envoy lacks.
pub(crate) fn http_filters(
    settings: &Settings,
    direction: Direction,
    grpc_web: GrpcWebClients,
    unknown: UnknownHosts,
) -> Vec<HttpFilter> {
    let ours = settings.wasm_module.map(|_| discovered(settings, direction));
    let grpc = GrpcStats {
        emit_filter_state: true,
        per_method_stat_specifier: Some(grpc_stats::PerMethodStatSpecifier::StatsForAllMethods(wkt::boolean(false))),
        ..GrpcStats::default()
    };
    let mut filters: Vec<HttpFilter> = ours.into_iter().collect();
    if grpc_web == GrpcWebClients::Expected {
        filters.push(typed("envoy.filters.http.grpc_web", &GrpcWeb {}));
    }
    filters.extend([
        typed("envoy.filters.http.grpc_stats", &grpc),
        typed(FAULT, &HttpFault::default()),
        typed(CORS, &Cors {}),
    ]);
    if unknown == UnknownHosts::Resolved {
        let cache = forward_proxy::ImplementationSpecifier::DnsCacheConfig(dns_cache());
        let config = ForwardProxy { implementation_specifier: Some(cache), ..ForwardProxy::default() };
        filters.push(typed("envoy.filters.http.dynamic_forward_proxy", &config));
    }
    filters.push(typed("envoy.filters.http.router", &Router::default()));
    filters
}

/// The cache of resolved names; cluster and filter must say the same about it.
pub(crate) fn dns_cache() -> DnsCacheConfig {
    use crate::pb::cluster::cluster::DnsLookupFamily;
    DnsCacheConfig {
        name: "any_dns".to_owned(),
        dns_lookup_family: DnsLookupFamily::V4Preferred.into(),
        ..DnsCacheConfig::default()
    }
}

fn typed<M: Message + Name>(name: &str, config: &M) -> HttpFilter {
    HttpFilter {
        name: name.to_owned(),
        config_type: Some(http_filter::ConfigType::TypedConfig(wkt::any(config))),
        ..HttpFilter::default()
    }
}

// The name of a discovered filter is the name of the resource.
fn discovered(settings: &Settings, direction: Direction) -> HttpFilter {
    let source = ExtensionConfigSource {
        config_source: Some(ads(settings)),
        type_urls: vec![Wasm::type_url()],
        ..ExtensionConfigSource::default()
    };
    HttpFilter {
        name: direction.resource().to_owned(),
        config_type: Some(http_filter::ConfigType::ConfigDiscovery(source)),
        ..HttpFilter::default()
    }
}

/// The configuration of our filter for one direction.
///
/// The module refuses members it does not know, and whose proxy it runs in it reads from the node itself.
pub(crate) fn configuration(module: ModuleHash, settings: &Settings, direction: Direction) -> TypedExtensionConfig {
    let text = serde_json::json!({ "reporter": direction.reporter() }).to_string();
    // Rule 10: a trap in the module costs one request, then a fresh VM takes over.
    let backoff = BackoffStrategy {
        base_interval: Some(wkt::duration(settings.filter_reload)),
        max_interval: Some(wkt::duration(settings.filter_reload * 10)),
    };
    let plugin = PluginConfig {
        name: direction.resource().to_owned(),
        configuration: Some(wkt::any(&StringValue { value: text })),
        failure_policy: FailurePolicy::FailReload.into(),
        reload_config: Some(ReloadConfig { backoff: Some(backoff) }),
        vm: Some(plugin_config::Vm::VmConfig(machine(module))),
        ..PluginConfig::default()
    };
    TypedExtensionConfig {
        name: direction.resource().to_owned(),
        typed_config: Some(wkt::any(&Wasm { config: Some(plugin) })),
    }
}

// The agent fetches the module by its hash and puts the path of its copy here.
fn machine(module: ModuleHash) -> VmConfig {
    let file = data_source::Specifier::Filename(format!("ferromesh:sha256:{module}"));
    let local = DataSource { specifier: Some(file), ..DataSource::default() };
    VmConfig {
        vm_id: "ferro".to_owned(),
        runtime: "envoy.wasm.runtime.v8".to_owned(),
        code: Some(AsyncDataSource { specifier: Some(async_data_source::Specifier::Local(local)) }),
        ..VmConfig::default()
    }
}

/// The service a workload belongs to in metrics (Istio's rule).
pub(crate) fn canonical_service<'a>(labels: &'a Labels, workload: &'a str) -> &'a str {
    first(labels, &["service.istio.io/canonical-name", "app.kubernetes.io/name", "app"]).unwrap_or(workload)
}

/// The revision of a workload in metrics (Istio's rule).
pub(crate) fn canonical_revision(labels: &Labels) -> &str {
    let keys = ["service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"];
    first(labels, &keys).unwrap_or("latest")
}

fn first<'a>(labels: &'a Labels, keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| labels.get(*key)).map(String::as_str)
}
