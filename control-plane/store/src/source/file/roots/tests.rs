use std::path::{Path, PathBuf};

use super::Roots;

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
