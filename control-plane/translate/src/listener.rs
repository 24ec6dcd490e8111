//! Listeners: where connections come in, and how their protocol is told.

pub(crate) mod access_log;
pub(crate) mod chains;
pub(crate) mod hcm;
pub(crate) mod inbound;
pub(crate) mod outbound;
pub(crate) mod proxy;
pub(crate) mod service;
pub(crate) mod tcp;

use ferro_model::mesh_config::MeshConfig;
use ferro_xds_protos::wkt;

use crate::parts::listener_filter;
use crate::pb::ext::filters::listener::http_inspector::v3::HttpInspector;
use crate::pb::ext::filters::listener::original_dst::v3::OriginalDst;
use crate::pb::ext::filters::listener::tls_inspector::v3::TlsInspector;
use crate::pb::listener::{FilterChain, FilterChainMatch, Listener, ListenerFilter};

/// What the HTTP inspector calls connections that the mesh can read.
const HTTP: [&str; 2] = ["http/1.1", "h2c"];
const RAW: &str = "raw_buffer";
const TLS: &str = "tls";

pub(crate) fn http_inspector() -> ListenerFilter {
    listener_filter("envoy.filters.listener.http_inspector", &HttpInspector {})
}

pub(crate) fn tls_inspector() -> ListenerFilter {
    listener_filter("envoy.filters.listener.tls_inspector", &TlsInspector::default())
}

pub(crate) fn original_dst() -> ListenerFilter {
    listener_filter("envoy.filters.listener.original_dst", &OriginalDst {})
}

/// Matches connections that were seen to speak HTTP. Envoy does not look back: a chain that asked for a transport as well would
/// take the connections of that transport away from chains that do not, so it is for listeners with a default chain.
pub(crate) fn sniffed_http() -> FilterChainMatch {
    FilterChainMatch { application_protocols: HTTP.map(str::to_owned).to_vec(), ..FilterChainMatch::default() }
}

/// The same, but not for TLS whose client offers HTTP. For listeners with a default chain.
pub(crate) fn clear_http() -> FilterChainMatch {
    FilterChainMatch { transport_protocol: RAW.to_owned(), ..sniffed_http() }
}

/// Matches TLS connections by the server name they ask for.
pub(crate) fn server_names(names: Vec<String>) -> FilterChainMatch {
    FilterChainMatch { transport_protocol: TLS.to_owned(), server_names: names, ..FilterChainMatch::default() }
}

/// Adds the inspectors that the chains of a listener need to be told apart. A connection that says nothing may wait as long as
/// it likes by default: cutting it short would make a slow HTTP client a TCP one.
pub(crate) fn inspect(config: &MeshConfig, listener: &mut Listener) {
    let matches = || listener.filter_chains.iter().filter_map(|chain: &FilterChain| chain.filter_chain_match.as_ref());
    let tls = matches().any(|found| !found.server_names.is_empty() || found.transport_protocol == TLS);
    let http = matches().any(|found| !found.application_protocols.is_empty());
    if tls {
        listener.listener_filters.push(tls_inspector());
    }
    if http {
        listener.listener_filters.push(http_inspector());
    }
    if tls || http {
        listener.listener_filters_timeout = Some(wkt::duration(config.protocol_detection_timeout));
        listener.continue_on_listener_filters_timeout = true;
    }
}
