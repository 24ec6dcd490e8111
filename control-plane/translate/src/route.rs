//! Routes: from a request to a cluster.

pub(crate) mod domains;
pub(crate) mod hash;
pub(crate) mod http_proxy;
pub(crate) mod inbound;
pub(crate) mod rule;
pub(crate) mod sidecar;

use std::sync::Arc;
use std::time::Duration;

use ferro_model::istio::Destination;
use ferro_model::mesh::Service;
use ferro_xds_protos::{Kind, wkt};

use crate::names;
use crate::outbound::{Outbound, Role};
use crate::parts::{OFF, ads};
use crate::pb::route::{
    Decorator, DirectResponseAction, Route, RouteAction, RouteConfiguration, RouteMatch, Vhds, VirtualHost, route,
    route_action, route_match,
};
use crate::route::rule::retry::{self, Choice};
use crate::tables::{HostPart, Rank, Shell};

/// Istio's limit for direct responses, 1 MiB.
const MAX_DIRECT_RESPONSE: u32 = 1 << 20;

/// A route configuration without hosts.
pub(crate) fn shell(view: &Outbound<'_>, name: &str) -> Shell {
    let vhds = Vhds { config_source: Some(ads(view.settings)) };
    Shell::new(&RouteConfiguration {
        name: name.to_owned(),
        vhds: view.hosts_apart().then_some(vhds),
        // A cluster may come after the route to it, or never: that route answers 503, the others work.
        validate_clusters: Some(wkt::boolean(false)),
        max_direct_response_body_size_bytes: Some(wkt::uint32(MAX_DIRECT_RESPONSE)),
        // The port is known from the listener; only the proxy's table tells hosts apart by it.
        ignore_port_in_host_matching: view.role != Role::HttpProxy,
        ..RouteConfiguration::default()
    })
}

/// The host that takes what no other host of the table wants.
pub(crate) fn catch_all(view: &Outbound<'_>, table: &Arc<str>) -> HostPart {
    let (name, routes) =
        if view.allows_any() { (names::ALLOW_ANY, allow_any(view)) } else { (names::BLOCK_ALL, vec![block_all()]) };
    let host = VirtualHost { routes, include_request_attempt_count: true, ..VirtualHost::default() };
    part(table, name, vec![("*".to_owned(), Rank::CatchAll)], None, &host)
}

/// A virtual host as a part of a table; name and domains of `host` must be empty.
pub(crate) fn part(
    table: &Arc<str>,
    name: &str,
    domains: Vec<(String, Rank)>,
    owner: Option<crate::output::Owner>,
    host: &VirtualHost,
) -> HostPart {
    let body = ferro_xds_protos::encode(Kind::VirtualHost, host);
    let domains = domains.into_iter().map(|(domain, rank)| (domain.to_ascii_lowercase(), rank)).collect();
    HostPart { table: Arc::clone(table), name: name.into(), domains, owner, body: body.into() }
}

fn allow_any(view: &Outbound<'_>) -> Vec<Route> {
    let cluster = view.unknown_cluster();
    let mut routes = vec![to_cluster(names::ALLOW_ANY, every_path(), &cluster)];
    if view.role == Role::HttpProxy {
        routes.insert(0, tunnel(names::ALLOW_ANY, &cluster));
    }
    routes
}

fn block_all() -> Route {
    Route {
        name: names::BLOCK_ALL.to_owned(),
        r#match: Some(every_path()),
        action: Some(route::Action::DirectResponse(DirectResponseAction { status: 502, ..Default::default() })),
        ..Route::default()
    }
}

/// Matches every request but CONNECT.
pub(crate) fn every_path() -> RouteMatch {
    RouteMatch { path_specifier: Some(route_match::PathSpecifier::Prefix("/".to_owned())), ..RouteMatch::default() }
}

/// The route of a service for which no VirtualService has any.
pub(crate) fn default_route(view: &Outbound<'_>, service: &Service, port: u16) -> Route {
    let destination = Destination { host: service.host.to_string(), ..Destination::default() };
    let mut found = to_cluster("default", every_path(), &names::outbound_cluster(port, "", &service.host));
    found.decorator = Some(decorator(&service.host, port, "/"));
    if let Some(route::Action::Route(action)) = &mut found.action {
        action.hash_policy = hash::policies(view, &destination, port);
        let choice = if action.hash_policy.is_empty() { Choice::Free } else { Choice::Hashed };
        action.retry_policy = retry::policy(view.config(), None, choice);
    }
    found
}

/// A route to one cluster, without retries and timeout.
pub(crate) fn to_cluster(name: &str, matching: RouteMatch, cluster: &str) -> Route {
    Route {
        name: name.to_owned(),
        r#match: Some(matching),
        action: Some(route::Action::Route(timed(
            OFF,
            RouteAction {
                cluster_specifier: Some(route_action::ClusterSpecifier::Cluster(cluster.to_owned())),
                ..RouteAction::default()
            },
        ))),
        ..Route::default()
    }
}

/// A route that ends CONNECT here and sends what comes through the tunnel to a cluster.
pub(crate) fn tunnel(name: &str, cluster: &str) -> Route {
    let connect = route_match::PathSpecifier::ConnectMatcher(route_match::ConnectMatcher {});
    let matching = RouteMatch { path_specifier: Some(connect), ..RouteMatch::default() };
    let mut found = to_cluster(name, matching, cluster);
    if let Some(route::Action::Route(action)) = &mut found.action {
        action.upgrade_configs.push(route_action::UpgradeConfig {
            upgrade_type: "CONNECT".to_owned(),
            connect_config: Some(route_action::upgrade_config::ConnectConfig::default()),
            ..Default::default()
        });
    }
    found
}

/// Sets the timeout; zero is off. A gRPC deadline counts as far as the timeout lets it.
#[expect(deprecated, reason = "what people and tools look for; its successor means the same")]
pub(crate) fn timed(timeout: Duration, action: RouteAction) -> RouteAction {
    RouteAction { timeout: Some(wkt::duration(timeout)), max_grpc_timeout: Some(wkt::duration(timeout)), ..action }
}

/// What tracing calls requests that take a route.
pub(crate) fn decorator(host: &str, port: u16, path: &str) -> Decorator {
    Decorator { operation: format!("{}{path}*", names::host_port(host, port)), ..Decorator::default() }
}
