//! Source files: each is compiled. A file that no `mod` names is never even parsed, and its tests never run.

use std::collections::BTreeSet;

use crate::{
    hold,
    packages::{members, outsiders},
    repository::Repository,
};

#[test]
fn every_source_file_belongs_to_a_target() {
    let repository = Repository::open();
    let all: BTreeSet<&str> = repository.ending(".rs").collect();
    let mut reached = BTreeSet::new();
    for package in members(&repository).iter().chain(&outsiders(&repository)) {
        for root in &package.roots {
            visit(&repository, &all, root, folder_of(root), &mut reached);
        }
    }
    let orphans: Vec<String> = all.iter().filter(|file| !reached.contains(**file)).map(ToString::to_string).collect();
    hold("no `mod` leads to these files", &orphans);
}

/// Takes in a file whose modules are in `folder`, and all below it.
fn visit(repository: &Repository, all: &BTreeSet<&str>, file: &str, folder: &str, reached: &mut BTreeSet<String>) {
    if !reached.insert(file.to_owned()) {
        return;
    }
    let text = repository.text(file).expect("source is text");
    for name in declared(&text) {
        let child = format!("{folder}/{name}.rs");
        if all.contains(child.as_str()) {
            visit(repository, all, &child, &format!("{folder}/{name}"), reached);
        }
    }
}

/// The modules that a file says are in files of their own.
fn declared(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let mut rest = line.trim_start();
        if let Some(public) = rest.strip_prefix("pub") {
            rest = public.strip_prefix('(').and_then(|scope| scope.split_once(')')).map_or(public, |(_, rest)| rest);
            rest = rest.trim_start();
        }
        rest.strip_prefix("mod ")?.split_once(';').map(|(name, _)| name.trim())
    })
}

fn folder_of(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[test]
fn no_file_is_called_mod() {
    let repository = Repository::open();
    hold("write foo.rs beside foo/", &repository.ending("/mod.rs").map(str::to_owned).collect::<Vec<_>>());
}

// === tests ===

#[test]
fn modules_are_seen_whatever_their_visibility() {
    let text =
        "mod a;\npub mod b;\npub(crate) mod c;\n    pub(in crate::x) mod d; // why\nmod e { fn f() {} }\n// mod g;\n";
    assert_eq!(declared(text).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
}
