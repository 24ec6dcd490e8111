use std::{
    fs,
    os::unix::process::ExitStatusExt,
    process::{Child, Command},
};

use super::{PidFile, parse, start_time};

fn sleeper() -> Child {
    Command::new("sleep").arg("60").spawn().unwrap()
}

#[test]
fn a_process_that_was_left_behind_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let file = PidFile::new(folder.path().join("envoy.pid"));
    let mut left = sleeper();
    file.record(left.id());
    file.end_stale();
    assert_eq!(left.wait().unwrap().signal(), Some(9));
    assert!(!folder.path().join("envoy.pid").exists());
}

#[test]
fn a_stranger_that_has_the_same_process_id_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("envoy.pid");
    let mut stranger = sleeper();
    fs::write(&path, format!("{} 1\n", stranger.id())).unwrap();
    PidFile::new(path).end_stale();
    assert_eq!(stranger.try_wait().unwrap(), None);
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn a_file_of_garbage_is_ignored() {
    for text in ["", "12", "a b", "-1 5", "1 2 3"] {
        assert_eq!(parse(text), None, "{text:?}");
    }
}

#[test]
fn a_process_that_is_gone_has_no_start_time() {
    assert!(start_time(std::process::id()).is_some());
    assert_eq!(start_time(u32::MAX), None);
}
