use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use super::{MAX_LINKS, Roots, turns_to};

fn roots() -> Roots {
    Roots::new(&[PathBuf::from("/mesh"), PathBuf::from("/etc/one.conf")]).expect("absolute")
}

#[test]
fn policy_files_under_a_root_and_roots_themselves_are_accepted() {
    for path in ["/mesh/a.yaml", "/mesh/deep/er/b.yml", "/etc/one.conf"] {
        assert!(roots().accept(Path::new(path)), "{path}");
    }
    for path in ["/mesh/a.txt", "/mesh/.git/a.yaml", "/mesh/.a.yaml", "/etc/two.yaml", "/meshed/a.yaml"] {
        assert!(!roots().accept(Path::new(path)), "{path}");
    }
}

#[test]
fn hidden_parts_above_a_root_do_not_hide_it() {
    let roots = Roots::new(&[PathBuf::from("/home/.config/mesh")]).expect("absolute");
    assert!(roots.accept(Path::new("/home/.config/mesh/a.yaml")));
}

#[test]
fn folders_below_and_above_a_root_may_hold_policy_files() {
    for (path, expected) in [("/mesh/new", true), ("/mesh/.git", false), ("/etc", true), ("/var", false)] {
        assert_eq!(roots().may_hold(Path::new(path)), expected, "{path}");
    }
}

#[test]
fn the_way_to_a_root_turns_at_links_and_ends_at_what_is_missing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().canonicalize().expect("it is there").join(name);
    fs::create_dir_all(path("git/.trees/1/policies")).expect("created");
    fs::create_dir(path("mount")).expect("created");
    symlink(".trees/1", path("git/current")).expect("linked");
    symlink("../git/./current/policies", path("mount/policies")).expect("linked");
    symlink("circle", path("circle")).expect("linked");
    assert_eq!(turns_to(&path("git/.trees/1")), [] as [PathBuf; 0]);
    assert_eq!(
        turns_to(&path("mount/policies/a.yaml")),
        [path("mount/policies"), path("git/current"), path("git/.trees/1/policies/a.yaml")]
    );
    assert_eq!(turns_to(&path("missing/deep")), [path("missing")]);
    assert_eq!(turns_to(&path("circle")).len(), MAX_LINKS);
}
