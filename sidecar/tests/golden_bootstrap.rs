//! The bootstraps of the three kinds of proxy, as reviewed bytes and as a real Envoy judges them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use clap::Parser;
use ferro_agent::{args::Args, bootstrap::bootstrap, config::Config};

/// `$ENVOY`, else the one `make build` puts into `dist`.
fn envoy() -> PathBuf {
    std::env::var_os("ENVOY").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/envoy"), PathBuf::from)
}

/// Compares with the reviewed file and has Envoy load the same bytes.
fn check(name: &str, arguments: &[&str]) {
    let args = Args::try_parse_from(["ferro-agent"].iter().chain(arguments)).unwrap();
    let text = format!("{:#}\n", bootstrap(&Config::resolve(args).unwrap()));
    insta::assert_snapshot!(name, text);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bootstrap.json");
    fs::write(&path, text).unwrap();
    let output = Command::new(envoy())
        .args(["--mode", "validate", "--disable-hot-restart", "--log-level", "warning", "--config-path"])
        .arg(&path)
        .output()
        .unwrap_or_else(|error| panic!("cannot run {}: {error}; `make build` fetches Envoy", envoy().display()));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "Envoy refuses the bootstrap: {errors}");
    assert!(!errors.contains("deprecated"), "the bootstrap uses what Envoy is about to drop: {errors}");
}

#[test]
fn a_sidecar_without_capture() {
    check(
        "sidecar_none",
        &[
            "--ip=127.77.0.5",
            "--workload=product-v1",
            "--namespace=shop",
            "--labels=app=product,version=v1",
            "--service-account=product",
            "--group=product-v1",
            "--capture=none",
            "--app-port=8080=31001",
            "--locality=eu/eu-1/rack-7",
            "--state-dir=/run/ferromesh/product-v1",
        ],
    );
}

#[test]
fn a_sidecar_with_captured_traffic() {
    check("sidecar_redirect", &["--ip=10.77.0.5", "--workload=order", "--namespace=shop", "--group=order"]);
}

#[test]
fn a_gateway() {
    check(
        "gateway",
        &[
            "--ip=127.77.0.9",
            "--workload=ingress",
            "--namespace=shop",
            "--labels=istio=ingressgateway",
            "--kind=router",
            "--capture=none",
        ],
    );
}
