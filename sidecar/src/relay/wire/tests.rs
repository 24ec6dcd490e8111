use ferro_xds_protos::envoy::{
    envoy::config::core::v3::{DataSource, TypedExtensionConfig, data_source::Specifier},
    google::protobuf::Any,
};
use prost::Message;

use super::{fields, find, replace};

fn sample() -> Vec<u8> {
    let source = DataSource { watched_directory: None, specifier: Some(Specifier::Filename("old".into())) };
    TypedExtensionConfig {
        name: "filter".into(),
        typed_config: Some(Any { type_url: "type".into(), value: source.encode_to_vec() }),
    }
    .encode_to_vec()
}

#[test]
fn a_nested_string_is_found_by_its_path() {
    assert_eq!(find(&sample(), &[2, 2, 1]), Some(b"old".as_slice()));
    assert_eq!(find(&sample(), &[2, 2, 3]), None);
}

#[test]
fn replacing_changes_only_the_string_and_the_lengths_around_it() {
    let longer = "n".repeat(300);
    let changed = replace(&sample(), &[2, 2, 1], longer.as_bytes()).expect("the path exists");
    let read = TypedExtensionConfig::decode(changed.as_slice()).expect("still a message");
    assert_eq!(read.name, "filter");
    let source = DataSource::decode(read.typed_config.expect("its configuration").value.as_slice()).expect("a source");
    assert_eq!(source.specifier, Some(Specifier::Filename(longer)));
}

#[test]
fn fields_our_protos_do_not_know_survive() {
    // Field 2000, a varint, before and after what is replaced.
    let unknown = [0x80, 0x7d, 0x2a];
    let message = [unknown.as_slice(), &sample(), &unknown].concat();
    let changed = replace(&message, &[2, 2, 1], b"new").expect("the path exists");
    assert!(changed.starts_with(&unknown) && changed.ends_with(&unknown));
    assert_eq!(find(&changed, &[2, 2, 1]), Some(b"new".as_slice()));
}

#[test]
fn a_message_cut_anywhere_is_an_error_or_a_shorter_message_but_never_a_panic() {
    let whole = sample();
    for length in 0..whole.len() {
        let cut = &whole[..length];
        let read: Result<Vec<_>, _> = fields(cut).collect();
        if let Ok(read) = read {
            assert_eq!(read.last().map_or(0, |field| field.span.end), length);
        }
        assert_eq!(replace(cut, &[2, 2, 1], b"x"), None);
    }
}
