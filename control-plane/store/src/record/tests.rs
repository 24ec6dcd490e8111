use ferro_model::{
    mesh::AddressKey,
    object::{ObjectKey, ObjectKind},
};

use super::{address_key, object_key, parse_address_key, parse_object_key, to_stored};
use crate::{disk::Record, revision::Revision, testing::text};

fn record() -> Record {
    let (text, owner) = (text("a", 1), "api".to_owned());
    Record { text, owner, created: 7, hash: "unused".to_owned(), version: Revision(3) }
}

#[test]
fn keys_read_back_as_they_were() {
    for namespace in ["shop", ""] {
        let key = ObjectKey { kind: ObjectKind::Service, namespace: namespace.into(), name: "product".into() };
        assert_eq!(parse_object_key(&object_key(&key)), Some(key));
        let key = AddressKey { namespace: namespace.into(), host: "*.example.com".into() };
        assert_eq!(parse_address_key(&address_key(&key)), Some(key));
    }
}

#[test]
fn a_record_is_served_with_what_it_says() {
    let (_, stored) = to_stored("VirtualService/shop/a", &record()).expect("valid");
    assert_eq!((stored.version, stored.object.meta.created.unix_millis()), (Revision(3), 7));
    assert_eq!(&*stored.object.source_text, text("a", 1));
}

#[test]
fn the_text_of_a_record_is_served_to_the_letter() {
    let text = format!("# first a comment\n{}\n# and last\n", text("a", 1));
    let (_, stored) = to_stored("VirtualService/shop/a", &Record { text: text.clone(), ..record() }).expect("valid");
    assert_eq!(&*stored.object.source_text, text);
}

#[test]
fn a_record_that_cannot_be_served_tells_why() {
    let reason = |key: &str, record: &Record| to_stored(key, record).expect_err("invalid").to_string();
    assert!(reason("Unheard/shop/a", &record()).contains("unknown kind"));
    assert!(reason("VirtualService/a", &record()).contains("Kind/namespace/name"));
    assert!(
        reason("VirtualService/shop/a", &Record { owner: "me".into(), ..record() }).contains("`me` names no owner")
    );
    assert!(reason("VirtualService/shop/a", &Record { text: "{".into(), ..record() }).contains("not accepted"));
    assert!(reason("VirtualService/shop/b", &record()).contains("not accepted"));
}
