use serde_json::{Value, json};

use crate::ads::Address;

/// How an Envoy asks for its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XdsVariant {
    /// ADS, delta.
    Delta,
    /// ADS, state of the world.
    Sotw,
}

/// A bootstrap with CDS and LDS over ADS, and nothing else.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    /// The xDS server.
    pub xds: Address,
    /// How to ask it.
    pub variant: XdsVariant,
    /// The node's id.
    pub node: String,
    /// An RTDS layer by this name, if any.
    pub runtime_layer: Option<String>,
}

// === impl Bootstrap ===

impl Bootstrap {
    /// A bootstrap for a server and a variant.
    pub fn new(xds: Address, variant: XdsVariant) -> Self {
        let node = "sidecar~127.77.0.9~envoy.default~default.svc.cluster.local".to_owned();
        Self { xds, variant, node, runtime_layer: None }
    }

    pub(super) fn to_json(&self) -> Value {
        let api_type = match self.variant {
            XdsVariant::Delta => "DELTA_GRPC",
            XdsVariant::Sotw => "GRPC",
        };
        let ads = json!({"ads": {}, "resource_api_version": "V3"});
        let mut bootstrap = json!({
            "node": {"id": self.node, "cluster": "test"},
            "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
            "dynamic_resources": {
                "ads_config": {
                    "api_type": api_type,
                    "transport_api_version": "V3",
                    "set_node_on_first_message_only": true,
                    "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}],
                },
                "cds_config": ads,
                "lds_config": ads,
            },
            "static_resources": {"clusters": [self.xds_cluster()]},
        });
        if let Some(name) = &self.runtime_layer {
            let layer = json!({"name": name, "rtds_layer": {"name": name, "rtds_config": ads}});
            bootstrap["layered_runtime"] = json!({"layers": [layer]});
        }
        bootstrap
    }

    fn xds_cluster(&self) -> Value {
        let address = match &self.xds {
            Address::Unix(path) => json!({"pipe": {"path": path}}),
            Address::Tcp(authority) => {
                let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "15010"));
                json!({"socket_address": {"address": host, "port_value": port.parse::<u16>().unwrap_or(15010)}})
            }
        };
        let http2 = json!({"explicit_http_config": {"http2_protocol_options": {}}});
        json!({
            "name": "xds",
            "type": "STATIC",
            "connect_timeout": "1s",
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": merge_type(http2),
            },
            "load_assignment": {
                "cluster_name": "xds",
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
            },
        })
    }
}

fn merge_type(mut options: Value) -> Value {
    options["@type"] = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions".into();
    options
}
