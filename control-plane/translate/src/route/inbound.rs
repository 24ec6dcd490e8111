//! Routes of inbound connection managers: everything to the workload.

use ferro_xds_protos::wkt;

use crate::names;
use crate::pb::route::{RetryPolicy, Route, RouteAction, RouteConfiguration, VirtualHost, route};
use crate::route::{decorator, every_path, to_cluster};
use crate::view::InboundPort;
use ferro_model::mesh::Protocol;

/// The table of one port.
pub(crate) fn table(port: &InboundPort) -> RouteConfiguration {
    let cluster = names::inbound_cluster(port.target);
    let mut only = to_cluster("default", every_path(), &cluster);
    only.decorator = Some(decorator(&port.host, port.service_port, "/"));
    if !matches!(port.protocol, Protocol::Grpc | Protocol::GrpcWeb) {
        retry_unsent(&mut only);
    }
    configuration(&cluster, &format!("inbound|http|{}", port.service_port), only)
}

/// The table of ports that no service declares.
pub(crate) fn passthrough(cluster: &str) -> RouteConfiguration {
    configuration(cluster, "inbound|http|0", to_cluster("default", every_path(), cluster))
}

fn configuration(name: &str, host: &str, only: Route) -> RouteConfiguration {
    let host = VirtualHost {
        name: host.to_owned(),
        domains: vec!["*".to_owned()],
        routes: vec![only],
        ..VirtualHost::default()
    };
    RouteConfiguration {
        name: name.to_owned(),
        virtual_hosts: vec![host],
        validate_clusters: Some(wkt::boolean(false)),
        ..RouteConfiguration::default()
    }
}

// A kept connection that the application closes just now: the request was not read, so sending it again is safe.
fn retry_unsent(found: &mut Route) {
    if let Some(route::Action::Route(action)) = &mut found.action {
        let policy = RetryPolicy {
            retry_on: "reset-before-request".to_owned(),
            num_retries: Some(wkt::uint32(2)),
            ..RetryPolicy::default()
        };
        *action = RouteAction { retry_policy: Some(policy), ..std::mem::take(action) };
    }
}
