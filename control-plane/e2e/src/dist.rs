//! Where the programs are.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Everything a mesh is made of; ferroctl finds the others beside itself.
const NEEDED: [&str; 6] = ["ferrod", "ferro-agent", "ferroctl", "ferro-shop", "ferro_filters.wasm", "envoy"];

/// The folder with the built programs.
///
/// # Panics
/// One of them is not there: these tests are about real processes and cannot do without.
pub(crate) fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let built = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dist");
        let folder = env::var_os("FERRO_DIST").map_or_else(built, PathBuf::from);
        for name in NEEDED {
            let path = folder.join(name);
            assert!(path.is_file(), "{} is missing: run `make build`, or set FERRO_DIST", path.display());
        }
        folder.canonicalize().expect("a folder that was just looked into")
    })
}
