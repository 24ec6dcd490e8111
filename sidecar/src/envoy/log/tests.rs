use std::{fs, io::Write};

use super::{bound, open};

#[test]
fn a_long_log_is_put_aside_and_its_writer_goes_on_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("envoy.log");
    let mut writer = open(&path).unwrap();
    writer.write_all(b"a long line of the past\n").unwrap();
    bound(&path, 10).unwrap();
    writer.write_all(b"new\n").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
    assert_eq!(fs::read_to_string(folder.path().join("envoy.log.1")).unwrap(), "a long line of the past\n");
}

#[test]
fn a_short_log_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("envoy.log");
    open(&path).unwrap().write_all(b"short\n").unwrap();
    bound(&path, 10).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "short\n");
}
