//! The Rust made from `proto/` is checked in, so that building needs no protocol compiler; this test makes it anew.

use std::path::{Path, PathBuf};

/// Package and where its code lives.
const PACKAGES: [(&str, &str); 1] = [("ferromesh.v1", "src/ferromesh/v1.rs")];
const SOURCES: [&str; 2] = ["ferromesh/v1/modules.proto", "ferromesh/v1/name_table.proto"];

fn crate_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn generate(into: &Path) {
    let descriptors = protox::compile(SOURCES, [crate_dir().join("proto")]).expect("the protos compile");
    tonic_prost_build::configure()
        .emit_rerun_if_changed(false)
        .build_transport(false)
        .bytes(".ferromesh.v1.FetchResponse")
        .out_dir(into)
        .compile_fds(descriptors)
        .expect("the code is written");
}

#[test]
fn checked_in_code_is_what_the_protos_generate() {
    let fresh = tempfile::tempdir().expect("a temporary folder");
    generate(fresh.path());
    let mut outdated: Vec<PathBuf> = Vec::new();
    for (package, checked_in) in PACKAGES {
        let made = std::fs::read_to_string(fresh.path().join(format!("{package}.rs"))).expect("generated code");
        let target = crate_dir().join(checked_in);
        if std::fs::read_to_string(&target).ok().as_deref() != Some(&made) {
            std::fs::write(&target, made).expect("the code is replaced");
            outdated.push(target);
        }
    }
    assert!(outdated.is_empty(), "regenerated {outdated:?}: look at the change and commit it");
}

#[test]
fn every_proto_is_generated_from() {
    let folder = crate_dir().join("proto/ferromesh/v1");
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder of protos")
        .map(|entry| format!("ferromesh/v1/{}", entry.expect("an entry").file_name().to_string_lossy()))
        .collect();
    found.sort();
    assert_eq!(found, SOURCES);
}
