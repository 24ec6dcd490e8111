//! Short names for the packages of Envoy's API that translation writes.

pub(crate) use ferro_xds_protos::envoy::envoy::config::accesslog::v3 as accesslog;
pub(crate) use ferro_xds_protos::envoy::envoy::config::cluster::v3 as cluster;
pub(crate) use ferro_xds_protos::envoy::envoy::config::core::v3 as core;
pub(crate) use ferro_xds_protos::envoy::envoy::config::endpoint::v3 as endpoint;
pub(crate) use ferro_xds_protos::envoy::envoy::config::listener::v3 as listener;
pub(crate) use ferro_xds_protos::envoy::envoy::config::route::v3 as route;
pub(crate) use ferro_xds_protos::envoy::envoy::extensions as ext;
pub(crate) use ferro_xds_protos::envoy::envoy::r#type as types;
pub(crate) use ferro_xds_protos::envoy::google::protobuf as wkt;
