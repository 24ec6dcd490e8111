use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{Found, is_policy_file, walk};

fn folder(files: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().expect("inside")).expect("created");
        fs::write(path, "a: 1\n").expect("written");
    }
    folder
}

fn names(found: &Found, folder: &TempDir) -> Vec<String> {
    let relative = |path: &PathBuf| path.strip_prefix(folder.path()).expect("inside").display().to_string();
    found.files.keys().map(relative).collect()
}

#[test]
fn policy_files_are_known_by_their_names() {
    for (name, expected) in
        [("a.yaml", true), ("a.yml", true), ("a.json", true), ("a.yaml~", false), (".a.yaml", false)]
    {
        assert_eq!(is_policy_file(Path::new(name)), expected, "{name}");
    }
}

#[test]
fn a_walk_finds_the_policy_files_of_all_folders_that_are_not_hidden() {
    let folder = folder(&["b.yaml", "a/deep/er.yml", "x.json", "README.md", ".git/c.yaml", "a/.swap.yaml"]);
    assert_eq!(names(&walk([folder.path()], 10), &folder), ["a/deep/er.yml", "b.yaml", "x.json"]);
}

#[test]
fn links_to_files_are_followed_and_links_to_folders_are_not() {
    let folder = folder(&["..2026/a.yaml", "real/b.yaml"]);
    symlink("..2026", folder.path().join("..data")).expect("linked");
    symlink("..data/a.yaml", folder.path().join("a.yaml")).expect("linked");
    symlink("..", folder.path().join("real/loop")).expect("linked");
    symlink("nothing", folder.path().join("dangling.yaml")).expect("linked");
    assert_eq!(names(&walk([folder.path()], 10), &folder), ["a.yaml", "real/b.yaml"]);
}

#[test]
fn a_root_may_be_a_file_of_any_name_and_must_exist() {
    let folder = folder(&["mesh.conf"]);
    let (file, absent) = (folder.path().join("mesh.conf"), folder.path().join("absent"));
    let found = walk([file.as_path(), absent.as_path()], 10);
    assert_eq!(names(&found, &folder), ["mesh.conf"]);
    assert!(found.unreadable.contains_key(&absent));
    assert!(!found.covers(&absent.join("a.yaml")));
    assert!(found.covers(&folder.path().join("other.yaml")));
}

#[test]
fn past_the_limit_files_are_left_out_and_nothing_counts_as_gone() {
    let folder = folder(&["a.yaml", "b.yaml", "c.yaml"]);
    let found = walk([folder.path()], 2);
    assert_eq!((names(&found, &folder), found.left_out), (vec!["a.yaml".to_owned(), "b.yaml".to_owned()], 1));
    assert!(!found.covers(&folder.path().join("c.yaml")));
}

#[test]
fn a_tree_without_end_is_cut_and_told() {
    let deep: String = "d/".repeat(40) + "a.yaml";
    let folder = folder(&[&deep]);
    let found = walk([folder.path()], 10);
    assert!(found.files.is_empty());
    assert_eq!(found.unreadable.len(), 1);
}
