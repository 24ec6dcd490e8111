//! Files: where they may be, how long, and what of a developer's machine they must not tell.

use std::collections::BTreeSet;

use crate::{
    hold,
    repository::{Repository, is_test},
};

/// Past this many lines a file has more than one noun in it.
const HARD: usize = 700;
/// Past this many it is worth a look.
const SOFT: usize = 400;

/// The top level, beside dotfiles.
const TOP: [&str; 12] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "Makefile",
    "README.md",
    "bench",
    "control-plane",
    "istio-manifests",
    "rust-toolchain.toml",
    "sidecar",
    "wasm-filters",
    "xds-protos",
];

/// Folders of the machines this is written on. In two parts, so that the rule does not find itself.
const MACHINES: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/tmp/", "plan")];
/// Hosts of package registries: which one a machine uses is its own matter.
const REGISTRIES: [&str; 6] = [
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("registry.npmjs", ".org"),
    concat!("proxy.golang", ".org"),
];

#[test]
fn no_source_file_is_longer_than_its_budget() {
    let repository = Repository::open();
    let mut violations = Vec::new();
    for file in repository.ending(".rs") {
        let lines = repository.text(file).expect("source is text").lines().count();
        if lines > HARD && !is_test(file) {
            violations.push(format!("{file}: {lines} lines, {HARD} at most"));
        } else if lines > SOFT {
            println!("{file}: {lines} lines, {SOFT} are pleasant");
        }
    }
    hold("split by noun", &violations);
}

#[test]
fn the_top_level_holds_what_the_architecture_names() {
    let repository = Repository::open();
    let top: BTreeSet<&str> = repository.files().filter_map(|file| file.split('/').next()).collect();
    let strangers = top.iter().filter(|entry| !entry.starts_with('.') && !TOP.contains(entry));
    hold("move it into one of the folders", &strangers.map(ToString::to_string).collect::<Vec<_>>());
}

#[test]
fn no_file_tells_of_a_machine() {
    let repository = Repository::open();
    let mut violations = Vec::new();
    for (file, text) in repository.files().filter_map(|file| Some((file, repository.text(file)?))) {
        for (number, line) in (1..).zip(text.lines()) {
            let said = MACHINES.into_iter().filter(|path| names_path(line, path));
            let said = said.chain(REGISTRIES.into_iter().filter(|host| line.contains(host)));
            violations.extend(said.map(|what| format!("{file}:{number}: {what}")));
        }
    }
    hold("a path or a registry of one machine", &violations);
}

/// Whether a line names an absolute path that begins so; the same letters inside a longer path are another's.
fn names_path(line: &str, path: &str) -> bool {
    let inside = |before: char| before.is_alphanumeric() || matches!(before, '.' | '_' | '-' | '}' | ')' | '*' | '~');
    line.match_indices(path).any(|(at, _)| !line[..at].ends_with(inside))
}

// === tests ===

#[test]
fn an_absolute_path_is_told_from_the_inside_of_another() {
    let path = MACHINES[0];
    assert!(names_path(&format!("cd {path}x"), path));
    assert!(names_path(&format!("\"{path}x\""), path));
    assert!(!names_path(&format!("target{path}x"), path));
    assert!(!names_path(&format!("{{dir}}{path}x"), path));
}
