//! Packages: who uses whom, and which lints hold.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    hold,
    packages::{Edge, Package, Purpose, manifest_of, members, outsiders},
    picture::{self, Arrows},
    repository::Repository,
};

const PICTURE: &str = "control-plane/README.md";
/// What tests may use beside what their package may.
const FOR_TESTS: [&str; 2] = ["control-plane/model", "control-plane/testkit"];

#[test]
fn packages_use_each_other_as_the_picture_says() {
    let repository = Repository::open();
    let picture = picture::read(&repository.text(PICTURE).expect("the README is text")).expect("a picture");
    let packages = members(&repository);
    let folders: BTreeSet<&String> = packages.iter().map(|package| &package.folder).collect();
    let gone = picture.keys().filter(|folder| !folders.contains(folder));
    let mut violations: Vec<String> = gone.map(|folder| format!("{folder} is in the picture and no package")).collect();
    violations.extend(packages.iter().flat_map(|package| against(&picture, package)));
    hold("draw the arrow in control-plane/README.md, if the use is sound", &violations);
}

fn against(picture: &BTreeMap<String, Arrows>, package: &Package) -> Vec<String> {
    let Some(arrows) = picture.get(&package.folder) else {
        return vec![format!("{} is not in the picture", package.name)];
    };
    let allowed = |edge: &&Edge| {
        arrows.folders().contains(&edge.to)
            || edge.purpose == Purpose::Tests && (edge.to == package.folder || FOR_TESTS.contains(&edge.to.as_str()))
    };
    let undrawn = package.edges.iter().filter(|edge| !allowed(edge));
    let mut violations: Vec<String> = undrawn
        .map(|edge| {
            format!("{} uses {}, and the picture has no such arrow ({:?})", package.name, edge.to, edge.purpose)
        })
        .collect();
    if let Arrows::To(drawn) = arrows {
        let used =
            |folder: &String| package.edges.iter().any(|edge| edge.to == *folder && edge.purpose == Purpose::Product);
        let idle = drawn.iter().filter(|folder| !used(folder));
        violations.extend(idle.map(|folder| format!("{} does not use {folder}, as the picture says", package.name)));
    }
    violations
}

#[test]
fn every_package_inherits_the_lints_of_the_workspace() {
    let repository = Repository::open();
    let workspace = repository.text("Cargo.toml").expect("the manifest is text");
    let violations: Vec<String> = members(&repository)
        .iter()
        .map(manifest_of)
        .flat_map(|manifest| differing(&workspace, &manifest, &repository.text(&manifest).expect("a manifest is text")))
        .collect();
    hold("write `[lints] workspace = true`", &violations);
}

/// The ABI crate alone may differ, and in one lint; Cargo makes it repeat the others, which must stay the same.
fn differing(workspace: &str, manifest: &str, text: &str) -> Vec<String> {
    if table(text, "[lints]").any(|line| line == "workspace = true") {
        return Vec::new();
    }
    if manifest != "wasm-filters/abi/Cargo.toml" {
        return vec![format!("{manifest} does not inherit")];
    }
    let mut violations = Vec::new();
    for (ours, theirs) in [("[workspace.lints.rust]", "[lints.rust]"), ("[workspace.lints.clippy]", "[lints.clippy]")] {
        let repeated: BTreeSet<&str> = table(text, theirs).collect();
        let missing =
            table(workspace, ours).filter(|line| !line.starts_with("unsafe_code") && !repeated.contains(line));
        violations.extend(missing.map(|line| format!("{manifest}, {theirs}: lacks `{line}` of the workspace")));
    }
    if !table(text, "[lints.rust]").any(|line| line.starts_with("unsafe_code = \"allow\" # ")) {
        violations.push(format!("{manifest} does not say behind `unsafe_code` why it differs"));
    }
    violations
}

fn table<'a>(manifest: &'a str, header: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = manifest.lines().map(str::trim).skip_while(move |line| *line != header).skip(1);
    lines.take_while(|line| !line.starts_with('[')).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[test]
fn only_fuzz_crates_stand_outside_the_workspace() {
    let repository = Repository::open();
    let outside = outsiders(&repository);
    let others = outside.iter().filter(|package| !package.folder.ends_with("/fuzz"));
    hold("add it to the members in Cargo.toml", &others.map(manifest_of).collect::<Vec<_>>());
}

#[test]
fn the_lock_file_knows_one_registry() {
    let lock = Repository::open().text("Cargo.lock").expect("the lock file is text");
    let one = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    let others = lock.lines().filter(|line| line.starts_with("source = ") && *line != one);
    hold("a dependency comes from elsewhere", &others.map(str::to_owned).collect::<Vec<_>>());
}
