use std::path::{Path, PathBuf};

use super::{EnvoyError, find_program, write_whole};

#[test]
fn a_program_is_taken_by_path_or_looked_up_by_name() {
    assert_eq!(find_program(Path::new("/bin/sh")).unwrap(), PathBuf::from("/bin/sh").canonicalize().unwrap());
    assert!(find_program(Path::new("sh")).unwrap().ends_with("sh"));
}

#[test]
fn a_missing_envoy_is_named_with_what_to_do() {
    let error = find_program(Path::new("/nonexistent/envoy")).unwrap_err();
    assert_eq!(error.to_string(), "there is no Envoy at /nonexistent/envoy; name one by --envoy or $ENVOY");
    assert!(matches!(find_program(Path::new("no-such-envoy")), Err(EnvoyError::Missing { .. })));
}

#[test]
fn a_file_is_replaced_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bootstrap.json");
    write_whole(&path, b"old").unwrap();
    write_whole(&path, b"new").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"new");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(matches!(write_whole(Path::new("/nonexistent/x"), b""), Err(EnvoyError::Write { .. })));
}
