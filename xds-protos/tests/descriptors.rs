//! The message descriptors behind `json` are cut out of those that `envoy-types` ships: 3.4 MB of files with their comments
//! and options become what resources consist of. They are checked in; this test makes them anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ferro_xds_protos::Kind;
use prost::Message;
use prost_reflect::DescriptorPool;
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, MessageOptions};

/// What resources hold in an `Any`, beside the kinds themselves: a type that translation begins to use goes here.
const PACKED: [&str; 21] = [
    "envoy.extensions.access_loggers.file.v3.FileAccessLog",
    "envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig",
    "envoy.extensions.filters.http.cors.v3.Cors",
    "envoy.extensions.filters.http.cors.v3.CorsPolicy",
    "envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig",
    "envoy.extensions.filters.http.fault.v3.HTTPFault",
    "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig",
    "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb",
    "envoy.extensions.filters.http.router.v3.Router",
    "envoy.extensions.filters.http.wasm.v3.Wasm",
    "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector",
    "envoy.extensions.filters.listener.original_dst.v3.OriginalDst",
    "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
    "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
    "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
    "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    "google.protobuf.StringValue",
    "google.protobuf.Struct",
];
const OURS: [&str; 1] = ["ferromesh/v1/name_table.proto"];
const CHECKED_IN: &str = "src/json/descriptors.bin";

#[test]
fn checked_in_descriptors_are_what_envoy_ships_cut_to_size() {
    let made = cut(&whole(), roots()).encode_to_vec();
    DescriptorPool::decode(&*made).expect("a whole set");
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join(CHECKED_IN);
    if std::fs::read(&target).ok().as_deref() != Some(&made) {
        std::fs::write(&target, made).expect("the file is replaced");
        panic!("regenerated {}: commit it", target.display());
    }
}

fn whole() -> FileDescriptorSet {
    let envoy = ferro_xds_protos::testing::file_descriptor_set().expect("Envoy's descriptors");
    let mut set = FileDescriptorSet::decode(&*envoy).expect("a descriptor set");
    let protos = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    set.file.extend(protox::compile(OURS, [protos]).expect("our protos compile").file);
    set
}

fn roots() -> Vec<String> {
    let kinds = Kind::ALL.into_iter().filter_map(|kind| kind.type_url().split('/').next_back());
    kinds.chain(PACKED).map(|name| format!(".{name}")).collect()
}

/// The roots with everything they refer to, and nothing else.
fn cut(set: &FileDescriptorSet, roots: Vec<String>) -> FileDescriptorSet {
    let (mut messages, mut files) = (BTreeMap::new(), BTreeMap::new());
    for (index, file) in set.file.iter().enumerate() {
        let full = |name: &Option<String>| format!(".{}.{}", file.package(), name.as_deref().unwrap_or_default());
        messages.extend(file.message_type.iter().map(|message| (full(&message.name), message)));
        files.extend(file.message_type.iter().map(|message| (full(&message.name), index)));
        files.extend(file.enum_type.iter().map(|found| (full(&found.name), index)));
    }
    let (mut wanted, mut waiting) = (BTreeSet::new(), roots);
    while let Some(name) = waiting.pop() {
        let top = top_level(&files, &name).unwrap_or_else(|| panic!("{name} is not among Envoy's descriptors"));
        if wanted.insert(top.clone()) {
            waiting.extend(messages.get(&top).into_iter().flat_map(|message| references(message)));
        }
    }
    let cut = |file: &FileDescriptorProto| cut_file(file, &wanted, &files, set);
    FileDescriptorSet { file: set.file.iter().filter_map(cut).collect() }
}

/// The top-level type that a type is, or is in.
fn top_level(files: &BTreeMap<String, usize>, name: &str) -> Option<String> {
    let mut name = name;
    while !files.contains_key(name) {
        name = name.rsplit_once('.')?.0;
    }
    Some(name.to_owned())
}

fn references(message: &DescriptorProto) -> Vec<String> {
    let own = message.field.iter().filter_map(|field| field.type_name.clone());
    own.chain(message.nested_type.iter().flat_map(references)).collect()
}

/// The wanted types of a file; nothing if it has none.
fn cut_file(
    file: &FileDescriptorProto,
    wanted: &BTreeSet<String>,
    files: &BTreeMap<String, usize>,
    set: &FileDescriptorSet,
) -> Option<FileDescriptorProto> {
    let is_wanted = |name: &str| wanted.contains(&format!(".{}.{name}", file.package()));
    let mut messages: Vec<_> = file.message_type.iter().filter(|found| is_wanted(found.name())).cloned().collect();
    let mut enums: Vec<_> = file.enum_type.iter().filter(|found| is_wanted(found.name())).cloned().collect();
    if messages.is_empty() && enums.is_empty() {
        return None;
    }
    let others = messages.iter().flat_map(references).filter_map(|name| files.get(&top_level(files, &name)?));
    let uses: BTreeSet<&str> =
        others.map(|index| set.file[*index].name()).filter(|name| *name != file.name()).collect();
    messages.iter_mut().for_each(strip);
    enums.iter_mut().for_each(strip_enum);
    Some(FileDescriptorProto {
        name: file.name.clone(),
        package: file.package.clone(),
        dependency: uses.into_iter().map(str::to_owned).collect(),
        message_type: messages,
        enum_type: enums,
        syntax: file.syntax.clone(),
        ..FileDescriptorProto::default()
    })
}

/// Takes away what JSON does not need: validation rules, annotations, deprecations.
fn strip(message: &mut DescriptorProto) {
    let map_entry = message.options.as_ref().and_then(|options| options.map_entry);
    message.options = map_entry.map(|flag| MessageOptions { map_entry: Some(flag), ..MessageOptions::default() });
    message.field.iter_mut().for_each(|field: &mut FieldDescriptorProto| field.options = None);
    message.oneof_decl.iter_mut().for_each(|oneof| oneof.options = None);
    message.extension.clear();
    message.reserved_range.clear();
    message.reserved_name.clear();
    message.enum_type.iter_mut().for_each(strip_enum);
    message.nested_type.iter_mut().for_each(strip);
}

fn strip_enum(found: &mut prost_types::EnumDescriptorProto) {
    let alias = found.options.as_ref().and_then(|options| options.allow_alias);
    found.options =
        alias.map(|flag| prost_types::EnumOptions { allow_alias: Some(flag), ..prost_types::EnumOptions::default() });
    found.value.iter_mut().for_each(|value| value.options = None);
    found.reserved_range.clear();
    found.reserved_name.clear();
}
