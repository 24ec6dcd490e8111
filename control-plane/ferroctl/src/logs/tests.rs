use std::fs::{self, File};
use std::io::Write;

use super::Tail;

fn append(path: &std::path::Path, text: &str) {
    File::options().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_log_is_followed_across_its_truncation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("envoy.log");
    fs::write(&path, "past\nfirst\n").unwrap();
    let mut tail = Tail::open(&path, 6).unwrap();
    assert_eq!(tail.read().unwrap(), b"first\n");
    assert_eq!(tail.read().unwrap(), b"");
    append(&path, "second\n");
    assert_eq!(tail.read().unwrap(), b"second\n");

    File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    assert_eq!(tail.read().unwrap(), b"");
    append(&path, "third\n");
    assert_eq!(tail.read().unwrap(), b"third\n");
    append(&path, "fourth\n");
    assert_eq!(tail.read().unwrap(), b"fourth\n");
}

#[test]
fn a_log_that_was_cut_and_has_grown_since_the_last_look_is_read_from_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("envoy.log");
    fs::write(&path, "a long line of the past\n").unwrap();
    let mut tail = Tail::open(&path, 1_000).unwrap();
    assert_eq!(tail.read().unwrap(), b"a long line of the past\n");
    File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    append(&path, "new\n");
    assert_eq!(tail.read().unwrap(), b"new\n");
}
