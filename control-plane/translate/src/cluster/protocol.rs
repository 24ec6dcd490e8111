//! Which HTTP a cluster speaks.

use ferro_model::istio::{H2UpgradePolicy, HttpSettings};
use ferro_model::mesh::{Protocol, TrafficBlocks};
use ferro_model::mesh_config::MeshConfig;
use ferro_xds_protos::wkt;
use prost::Name;

use crate::pb::cluster::Cluster;
use crate::pb::core::{Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions as Common, KeepaliveSettings};
use crate::pb::ext::upstreams::http::v3::{HttpProtocolOptions, http_protocol_options as options};

/// The protocol of upstream connections.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Upstream {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, whatever the caller speaks.
    Http2(Box<Http2ProtocolOptions>),
    /// What the caller speaks.
    AsDownstream,
}

/// The key under which Envoy looks for HTTP options of a cluster.
const OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Sets what port and policy ask for. HTTP/1.1 without limits is Envoy's default and needs no word.
pub(super) fn apply(config: &MeshConfig, protocol: Protocol, policy: &TrafficBlocks<'_>, cluster: &mut Cluster) {
    let pool = policy.connection_pool;
    let http = pool.and_then(|pool| pool.http.as_ref());
    let tcp = pool.and_then(|pool| pool.tcp.as_ref());
    let common = Common {
        idle_timeout: http
            .and_then(|http| http.idle_timeout)
            .or_else(|| tcp.and_then(|tcp| tcp.idle_timeout))
            .map(wkt::duration),
        max_connection_duration: tcp.and_then(|tcp| tcp.max_connection_duration).map(wkt::duration),
        max_requests_per_connection: http
            .and_then(|http| http.max_requests_per_connection)
            .and_then(positive)
            .map(wkt::uint32),
        ..Common::default()
    };
    let upstream = upstream(config, protocol, http);
    if upstream != Upstream::Http1 || common != Common::default() {
        set(upstream, common, cluster);
    }
}

fn upstream(config: &MeshConfig, protocol: Protocol, http: Option<&HttpSettings>) -> Upstream {
    let http2 = || Upstream::Http2(Box::new(http2_options(http)));
    if protocol.is_http2() {
        return http2();
    }
    if http.and_then(|http| http.use_client_protocol) == Some(true) {
        return Upstream::AsDownstream;
    }
    let own = http.and_then(|http| http.h2_upgrade_policy).unwrap_or_default();
    let upgrade = match own {
        H2UpgradePolicy::Default => config.h2_upgrade_policy,
        own => own,
    };
    match (protocol, upgrade) {
        (Protocol::Http | Protocol::Auto, H2UpgradePolicy::Upgrade) => http2(),
        (Protocol::Auto, _) => Upstream::AsDownstream,
        _ => Upstream::Http1,
    }
}

fn http2_options(http: Option<&HttpSettings>) -> Http2ProtocolOptions {
    let keepalive = http.and_then(|http| http.http2_keep_alive.as_ref()).map(|keepalive| KeepaliveSettings {
        interval: keepalive.interval.map(wkt::duration),
        timeout: keepalive.timeout.map(wkt::duration),
        ..KeepaliveSettings::default()
    });
    Http2ProtocolOptions {
        max_concurrent_streams: http.and_then(|http| http.max_concurrent_streams).and_then(positive).map(wkt::uint32),
        connection_keepalive: keepalive,
        ..Http2ProtocolOptions::default()
    }
}

/// Writes the options into a cluster.
pub(crate) fn set(upstream: Upstream, common: Common, cluster: &mut Cluster) {
    use options::explicit_http_config::ProtocolConfig;
    let explicit = |protocol| {
        options::UpstreamProtocolOptions::ExplicitHttpConfig(options::ExplicitHttpConfig {
            protocol_config: Some(protocol),
        })
    };
    let upstream = match upstream {
        Upstream::Http1 => explicit(ProtocolConfig::HttpProtocolOptions(Http1ProtocolOptions::default())),
        Upstream::Http2(options) => explicit(ProtocolConfig::Http2ProtocolOptions(*options)),
        Upstream::AsDownstream => {
            options::UpstreamProtocolOptions::UseDownstreamProtocolConfig(options::UseDownstreamHttpConfig {
                http_protocol_options: Some(Http1ProtocolOptions::default()),
                http2_protocol_options: Some(Http2ProtocolOptions::default()),
                ..options::UseDownstreamHttpConfig::default()
            })
        }
    };
    let message = HttpProtocolOptions {
        common_http_protocol_options: Some(common),
        upstream_protocol_options: Some(upstream),
        ..HttpProtocolOptions::default()
    };
    debug_assert_eq!(HttpProtocolOptions::full_name(), OPTIONS);
    cluster.typed_extension_protocol_options.insert(OPTIONS.to_owned(), wkt::any(&message));
}

fn positive(number: i32) -> Option<u32> {
    u32::try_from(number).ok().filter(|number| *number > 0)
}
