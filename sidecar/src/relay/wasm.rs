//! ECDS resources whose Wasm code is named `ferromesh:sha256:<hex>` (architecture.md, section 3, point 9).

use std::path::Path;

use ferro_xds_protos::{Kind, Resource};

use super::wire;
use crate::modules::{InvalidDigest, ModuleDigest};

#[cfg(test)]
pub(super) mod fixture;
#[cfg(test)]
mod tests;

/// What a module's file name begins with before the agent has put the real one.
const PREFIX: &str = "ferromesh:sha256:";
const FILTERS: [&str; 2] = [
    "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
    "type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm",
];
/// `TypedExtensionConfig.typed_config.type_url`.
const TYPE_URL: [u32; 2] = [2, 1];
/// `TypedExtensionConfig.typed_config.value`, in it `Wasm.config.vm_config.code.local.filename`.
const FILE_NAME: [u32; 7] = [2, 2, 1, 3, 3, 1, 1];

/// The module that `resource` asks the agent for; `None` if it asks for none.
///
/// # Errors
/// It asks for one in a form that names no module.
pub(super) fn module_of(kind: Kind, resource: &Resource) -> Result<Option<ModuleDigest>, InvalidDigest> {
    if kind != Kind::ExtensionConfig {
        return Ok(None);
    }
    let frame = resource.delta_frame();
    let config = super::value_of(&frame);
    let is_wasm = wire::find(config, &TYPE_URL).is_some_and(|url| FILTERS.iter().any(|known| known.as_bytes() == url));
    let file_name = wire::find(config, &FILE_NAME).filter(|_| is_wasm);
    let Some(digest) = file_name.and_then(|name| str::from_utf8(name).ok()?.strip_prefix(PREFIX)) else {
        return Ok(None);
    };
    digest.parse().map(Some)
}

/// The resource with the module's file in place of its hash and nothing else changed, its version least of all.
/// `None` if it names no file.
pub(super) fn with_module(resource: &Resource, file: &Path) -> Option<Resource> {
    let frame = resource.delta_frame();
    let changed = wire::replace(super::value_of(&frame), &FILE_NAME, file.to_str()?.as_bytes())?;
    let (name, version) = (resource.name().clone(), resource.version().clone());
    Some(Resource::from_parts(Kind::ExtensionConfig.type_url(), name, version, &changed))
}
