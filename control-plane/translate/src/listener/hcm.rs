//! HTTP connection managers.

use ferro_xds_protos::wkt;

use crate::filter::{Direction, GrpcWebClients, UnknownHosts, http_filters};
use crate::listener::access_log;
use crate::names;
use crate::parts::{OFF, ads, filter};
use crate::pb::ext::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, Rds, http_connection_manager as hcm,
};
use crate::pb::listener::Filter;
use crate::pb::route::RouteConfiguration;
use crate::settings::Settings;
use ferro_model::mesh_config::{MeshConfig, Normalization};

/// What distinguishes one connection manager from another.
pub(crate) struct Manager<'a> {
    pub(crate) config: &'a MeshConfig,
    pub(crate) settings: &'a Settings,
    /// Statistics are kept under this name.
    pub(crate) stat: String,
    pub(crate) position: Position,
    pub(crate) grpc_web: GrpcWebClients,
    pub(crate) unknown: UnknownHosts,
    pub(crate) routes: Routes<'a>,
    pub(crate) upgrades: &'a [&'a str],
}

/// Where a connection manager stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// In front of the workload.
    Inbound,
    /// Behind it.
    Outbound,
    /// At the edge of the mesh: its clients are strangers.
    Edge,
}

/// Where a connection manager has its routes from.
pub(crate) enum Routes<'a> {
    /// By name, over the stream.
    Discovered(&'a str),
    /// In place.
    Inline(Box<RouteConfiguration>),
}

/// Protocol upgrades that everybody may ask for.
pub(crate) const WEBSOCKET: &[&str] = &["websocket"];
/// The same, and tunnels.
pub(crate) const WEBSOCKET_AND_CONNECT: &[&str] = &["websocket", "CONNECT"];

impl Manager<'_> {
    /// The connection manager as a network filter.
    pub(crate) fn filter(self) -> Filter {
        filter("envoy.filters.network.http_connection_manager", &self.build())
    }

    fn build(self) -> HttpConnectionManager {
        let direction = match self.position {
            Position::Inbound => Direction::Inbound,
            Position::Outbound | Position::Edge => Direction::Outbound,
        };
        let upgrade = |name: &&str| hcm::UpgradeConfig { upgrade_type: (*name).to_owned(), ..Default::default() };
        let mut manager = HttpConnectionManager {
            stat_prefix: names::stat(&self.stat),
            http_filters: http_filters(self.settings, direction, self.grpc_web, self.unknown),
            upgrade_configs: self.upgrades.iter().map(upgrade).collect(),
            access_log: access_log::of(self.config),
            stream_idle_timeout: Some(wkt::duration(OFF)),
            use_remote_address: Some(wkt::boolean(self.position == Position::Edge)),
            route_specifier: Some(match self.routes {
                Routes::Discovered(name) => hcm::RouteSpecifier::Rds(Rds {
                    config_source: Some(ads(self.settings)),
                    route_config_name: name.to_owned(),
                }),
                Routes::Inline(table) => hcm::RouteSpecifier::RouteConfig(*table),
            }),
            ..HttpConnectionManager::default()
        };
        normalize(self.config.path_normalization, &mut manager);
        match self.position {
            Position::Outbound => {}
            Position::Inbound => {
                manager.server_name = SERVER_NAME.to_owned();
                // Only a client with a certificate is appended to the header; without one Envoy drops it.
                manager.forward_client_cert_details = hcm::ForwardClientCertDetails::AppendForward.into();
                manager.set_current_client_cert_details = Some(client_certificate());
            }
            Position::Edge => {
                manager.server_name = SERVER_NAME.to_owned();
                manager.forward_client_cert_details = hcm::ForwardClientCertDetails::SanitizeSet.into();
                manager.set_current_client_cert_details = Some(client_certificate());
            }
        }
        manager
    }
}

// By default dot segments go and nothing is decoded or merged.
fn normalize(how: Normalization, manager: &mut HttpConnectionManager) {
    manager.normalize_path = Some(wkt::boolean(how != Normalization::None));
    manager.merge_slashes = matches!(how, Normalization::MergeSlashes | Normalization::DecodeAndMergeSlashes);
    if how == Normalization::DecodeAndMergeSlashes {
        manager.path_with_escaped_slashes_action = hcm::PathWithEscapedSlashesAction::UnescapeAndForward.into();
    }
}

const SERVER_NAME: &str = "istio-envoy";

fn client_certificate() -> hcm::SetCurrentClientCertDetails {
    hcm::SetCurrentClientCertDetails { subject: Some(wkt::boolean(true)), uri: true, dns: true, ..Default::default() }
}
