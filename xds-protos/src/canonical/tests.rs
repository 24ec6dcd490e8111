use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::PathBuf;

use prost::Message;

use super::schema::MESSAGES;
use super::sort_maps;
use crate::envoy::envoy::config::cluster::v3::Cluster;
use crate::envoy::envoy::config::core::v3::Metadata;
use crate::envoy::envoy::config::route::v3::{Route, VirtualHost, WeightedCluster, weighted_cluster::ClusterWeight};
use crate::envoy::google::protobuf::field_descriptor_proto::Type;
use crate::envoy::google::protobuf::{Any, DescriptorProto, FileDescriptorSet, Struct};
use crate::wkt::{string_value, struct_of, struct_value};

const CLUSTER: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
const HOST: &str = "type.googleapis.com/envoy.config.route.v3.VirtualHost";

fn letters() -> Struct {
    struct_of(('a'..='f').map(|key| (key.to_string(), string_value(key.to_string()))))
}

fn metadata() -> Metadata {
    let filter_metadata = ('a'..='f').map(|key| {
        let nested = struct_of([("nested".to_owned(), struct_value(letters())), ("z".to_owned(), string_value("z"))]);
        (format!("envoy.{key}"), nested)
    });
    Metadata { filter_metadata: filter_metadata.collect(), ..Metadata::default() }
}

fn packed<M: Message + prost::Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

/// A cluster whose extension options hold, inside an `Any`, a route with maps again.
fn cluster() -> Cluster {
    let route = Route { metadata: Some(metadata()), ..Route::default() };
    let options = (0..6).map(|n| (format!("extension.{n}"), packed(&route)));
    Cluster {
        name: "c".to_owned(),
        metadata: Some(metadata()),
        typed_extension_protocol_options: options.collect::<HashMap<_, _>>(),
        ..Cluster::default()
    }
}

fn canonical<M: Message>(type_url: &str, message: &M) -> Vec<u8> {
    let mut bytes = message.encode_to_vec();
    sort_maps(type_url, &mut bytes);
    bytes
}

#[test]
fn equal_messages_have_one_encoding() {
    let encodings: BTreeSet<Vec<u8>> = (0..200).map(|_| canonical(CLUSTER, &cluster())).collect();
    assert_eq!(encodings.len(), 1);
    let raw: BTreeSet<Vec<u8>> = (0..200).map(|_| cluster().encode_to_vec()).collect();
    assert!(raw.len() > 1, "prost encodes deterministically now: this module may go");
}

#[test]
fn per_filter_configuration_is_ordered_at_every_level_of_a_virtual_host() {
    let config = || (0..4).map(|n| (format!("filter.{n}"), packed(&cluster()))).collect::<HashMap<_, _>>();
    let host = || {
        let weight = ClusterWeight { typed_per_filter_config: config(), ..ClusterWeight::default() };
        let clusters = WeightedCluster { clusters: vec![weight], ..WeightedCluster::default() };
        let action = crate::envoy::envoy::config::route::v3::RouteAction {
            cluster_specifier: Some(
                crate::envoy::envoy::config::route::v3::route_action::ClusterSpecifier::WeightedClusters(clusters),
            ),
            ..Default::default()
        };
        let route = Route {
            typed_per_filter_config: config(),
            action: Some(crate::envoy::envoy::config::route::v3::route::Action::Route(action)),
            ..Route::default()
        };
        VirtualHost { routes: vec![route], typed_per_filter_config: config(), ..VirtualHost::default() }
    };
    let encodings: BTreeSet<Vec<u8>> = (0..200).map(|_| canonical(HOST, &host())).collect();
    assert_eq!(encodings.len(), 1);
}

#[test]
fn ordering_changes_no_content() {
    let bytes = canonical(CLUSTER, &cluster());
    let decoded = Cluster::decode(&*bytes).expect("still a cluster");
    assert_eq!(decoded.name, "c");
    assert_eq!(decoded.metadata, Some(metadata()));
    assert_eq!(decoded.typed_extension_protocol_options.len(), 6);
}

#[test]
fn bytes_that_are_no_message_are_left_alone() {
    let mut bytes = vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    let before = bytes.clone();
    sort_maps(CLUSTER, &mut bytes);
    assert_eq!(bytes, before);
    let whole = cluster().encode_to_vec();
    for len in (0..whole.len()).step_by(211) {
        sort_maps(CLUSTER, &mut whole[..len].to_vec());
    }
}

