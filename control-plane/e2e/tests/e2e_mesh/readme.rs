//! What README.md tells people to type.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use ferro_e2e::{Blueprint, Mode, eventually};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What stands between two texts.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).unwrap_or_else(|| panic!("no `{before}`")).1;
    rest.split_once(after).unwrap_or_else(|| panic!("no `{after}`")).0
}

#[test]
fn the_first_canary_shows_both_versions_where_it_says_so() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let canary = between(&readme, "## A first canary", "## ");
    let subsets = between(canary, "ferroctl apply -f istio-manifests/", "\n");
    let yaml = between(canary, "ferroctl apply -f - <<EOF\n", "EOF\n");
    let url = between(canary, "`curl -x http://<order address>:15007 ", "`");

    let mesh =
        Blueprint::new(Mode::Loopback).workload("product", "v1").workload("product", "v2").workload("order", "v1");
    let mesh = mesh.up();
    mesh.ctl_ok(&["apply", "-f", repository().join("istio-manifests").join(subsets).to_str().unwrap()]);
    let mut apply = mesh.ferroctl().args(["apply", "-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    apply.stdin.take().unwrap().write_all(yaml.as_bytes()).unwrap();
    assert!(apply.wait().unwrap().success());

    let client = mesh.beside("order-v1");
    for version in ["v2", "v1"] {
        eventually(version, || client.get(url).is_ok_and(|answer| answer.version() == version));
    }
}
