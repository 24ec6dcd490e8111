//! A request, walked over the produced configuration the way Envoy would take it: listener, filter chain, virtual host, route,
//! cluster. Assertions about bytes say what is written; this says what it means.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ferro_xds_protos::envoy::envoy::config::core::v3::{Address, CidrRange, address, socket_address};
use ferro_xds_protos::envoy::envoy::config::listener::v3::{FilterChain, FilterChainMatch, Listener, filter};
use ferro_xds_protos::envoy::envoy::config::route::v3::{
    HeaderMatcher, QueryParameterMatcher, Route, RouteConfiguration, RouteMatch, VirtualHost, header_matcher,
    query_parameter_matcher, route, route_action, route_match, virtual_host,
};
use ferro_xds_protos::envoy::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, http_connection_manager,
};
use ferro_xds_protos::envoy::envoy::extensions::filters::network::tcp_proxy::v3::{TcpProxy, tcp_proxy};
use ferro_xds_protos::envoy::envoy::r#type::matcher::v3::{StringMatcher, string_matcher};
use ferro_xds_protos::{Kind, Resource};
use prost::Message;
use serde::Deserialize;

use crate::envoy::{all, tables};

/// A request as `case.yaml` writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// Who sends it; the first proxy of the case if not given.
    #[serde(default)]
    pub(crate) proxy: Option<String>,
    /// The address and port the connection goes to.
    to: String,
    /// `http` (default), `tcp`, or `tls`.
    #[serde(default)]
    speaks: Speaks,
    /// The name a TLS client asks for.
    #[serde(default)]
    sni: String,
    #[serde(default = "get")]
    method: String,
    #[serde(default)]
    authority: String,
    #[serde(default = "root")]
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Whether the connection arrives at the workload.
    #[serde(default)]
    inbound: bool,
    /// What the request must meet.
    pub(crate) expect: Met,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Speaks {
    #[default]
    Http,
    Tcp,
    Tls,
}

/// What a request meets.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Met {
    /// The cluster, or the clusters with their weights.
    cluster: Option<String>,
    clusters: Option<BTreeMap<String, u32>>,
    /// Name of the virtual host.
    host: Option<String>,
    /// Name of the route, if it has one.
    route: Option<String>,
    /// The status, where Envoy answers by itself.
    status: Option<u32>,
    /// Whether the connection is closed at once.
    refused: Option<bool>,
}

fn get() -> String {
    "GET".to_owned()
}

fn root() -> String {
    "/".to_owned()
}

/// Where a request ends up.
pub(crate) fn walk(resources: &[(Kind, Resource)], request: &Request) -> Met {
    let listeners: Vec<Listener> = all(resources, Kind::Listener);
    let (ip, port) = request.to.rsplit_once(':').expect("address:port");
    let ip = ip.trim_start_matches('[').trim_end_matches(']');
    let (ip, port): (IpAddr, u16) = (ip.parse().expect("an IP address"), port.parse().expect("a port"));
    let Some(listener) = listener(&listeners, ip, port, request.inbound) else { return refused() };
    let Some(chain) = chain(listener, ip, port, request) else { return refused() };
    let Some(filter::ConfigType::TypedConfig(config)) = chain.filters.last().and_then(|last| last.config_type.clone())
    else {
        return refused();
    };
    if config.type_url.ends_with("TcpProxy") {
        return bytes(&TcpProxy::decode(&*config.value).expect("a TCP proxy"));
    }
    let manager = HttpConnectionManager::decode(&*config.value).expect("a connection manager");
    let table = match manager.route_specifier.expect("routes") {
        http_connection_manager::RouteSpecifier::RouteConfig(table) => table,
        http_connection_manager::RouteSpecifier::Rds(rds) => {
            let name = rds.route_config_name;
            let found = tables(resources).into_iter().find(|table| table.name == name);
            found.unwrap_or_else(|| panic!("no table {name}"))
        }
        other => panic!("unexpected {other:?}"),
    };
    routed(&table, request)
}

fn refused() -> Met {
    Met { refused: Some(true), ..Met::default() }
}

// As original_dst hands over: exact address, then any address, then the catch-all.
fn listener(listeners: &[Listener], ip: IpAddr, port: u16, inbound: bool) -> Option<&Listener> {
    let at = |wanted: &str, port: u16| {
        listeners.iter().find(|listener| {
            let more = listener.additional_addresses.iter().map(|more| more.address.as_ref());
            let mut all = std::iter::once(listener.address.as_ref()).chain(more);
            all.any(|address| socket(address) == Some((wanted.to_owned(), port)))
        })
    };
    let any = if ip.is_ipv4() { "0.0.0.0" } else { "::" };
    if inbound {
        return at(&ip.to_string(), port).or_else(|| at(any, 15006));
    }
    at(&ip.to_string(), port).or_else(|| at(any, port)).or_else(|| at(any, 15001))
}

