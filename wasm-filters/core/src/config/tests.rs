use std::borrow::ToOwned;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use proptest::prelude::*;

use super::{Configuration, InvalidConfiguration, json};
use crate::series::Reporter;

fn refusal(text: &str) -> InvalidConfiguration {
    Configuration::parse(text.as_bytes()).expect_err(text)
}

#[test]
fn both_reporters_are_read() {
    let source = Configuration::parse(br#"{"reporter":"source"}"#);
    assert_eq!(source, Ok(Configuration { reporter: Reporter::Source }));
    let spaced = Configuration::parse(b" {\n\t\"reporter\" : \"destination\" }\r\n");
    assert_eq!(spaced, Ok(Configuration { reporter: Reporter::Destination }));
}

#[test]
fn a_configuration_without_a_reporter_is_refused() {
    assert_eq!(refusal("{}"), InvalidConfiguration::Missing("reporter"));
    assert_eq!(refusal(""), InvalidConfiguration::Syntax { offset: 0 });
}

#[test]
fn a_reporter_nobody_knows_is_refused_with_what_is_allowed() {
    let refusal = refusal(r#"{"reporter":"gateway"}"#);
    assert_eq!(refusal.to_string(), r#""reporter" is "gateway"; allowed: source, destination"#);
}

#[test]
fn unknown_and_repeated_members_are_refused() {
    let unknown = refusal(r#"{"reporter":"source","limit":"3"}"#);
    assert_eq!(unknown, InvalidConfiguration::UnknownMember("limit".to_owned()));
    let repeated = refusal(r#"{"reporter":"source","reporter":"source"}"#);
    assert_eq!(repeated, InvalidConfiguration::Repeated("reporter"));
}

#[test]
fn what_is_not_an_object_of_strings_is_refused_at_the_byte() {
    let cases = [
        (r#"{"reporter":1}"#, 12),
        (r#"{"reporter":"source"} x"#, 22),
        (r#"{"reporter":"source",}"#, 21),
        (r#"["reporter"]"#, 0),
        (r#"{"reporter":"source"#, 19),
        (r#"{"reporter":"\x"}"#, 13),
        (r#"{"reporter":"\ud800"}"#, 13),
        ("{\"reporter\":\"a\nb\"}", 14),
        ("plain text", 0),
    ];
    for (text, offset) in cases {
        assert_eq!(refusal(text), InvalidConfiguration::Syntax { offset }, "{text}");
    }
}

#[test]
fn escapes_stand_for_their_characters() {
    let members = json::members(br#"{"\"\\\/\b\f\n\r\t":"\u00e4\ud83e\udd80"}"#);
    assert_eq!(members, Ok([("\"\\/\u{8}\u{c}\n\r\t".to_owned(), "ä🦀".to_owned())].into()));
}

/// A JSON string in which every character that may be escaped numerically is.
fn escaped(text: &str) -> String {
    let units: Vec<_> = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    format!("\"{}\"", units.concat())
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(text in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Configuration::parse(&text);
    }

    #[test]
    fn a_damaged_configuration_is_read_or_refused(at in 0..24_usize, byte in any::<u8>(), cut in 0..24_usize) {
        let mut text = br#"{"reporter":"s\u006frce"}"#.to_vec();
        text[at] = byte;
        text.truncate(text.len() - cut);
        let _ = Configuration::parse(&text);
    }

    #[test]
    fn any_string_survives_being_escaped(name in ".*", value in ".*") {
        let text = format!("{{{}:{}}}", escaped(&name), escaped(&value));
        prop_assert_eq!(json::members(text.as_bytes()), Ok([(name, value)].into()));
    }
}
