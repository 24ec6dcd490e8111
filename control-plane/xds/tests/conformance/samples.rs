//! One resource of each kind, small and valid; the revision makes its content differ.

use ferro_xds_protos::{
    Kind, Resource,
    envoy::{
        envoy::{
            config::{
                cluster::v3::Cluster,
                core::v3::TypedExtensionConfig,
                endpoint::v3::ClusterLoadAssignment,
                listener::v3::Listener,
                route::v3::{RouteConfiguration, VirtualHost},
            },
            extensions::transport_sockets::tls::v3::Secret,
            service::runtime::v3::Runtime,
        },
        google::protobuf::{Any, Duration, UInt32Value},
    },
    ferromesh::v1::NameTable,
};

/// The resource of this kind and name, at this revision.
pub(crate) fn resource(kind: Kind, name: &str, revision: u32) -> Resource {
    let text = name.to_owned();
    match kind {
        Kind::Cluster => {
            let connect_timeout = Some(Duration { seconds: i64::from(revision), nanos: 0 });
            Resource::encode(kind, name, &Cluster { name: text, connect_timeout, ..Default::default() })
        }
        Kind::Endpoint => {
            let policy = ferro_xds_protos::envoy::envoy::config::endpoint::v3::cluster_load_assignment::Policy {
                overprovisioning_factor: Some(UInt32Value { value: 100 + revision }),
                ..Default::default()
            };
            let assignment = ClusterLoadAssignment { cluster_name: text, policy: Some(policy), ..Default::default() };
            Resource::encode(kind, name, &assignment)
        }
        Kind::Secret => {
            let marked = Secret { name: text, ..Default::default() };
            Resource::from_parts(kind.type_url(), name.into(), format!("r{revision}").into(), &encode(&marked))
        }
        Kind::ExtensionConfig => {
            let any = Any { type_url: "type.googleapis.com/google.protobuf.Empty".to_owned(), value: Vec::new() };
            let config = TypedExtensionConfig { name: text, typed_config: Some(any) };
            Resource::from_parts(kind.type_url(), name.into(), format!("r{revision}").into(), &encode(&config))
        }
        Kind::Listener => {
            let stat_prefix = format!("r{revision}");
            Resource::encode(kind, name, &Listener { name: text, stat_prefix, ..Default::default() })
        }
        Kind::Route => {
            let internal_only_headers = vec![format!("x-r{revision}")];
            Resource::encode(
                kind,
                name,
                &RouteConfiguration { name: text, internal_only_headers, ..Default::default() },
            )
        }
        Kind::VirtualHost => {
            let domains = vec![format!("r{revision}.example.com")];
            Resource::encode(kind, name, &VirtualHost { name: text, domains, ..Default::default() })
        }
        Kind::Runtime => {
            let marked = Runtime { name: text, layer: None };
            Resource::from_parts(kind.type_url(), name.into(), format!("r{revision}").into(), &encode(&marked))
        }
        Kind::NameTable => {
            let ips = vec![format!("240.240.0.{revision}")];
            Resource::encode(kind, name, &NameTable { name: text, ips, ..Default::default() })
        }
    }
}

fn encode(message: &impl prost::Message) -> Vec<u8> {
    message.encode_to_vec()
}