/// Where an address is.
pub(crate) fn socket(address: Option<&Address>) -> Option<(String, u16)> {
    let Some(address::Address::SocketAddress(socket)) = address?.address.as_ref() else { return None };
    let Some(socket_address::PortSpecifier::PortValue(port)) = socket.port_specifier else { return None };
    Some((socket.address.clone(), u16::try_from(port).ok()?))
}

// Envoy's order of questions; of those that ask more, the first that fits. It never looks back, so the narrower wins.
fn chain<'a>(listener: &'a Listener, ip: IpAddr, port: u16, request: &Request) -> Option<&'a FilterChain> {
    let fits =
        |chain: &&FilterChain| chain.filter_chain_match.as_ref().is_none_or(|found| matches(found, ip, port, request));
    let rank = |chain: &&FilterChain| {
        let found = chain.filter_chain_match.clone().unwrap_or_default();
        let prefix =
            found.prefix_ranges.iter().filter_map(|range| range.prefix_len.as_ref()).map(|len| len.value).max();
        (
            found.destination_port.is_some(),
            prefix,
            !found.server_names.is_empty(),
            !found.transport_protocol.is_empty(),
            !found.application_protocols.is_empty(),
        )
    };
    listener.filter_chains.iter().filter(fits).max_by_key(rank).or(listener.default_filter_chain.as_ref())
}

fn matches(found: &FilterChainMatch, ip: IpAddr, port: u16, request: &Request) -> bool {
    let (transport, protocol) = match request.speaks {
        Speaks::Http => ("raw_buffer", "http/1.1"),
        Speaks::Tcp => ("raw_buffer", ""),
        Speaks::Tls => ("tls", ""),
    };
    let name = |wanted: &String| match wanted.strip_prefix('*') {
        Some(ending) => request.sni.ends_with(ending),
        None => *wanted == request.sni,
    };
    found.destination_port.is_none_or(|wanted| wanted.value == u32::from(port))
        && (found.prefix_ranges.is_empty()
            || found.prefix_ranges.iter().any(|range| {
                within(ip, &range.address_prefix, range.prefix_len.as_ref().map_or(0, |length| length.value))
            }))
        && (found.server_names.is_empty() || found.server_names.iter().any(name))
        && (found.transport_protocol.is_empty() || found.transport_protocol == transport)
        && (found.application_protocols.is_empty()
            || found.application_protocols.iter().any(|wanted| wanted == protocol))
}

/// The range that Envoy makes of one.
pub(crate) fn masked(range: &CidrRange) -> String {
    let length = range.prefix_len.as_ref().map_or(0, |length| length.value);
    let first = match range.address_prefix.parse().expect("an address") {
        IpAddr::V4(first) => {
            IpAddr::from((u32::from(first) & u32::MAX.checked_shl(32 - length).unwrap_or(0)).to_be_bytes())
        }
        IpAddr::V6(first) => {
            IpAddr::from((u128::from(first) & u128::MAX.checked_shl(128 - length).unwrap_or(0)).to_be_bytes())
        }
    };
    format!("{first}/{length}")
}

fn within(ip: IpAddr, first: &str, length: u32) -> bool {
    match (ip, first.parse()) {
        (IpAddr::V4(ip), Ok(IpAddr::V4(first))) => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            u32::from(ip) & mask == u32::from(first) & mask
        }
        (IpAddr::V6(ip), Ok(IpAddr::V6(first))) => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            u128::from(ip) & mask == u128::from(first) & mask
        }
        _ => false,
    }
}

fn bytes(proxy: &TcpProxy) -> Met {
    match proxy.cluster_specifier.clone().expect("a cluster") {
        tcp_proxy::ClusterSpecifier::Cluster(cluster) => Met { cluster: Some(cluster), ..Met::default() },
        tcp_proxy::ClusterSpecifier::WeightedClusters(several) => {
            let clusters = several.clusters.into_iter().map(|share| (share.name, share.weight)).collect();
            Met { clusters: Some(clusters), ..Met::default() }
        }
    }
}