/// Regenerates the table from the descriptors of the `envoy-types` in use.
/// `UPDATE_SCHEMA=1 cargo test -p ferro-xds-protos` writes it.
#[test]
fn the_table_names_every_map_of_the_descriptors() {
    let descriptors = crate::testing::file_descriptor_set().expect("envoy-types ships its descriptors");
    let set = FileDescriptorSet::decode(&*descriptors).expect("a FileDescriptorSet");
    let wanted = generate(&Messages::of(&set));
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/canonical/schema.rs");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &wanted).expect("schema.rs is writable");
    }
    let present = std::fs::read_to_string(&path).expect("schema.rs");
    assert!(present == wanted, "schema.rs is stale: UPDATE_SCHEMA=1 cargo test -p ferro-xds-protos");
}

#[test]
fn the_table_can_be_searched() {
    assert!(MESSAGES.is_sorted_by_key(|entry| entry.0));
    assert!(MESSAGES.iter().all(|entry| entry.1.is_sorted_by_key(|field| field.0)));
}

/// Every message of a descriptor set by full name, and the names of those that are map entries.
struct Messages {
    fields: BTreeMap<String, Vec<(u32, String)>>,
    entries: BTreeSet<String>,
}

const ANY: &str = "google.protobuf.Any";

impl Messages {
    fn of(set: &FileDescriptorSet) -> Self {
        let mut messages = Self { fields: BTreeMap::new(), entries: BTreeSet::new() };
        for file in &set.file {
            for message in &file.message_type {
                messages.add(file.package(), message);
            }
        }
        messages
    }

    fn add(&mut self, parent: &str, message: &DescriptorProto) {
        let name = format!("{parent}.{}", message.name());
        let fields = message.field.iter().filter(|field| field.r#type() == Type::Message);
        let mut fields: Vec<(u32, String)> = fields
            .map(|field| (field.number().unsigned_abs(), field.type_name().trim_start_matches('.').to_owned()))
            .collect();
        fields.sort();
        if message.options.as_ref().is_some_and(|options| options.map_entry()) {
            self.entries.insert(name.clone());
        }
        for nested in &message.nested_type {
            self.add(&name, nested);
        }
        self.fields.insert(name, fields);
    }

    /// The messages, map entries apart, from which a map or an `Any` can be reached.
    fn leading(&self) -> BTreeSet<&str> {
        let mut leading = BTreeSet::new();
        loop {
            let before = leading.len();
            for (name, fields) in &self.fields {
                let leads = |of: &String| of == ANY || self.entries.contains(of) || leading.contains(of.as_str());
                if !self.entries.contains(name) && fields.iter().any(|(_, of)| leads(of)) {
                    leading.insert(name.as_str());
                }
            }
            if leading.len() == before {
                return leading;
            }
        }
    }
}

fn generate(messages: &Messages) -> String {
    let leading = messages.leading();
    let position = |of: &str| leading.iter().position(|name| *name == of);
    let mut text = String::from(
        "//! Generated from the descriptors of `envoy-types` by the test `the_table_names_every_map_of_the_descriptors`.\n\n\
         use super::{Entry, Field};\n\n\
         /// Every message below which a map can stand, by name.\npub(super) static MESSAGES: &[Entry] = &[\n",
    );
    for name in &leading {
        let mut fields = Vec::new();
        for (number, of) in &messages.fields[*name] {
            let field = if of == ANY {
                "Field::Any".to_owned()
            } else if messages.entries.contains(of) {
                let value = messages.fields[of].iter().find(|(number, _)| *number == 2).map(|(_, of)| of.as_str());
                match value {
                    Some(ANY) => "Field::MapOfAny".to_owned(),
                    Some(of) => position(of).map_or("Field::Map".to_owned(), |at| format!("Field::MapOf({at})")),
                    None => "Field::Map".to_owned(),
                }
            } else if let Some(at) = position(of) {
                format!("Field::Message({at})")
            } else {
                continue;
            };
            fields.push(format!("({number}, {field})"));
        }
        writeln!(text, "    ({name:?}, &[{}]),", fields.join(", ")).expect("a String takes everything");
    }
    text.push_str("];\n");
    text
}
