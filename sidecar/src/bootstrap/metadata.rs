//! The node: how the proxy introduces itself, with Istio's metadata keys where Istio has them.

use std::collections::BTreeMap;

use ferro_xds_protos::{
    envoy::{
        envoy::{
            config::core::v3::{Locality as ProtoLocality, Node, node::UserAgentVersionType},
            r#type::v3::SemanticVersion,
        },
        google::protobuf::{ListValue, Struct, Value as ProtoValue, value::Kind},
    },
    node as key,
};
use serde_json::{Map, Value, json};

use crate::{
    config::{Capture, Config, Locality},
    envoy::EnvoyVersion,
};

/// The node of this agent's Envoy, as JSON.
pub fn node(config: &Config) -> Value {
    let workload = &config.workload;
    let mut node = Map::new();
    node.insert("id".to_owned(), json!(config.node_id()));
    node.insert("cluster".to_owned(), json!(cluster(config)));
    if workload.locality != Locality::default() {
        let Locality { region, zone, sub_zone } = &workload.locality;
        node.insert("locality".to_owned(), json!({ "region": region, "zone": zone, "sub_zone": sub_zone }));
    }
    node.insert("metadata".to_owned(), Value::Object(metadata(config)));
    Value::Object(node)
}

/// The same node for the relay's stream to ferrod: Envoy's program named as Envoy names itself, without the 61 KB of
/// extensions it lists.
pub fn node_message(config: &Config, version: EnvoyVersion) -> Node {
    let Locality { region, zone, sub_zone } = config.workload.locality.clone();
    let build = ferro_xds_protos::envoy::envoy::config::core::v3::BuildVersion {
        version: Some(SemanticVersion {
            major_number: version.major,
            minor_number: version.minor,
            patch: version.patch,
        }),
        metadata: None,
    };
    Node {
        id: config.node_id(),
        cluster: cluster(config),
        metadata: Some(message_of(metadata(config))),
        locality: (config.workload.locality != Locality::default()).then_some(ProtoLocality { region, zone, sub_zone }),
        user_agent_name: "envoy".to_owned(),
        user_agent_version_type: Some(UserAgentVersionType::UserAgentBuildVersion(build)),
        ..Node::default()
    }
}

fn message_of(fields: Map<String, Value>) -> Struct {
    Struct { fields: fields.into_iter().map(|(key, value)| (key, value_of(value))).collect() }
}

fn value_of(value: Value) -> ProtoValue {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(flag),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text),
        Value::Array(items) => Kind::ListValue(ListValue { values: items.into_iter().map(value_of).collect() }),
        Value::Object(fields) => Kind::StructValue(message_of(fields)),
    };
    ProtoValue { kind: Some(kind) }
}

fn cluster(config: &Config) -> String {
    format!("{}.{}", application(config), config.workload.namespace)
}

/// What the workload is called among people: its `app` label, else its name.
fn application(config: &Config) -> &str {
    let labels = &config.workload.labels;
    let named = ["service.istio.io/canonical-name", "app.kubernetes.io/name", "app"];
    named.iter().find_map(|label| labels.get(*label)).unwrap_or(&config.workload.name)
}

fn metadata(config: &Config) -> Map<String, Value> {
    let workload = &config.workload;
    let mut metadata = Map::new();
    let mut set = |key: &str, value: Value| {
        metadata.insert(key.to_owned(), value);
    };
    set(key::NAMESPACE, json!(workload.namespace));
    set(key::LABELS, json!(workload.labels));
    set(key::WORKLOAD_NAME, json!(workload.name));
    set(key::SERVICE_ACCOUNT, json!(workload.service_account));
    set(key::CLUSTER_ID, json!(config.mesh.cluster_id));
    set(key::MESH_ID, json!(config.mesh.mesh_id));
    set(key::ISTIO_VERSION, json!(concat!("ferromesh-", env!("CARGO_PKG_VERSION"))));
    set(key::INSTANCE_IPS, json!(workload.ip.to_string()));
    set(key::DNS_CAPTURE, json!("true"));
    set(key::FERRO_PROTOCOL, json!(config.protocol));
    match &config.capture {
        Capture::Redirect => set(key::INTERCEPTION_MODE, json!(key::REDIRECT)),
        Capture::None { app_ports } => {
            let ports: BTreeMap<String, u16> = app_ports.iter().map(|(port, app)| (port.to_string(), *app)).collect();
            set(key::INTERCEPTION_MODE, json!(key::NONE));
            set(key::FERRO_APP_PORTS, json!(ports));
        }
    }
    if let Some(group) = &workload.group {
        set(key::AUTO_REGISTER_GROUP, json!(group));
    }
    metadata
}