fn routed(table: &RouteConfiguration, request: &Request) -> Met {
    let Some(host) = host(table, &request.authority) else { return Met { status: Some(404), ..Met::default() } };
    // A host that travels alone has the table's name before its own.
    let name = host.name.rsplit_once('/').map_or(&*host.name, |(_, name)| name);
    let met = Met { host: Some(name.to_owned()), ..Met::default() };
    if host.require_tls == virtual_host::TlsRequirementType::All as i32 {
        return Met { status: Some(301), ..met };
    }
    let taken = |route: &&Route| takes(route.r#match.as_ref().expect("a match"), request);
    let Some(route) = host.routes.iter().find(taken) else { return Met { status: Some(404), ..met } };
    let met = Met { route: Some(route.name.clone()).filter(|name| !name.is_empty()), ..met };
    match route.action.clone().expect("an action") {
        route::Action::Redirect(redirect) => {
            let code = [301, 302, 303, 307, 308][usize::try_from(redirect.response_code).expect("a code")];
            Met { status: Some(code), ..met }
        }
        route::Action::DirectResponse(response) => Met { status: Some(response.status), ..met },
        route::Action::Route(action) => match action.cluster_specifier.expect("a cluster") {
            route_action::ClusterSpecifier::Cluster(cluster) => Met { cluster: Some(cluster), ..met },
            route_action::ClusterSpecifier::WeightedClusters(several) => {
                let share = |weight: &ferro_xds_protos::envoy::google::protobuf::UInt32Value| weight.value;
                let clusters = several.clusters.iter();
                let clusters =
                    clusters.map(|found| (found.name.clone(), found.weight.as_ref().map_or(0, share))).collect();
                Met { clusters: Some(clusters), ..met }
            }
            other => panic!("unexpected {other:?}"),
        },
        other => panic!("unexpected {other:?}"),
    }
}

// Exact, then the longest suffix wildcard, then the longest prefix wildcard, then the star (Envoy, VirtualHost.domains).
fn host<'a>(table: &'a RouteConfiguration, authority: &str) -> Option<&'a VirtualHost> {
    let authority = authority.to_ascii_lowercase();
    let asked = match authority.rsplit_once(':') {
        Some((host, port)) if table.ignore_port_in_host_matching && port.parse::<u16>().is_ok() => host.to_owned(),
        _ => authority,
    };
    let domains = || table.virtual_hosts.iter().flat_map(|host| host.domains.iter().map(move |domain| (domain, host)));
    let longest = |found: Vec<(&'a String, &'a VirtualHost)>| found.into_iter().max_by_key(|(domain, _)| domain.len());
    let exact = domains().find(|(domain, _)| **domain == asked);
    let suffix = longest(
        domains()
            .filter(|(domain, _)| domain.len() > 1 && domain.strip_prefix('*').is_some_and(|end| asked.ends_with(end)))
            .collect(),
    );
    let star = domains().find(|(domain, _)| *domain == "*");
    exact.or(suffix).or(star).map(|(_, host)| host)
}

fn takes(found: &RouteMatch, request: &Request) -> bool {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let connect = request.method == "CONNECT";
    let insensitive = found.case_sensitive.is_some_and(|sensitive| !sensitive.value);
    let fold = |text: &str| if insensitive { text.to_ascii_lowercase() } else { text.to_owned() };
    let path_fits = match found.path_specifier.as_ref().expect("a path") {
        route_match::PathSpecifier::Prefix(prefix) => !connect && fold(path).starts_with(&fold(prefix)),
        route_match::PathSpecifier::Path(wanted) => !connect && fold(path) == fold(wanted),
        route_match::PathSpecifier::SafeRegex(regex) => !connect && whole(&regex.regex, path),
        route_match::PathSpecifier::ConnectMatcher(_) => connect,
        other => panic!("unexpected {other:?}"),
    };
    path_fits
        && found.headers.iter().all(|header| header_fits(header, request))
        && found.query_parameters.iter().all(|parameter| parameter_fits(parameter, query))
}

fn header_fits(matcher: &HeaderMatcher, request: &Request) -> bool {
    let value = match &*matcher.name {
        ":method" => Some(request.method.clone()),
        ":authority" => Some(request.authority.clone()),
        ":scheme" => Some("http".to_owned()),
        name => request.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone()),
    };
    let value = value.or_else(|| matcher.treat_missing_header_as_empty.then(String::new));
    let fits = match matcher.header_match_specifier.as_ref().expect("a match") {
        header_matcher::HeaderMatchSpecifier::PresentMatch(present) => {
            return (value.is_some() == *present) != matcher.invert_match;
        }
        header_matcher::HeaderMatchSpecifier::StringMatch(found) => value.map(|value| text_fits(found, &value)),
        other => panic!("unexpected {other:?}"),
    };
    fits.is_some_and(|fits| fits != matcher.invert_match)
}

fn parameter_fits(matcher: &QueryParameterMatcher, query: &str) -> bool {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let value = pairs.filter(|(name, _)| *name == matcher.name).map(|(_, value)| value).next();
    match matcher.query_parameter_match_specifier.as_ref().expect("a match") {
        query_parameter_matcher::QueryParameterMatchSpecifier::PresentMatch(present) => value.is_some() == *present,
        query_parameter_matcher::QueryParameterMatchSpecifier::StringMatch(found) => {
            value.is_some_and(|value| text_fits(found, value))
        }
    }
}

fn text_fits(matcher: &StringMatcher, value: &str) -> bool {
    match matcher.match_pattern.as_ref().expect("a pattern") {
        string_matcher::MatchPattern::Exact(text) => value == text,
        string_matcher::MatchPattern::Prefix(text) => value.starts_with(text),
        string_matcher::MatchPattern::SafeRegex(regex) => whole(&regex.regex, value),
        other => panic!("unexpected {other:?}"),
    }
}

fn whole(expression: &str, text: &str) -> bool {
    regex::Regex::new(&format!("^(?:{expression})$")).expect("an expression").is_match(text)
}
