use std::{fs, os::unix::fs::PermissionsExt};

use ferro_xds_protos::{Kind, Resource};

use super::{CacheFile, CacheKey, Unusable, format};

fn key() -> CacheKey {
    CacheKey::new("spiffe://mesh/ns/shop/sa/product".into(), "sidecar~1".into(), b"{}", "1.40".into())
}

fn resource(kind: Kind, name: &str, value: &[u8]) -> Resource {
    Resource::from_parts(kind.type_url(), name.into(), "v1".into(), value)
}

fn saved(folder: &tempfile::TempDir) -> CacheFile {
    let file = CacheFile::new(folder.path().join("lkg"), key());
    let (cluster, empty) = (resource(Kind::Cluster, "a", b"cluster"), resource(Kind::Endpoint, "a", b""));
    let secret = resource(Kind::Secret, "default", b"PRIVATE KEY");
    file.save(
        1_700_000_000_000,
        &[(Kind::Cluster, vec![cluster]), (Kind::Secret, vec![secret]), (Kind::Endpoint, vec![empty])],
    )
    .expect("saved");
    file
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn what_was_saved_is_loaded_byte_for_byte() {
    let folder = folder();
    let loaded = saved(&folder).load().expect("usable").expect("there");
    assert_eq!(loaded.unix_millis, 1_700_000_000_000);
    let expected = [resource(Kind::Cluster, "a", b"cluster"), resource(Kind::Endpoint, "a", b"")];
    assert_eq!(loaded.resources.len(), expected.len());
    for ((kind, resource), wanted) in loaded.resources.iter().zip(&expected) {
        assert_eq!(resource.delta_frame(), wanted.delta_frame(), "{}", kind.short());
        assert_eq!(resource.version(), wanted.version());
    }
}

#[test]
fn secrets_never_reach_the_disk() {
    let folder = folder();
    let file = saved(&folder);
    let bytes = fs::read(file.path()).expect("readable");
    assert!(!bytes.windows(11).any(|window| window == b"PRIVATE KEY"));
}

#[test]
fn only_the_agent_may_read_the_file() {
    let folder = folder();
    let mode = fs::metadata(saved(&folder).path()).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn no_file_is_no_error() {
    let folder = folder();
    assert!(CacheFile::new(folder.path().join("lkg"), key()).load().expect("usable").is_none());
}

#[test]
fn a_file_cut_anywhere_is_discarded() {
    let folder = folder();
    let file = saved(&folder);
    let whole = fs::read(file.path()).expect("readable");
    for length in 0..whole.len() {
        let read = format::read(&whole[..length], &key());
        assert!(matches!(read, Err(Unusable::Foreign | Unusable::Damaged)), "{length}: {read:?}");
    }
}

#[test]
fn a_flipped_bit_anywhere_is_discarded() {
    let folder = folder();
    let file = saved(&folder);
    let whole = fs::read(file.path()).expect("readable");
    for position in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[position] ^= 0x10;
        assert!(format::read(&damaged, &key()).is_err(), "{position}");
    }
}

#[test]
fn another_format_is_discarded_by_name() {
    let folder = folder();
    let file = saved(&folder);
    let mut other = fs::read(file.path()).expect("readable");
    other[8] = 2;
    assert!(matches!(format::read(&other, &key()), Err(Unusable::Format { found: 2 })));
}

#[test]
fn a_file_of_another_owner_is_discarded_naming_what_differs() {
    let folder = folder();
    let file = saved(&folder);
    let bytes = fs::read(file.path()).expect("readable");
    let make = |identity: &str, node: &str, bootstrap: &[u8], envoy: &str| {
        CacheKey::new(identity.into(), node.into(), bootstrap, envoy.into())
    };
    let ours = "spiffe://mesh/ns/shop/sa/product";
    let others = [
        ("identity", make("spiffe://mesh/ns/shop/sa/order", "sidecar~1", b"{}", "1.40")),
        ("node", make(ours, "sidecar~2", b"{}", "1.40")),
        ("bootstrap", make(ours, "sidecar~1", b"{ }", "1.40")),
        ("Envoy", make(ours, "sidecar~1", b"{}", "1.41")),
    ];
    for (part, other) in others {
        let read = format::read(&bytes, &other);
        assert!(matches!(read, Err(Unusable::OtherOwner { part: found, .. }) if found == part), "{part}: {read:?}");
    }
}

#[test]
fn saving_replaces_the_file_and_leaves_no_other() {
    let folder = folder();
    let file = saved(&folder);
    file.save(1, &[]).expect("saved");
    assert!(file.load().expect("usable").expect("there").resources.is_empty());
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
}
