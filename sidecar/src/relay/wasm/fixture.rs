use ferro_xds_protos::{
    envoy::envoy::{
        config::core::v3::{
            AsyncDataSource, DataSource, TypedExtensionConfig, async_data_source, data_source::Specifier,
        },
        extensions::{
            filters::http::wasm::v3::Wasm,
            wasm::v3::{PluginConfig, VmConfig, plugin_config::Vm},
        },
    },
    wkt,
};

use crate::modules::ModuleDigest;

/// A Wasm filter whose code is in `file`.
pub(in crate::relay) fn filter(file: &str) -> TypedExtensionConfig {
    let source = DataSource { watched_directory: None, specifier: Some(Specifier::Filename(file.into())) };
    let code = AsyncDataSource { specifier: Some(async_data_source::Specifier::Local(source)) };
    let vm = VmConfig { vm_id: "ferro".into(), code: Some(code), ..Default::default() };
    let config = PluginConfig { name: "ferro".into(), vm: Some(Vm::VmConfig(vm)), ..Default::default() };
    TypedExtensionConfig { name: "f".into(), typed_config: Some(wkt::any(&Wasm { config: Some(config) })) }
}

/// A Wasm filter as ferrod sends it.
pub(in crate::relay) fn filter_asking_for(digest: ModuleDigest) -> TypedExtensionConfig {
    filter(&format!("ferromesh:sha256:{digest}"))
}
