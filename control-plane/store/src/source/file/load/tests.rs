use std::fs;

use nix::{sys::stat::Mode, unistd::mkfifo};

use super::{Ending, Loaded, Refusal, half_written, load};

#[test]
fn a_file_over_the_limit_is_not_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("big.yaml");
    // A hole, not data: whoever reads it gets 100 MB of zeros.
    fs::File::create(&path).and_then(|file| file.set_len(100_000_000)).expect("created");
    let (stamp, loaded) = load(&path, 1_000_000);
    assert!(stamp.is_some());
    assert_eq!(loaded, Loaded::Refused(Refusal::TooLarge { bytes: 100_000_000, limit: 1_000_000 }));
}

#[test]
fn a_file_at_the_limit_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.yaml");
    fs::write(&path, "abc\n").expect("written");
    assert_eq!(load(&path, 4).1, Loaded::Text("abc\n".to_owned()));
    assert_eq!(load(&path, 3).1, Loaded::Refused(Refusal::TooLarge { bytes: 4, limit: 3 }));
}

#[test]
fn what_is_no_text_file_is_refused_and_never_waited_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pipe = folder.path().join("pipe.yaml");
    mkfifo(&pipe, Mode::S_IRWXU).expect("a pipe");
    assert_eq!(load(&pipe, 10).1, Loaded::Refused(Refusal::NotAFile));
    let binary = folder.path().join("binary.yaml");
    fs::write(&binary, b"ab\xff").expect("written");
    assert_eq!(load(&binary, 10).1, Loaded::Refused(Refusal::NotUtf8 { offset: 2 }));
    assert_eq!(load(&folder.path().join("absent.yaml"), 10), (None, Loaded::Absent));
    assert_eq!(load(folder.path(), 10).1, Loaded::Absent);
}

#[test]
fn a_text_that_was_cut_in_a_line_is_half_written() {
    assert!(half_written("a: 1\nb: ", Ending::WholeLine).is_some());
    assert!(half_written("", Ending::WholeLine).is_some());
    assert!(half_written("", Ending::PartLine).is_some());
}

#[test]
fn whole_texts_are_taken_and_texts_that_never_end_a_line_too() {
    assert_eq!(half_written("a: 1\n", Ending::WholeLine), None);
    assert_eq!(half_written("a: 1", Ending::PartLine), None);
}
