use std::path::Path;

use ferro_xds_protos::{Kind, Resource, envoy::envoy::config::core::v3::TypedExtensionConfig};
use prost::Message;

use super::{
    fixture::{filter, filter_asking_for},
    module_of, with_module,
};
use crate::{
    modules::ModuleDigest,
    relay::{value_of, wire},
};

fn resource(file_name: &str) -> Resource {
    Resource::encode(Kind::ExtensionConfig, "ferro", &filter(file_name))
}

#[test]
fn the_module_is_read_from_the_code_source() {
    let digest = ModuleDigest::of(b"module");
    let named = Resource::encode(Kind::ExtensionConfig, "ferro", &filter_asking_for(digest));
    assert_eq!(module_of(Kind::ExtensionConfig, &named), Ok(Some(digest)));
    assert_eq!(module_of(Kind::Cluster, &named), Ok(None));
}

#[test]
fn a_hash_that_is_none_is_an_error_and_another_file_is_left_alone() {
    assert!(module_of(Kind::ExtensionConfig, &resource("ferromesh:sha256:abc")).is_err());
    assert_eq!(module_of(Kind::ExtensionConfig, &resource("/opt/filter.wasm")), Ok(None));
    let other = Resource::from_parts(Kind::ExtensionConfig.type_url(), "x".into(), "v".into(), b"\xff\x01");
    assert_eq!(module_of(Kind::ExtensionConfig, &other), Ok(None));
}

#[test]
fn only_the_code_source_is_rewritten_and_the_version_stays() {
    let config = filter_asking_for(ModuleDigest::of(b"module"));
    let before = Resource::encode(Kind::ExtensionConfig, "ferro", &config);
    let after = with_module(&before, Path::new("/state/module.wasm")).expect("it names a module");
    assert_eq!(after.version(), before.version());
    assert_eq!(after.name(), before.name());
    let frame = after.delta_frame();
    assert_eq!(TypedExtensionConfig::decode(value_of(&frame)), Ok(filter("/state/module.wasm")));
}

#[test]
fn a_field_only_a_newer_ferrod_knows_survives_the_rewriting() {
    let mut config = filter_asking_for(ModuleDigest::of(b"module")).encode_to_vec();
    config.extend([0x80, 0x7d, 0x2a]);
    let before = Resource::from_parts(Kind::ExtensionConfig.type_url(), "ferro".into(), "v7".into(), &config);
    let after = with_module(&before, Path::new("/m.wasm")).expect("it names a module");
    let frame = after.delta_frame();
    let numbers: Vec<_> = wire::fields(value_of(&frame)).map(|field| field.expect("readable").number).collect();
    assert_eq!(numbers, [1, 2, 2000]);
}
