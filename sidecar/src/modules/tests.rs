use std::{collections::HashSet, fs, os::unix::fs::PermissionsExt};

use super::{KEPT_MODULES, MAX_MODULE_BYTES, ModuleDigest, ModuleError, Modules};

const CONTENT: &[u8] = b"\0asm a module";

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn open(folder: &tempfile::TempDir) -> Modules {
    Modules::open(folder.path().join("modules")).expect("the folder is made")
}

fn add(modules: &mut Modules, content: &[u8]) -> ModuleDigest {
    let digest = ModuleDigest::of(content);
    let mut incoming = modules.receive(digest).expect("a file");
    incoming.push(content).expect("written");
    incoming.finish(modules).expect("the right content");
    digest
}

#[test]
fn a_module_received_in_pieces_is_kept_read_only_under_its_hash() {
    let folder = folder();
    let mut modules = open(&folder);
    let digest = ModuleDigest::of(CONTENT);
    assert_eq!(modules.get(digest), None);
    let mut incoming = modules.receive(digest).expect("a file");
    for byte in CONTENT {
        incoming.push(&[*byte]).expect("written");
    }
    let path = incoming.finish(&mut modules).expect("the right content");
    assert_eq!(fs::read(&path).expect("readable"), CONTENT);
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o444);
    assert!(path.ends_with(format!("{digest}.wasm")));
    assert_eq!(modules.get(digest), Some(path.clone()));
    assert_eq!(open(&folder).get(digest), Some(path));
}

#[test]
fn wrong_bytes_leave_nothing_behind() {
    let folder = folder();
    let mut modules = open(&folder);
    let mut incoming = modules.receive(ModuleDigest::of(CONTENT)).expect("a file");
    incoming.push(b"something else").expect("written");
    assert!(matches!(incoming.finish(&mut modules), Err(ModuleError::WrongContent { .. })));
    assert_eq!(fs::read_dir(folder.path().join("modules")).expect("the folder").count(), 0);
}

#[test]
fn a_module_over_the_limit_is_refused_while_it_arrives() {
    let folder = folder();
    let modules = open(&folder);
    let mut incoming = modules.receive(ModuleDigest::of(CONTENT)).expect("a file");
    incoming.received = MAX_MODULE_BYTES - 1;
    incoming.push(&[0]).expect("just fits");
    assert!(matches!(incoming.push(&[0]), Err(ModuleError::TooLarge(_))));
}

#[test]
fn a_damaged_file_is_not_handed_out() {
    let folder = folder();
    let digest = add(&mut open(&folder), CONTENT);
    let path = folder.path().join("modules").join(format!("{digest}.wasm"));
    fs::remove_file(&path).expect("removed");
    fs::write(&path, b"\0asm a modul").expect("a truncated copy");
    assert_eq!(open(&folder).get(digest), None);
    assert!(!path.exists());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a crash drops nothing")]
fn a_fetch_that_was_cut_off_by_a_crash_is_cleared_away() {
    let folder = folder();
    let modules = open(&folder);
    let incoming = modules.receive(ModuleDigest::of(CONTENT)).expect("a file");
    std::mem::forget(incoming);
    assert_eq!(fs::read_dir(folder.path().join("modules")).expect("the folder").count(), 1);
    open(&folder);
    assert_eq!(fs::read_dir(folder.path().join("modules")).expect("the folder").count(), 0);
}

#[test]
fn unused_modules_go_and_used_ones_stay() {
    let folder = folder();
    let mut modules = open(&folder);
    let all: Vec<_> = (0..10_u8).map(|number| add(&mut modules, &[number])).collect();
    let in_use = HashSet::from([all[0], all[1]]);
    modules.prune(&in_use);
    assert!(modules.get(all[0]).is_some() && modules.get(all[1]).is_some());
    assert_eq!(all.iter().filter(|digest| modules.get(**digest).is_some()).count(), KEPT_MODULES);
}

#[test]
fn only_64_lower_case_digits_are_a_digest() {
    let digest = ModuleDigest::of(CONTENT);
    assert_eq!(digest.to_string().parse(), Ok(digest));
    for wrong in ["", "abc", &"A".repeat(64), &"g".repeat(64), &"a".repeat(63), &"a".repeat(65), "../../etc/passwd"] {
        assert!(wrong.parse::<ModuleDigest>().is_err(), "{wrong}");
    }
}
