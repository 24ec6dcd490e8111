//! Clusters that lead to the workload itself.

use ferro_xds_protos::wkt;

use crate::cluster::{fixed, policy, protocol, set_type};
use crate::local::Local;
use crate::names;
use crate::parts::{istio_metadata, pipe, socket_address};
use crate::pb::cluster::{Cluster, cluster};
use crate::view::{Application, InboundPort};
use ferro_model::mesh::TrafficBlocks;

/// The cluster of one port of the workload.
///
/// With capture it goes where the connection was going, from an address that iptables let pass; without, to where the
/// application listens; and where a Sidecar says so, there.
pub(crate) fn of_port(local: &Local<'_>, port: &InboundPort) -> Cluster {
    let name = names::inbound_cluster(port.target);
    let id = wkt::struct_of([
        ("host", wkt::string_value(&*port.host)),
        ("name", wkt::string_value(&*port.name)),
        ("namespace", wkt::string_value(&*port.namespace)),
    ]);
    let services = wkt::struct_of([("services", wkt::list_value([wkt::struct_value(id)]))]);
    let mut cluster = Cluster {
        alt_stat_name: names::stat(&stat_name(local, port).unwrap_or_else(|| name.clone())),
        connect_timeout: Some(wkt::duration(local.config().connect_timeout)),
        metadata: Some(istio_metadata(services)),
        name,
        ..Cluster::default()
    };
    match (&port.application, &local.key.binding) {
        (Application::Own, None) => {
            set_type(&mut cluster, cluster::DiscoveryType::OriginalDst);
            cluster.lb_policy = cluster::LbPolicy::ClusterProvided.into();
            cluster.upstream_bind_config = Some(fixed::loopback_source(local.key.families));
        }
        (Application::Own, Some(binding)) => {
            fixed::put_address(&mut cluster, socket_address("127.0.0.1", binding.app_port(port.target)));
        }
        (Application::At(address), _) => {
            fixed::put_address(&mut cluster, socket_address(&address.ip().to_string(), address.port()));
        }
        (Application::Unix(path), _) => fixed::put_address(&mut cluster, pipe(path)),
    }
    let rule = local.rule(port);
    let blocks = rule.as_ref().map(|rule| rule.policy(None, port.service_port)).unwrap_or_default();
    // Balancing and ejection are the caller's business; limits hold at both ends.
    let limits = TrafficBlocks {
        connection_pool: local.sidecar_pool(port).or(blocks.connection_pool),
        ..TrafficBlocks::default()
    };
    policy::apply(local.config(), &limits, &mut cluster);
    protocol::apply(local.config(), port.protocol, &limits, &mut cluster);
    cluster
}

// By the mesh's own pattern, which needs a service to speak of.
fn stat_name(local: &Local<'_>, port: &InboundPort) -> Option<String> {
    let pattern = local.config().inbound_cluster_stat_name.as_ref().filter(|pattern| !pattern.is_empty())?;
    let service = local.service(port)?;
    let declared = service.port(port.service_port)?;
    Some(names::by_pattern(pattern, service, declared, &port.target.to_string(), ""))
}
