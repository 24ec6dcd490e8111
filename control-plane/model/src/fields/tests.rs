use std::sync::Arc;
use std::time::Duration;

use super::{FromNode, duration};
use crate::context::Context;
use crate::node::Node;
use crate::yaml::{Limits, documents};

fields! {
    /// A struct of every kind of field.
    pub(crate) struct Sample {
        /// Required.
        name: String = "name",
        /// Optional.
        count: Option<u16> = "count",
        /// With a meaning when absent.
        tries: i32 = "tries" or 2,
        /// A list.
        items: Vec<bool> = "items",
    }
    ignored ["comment"]
    later ["soon"]
    unread {
        /// From elsewhere.
        extra: u32,
    }
}

fn tree(text: &str) -> Node {
    documents(text, &Limits::default()).next().expect("a document").expect("the text is YAML").root
}

/// Reads a value; the findings as `code field`.
fn read<T: FromNode>(text: &str) -> (Option<T>, Vec<String>) {
    let root = tree(text);
    let mut context = Context::new(Arc::from("x.yaml"), &root, None);
    let value = T::from_node(&root, &mut context);
    let findings = context.into_findings();
    (value, findings.iter().map(|finding| format!("{} {}", finding.code, finding.field)).collect())
}

/// A value without findings.
#[track_caller]
fn good<T: FromNode>(text: &str) -> T {
    let (value, findings) = read(text);
    assert_eq!(findings, Vec::<String>::new(), "{text}");
    value.unwrap_or_else(|| panic!("{text} has a value"))
}

#[track_caller]
fn bad<T: FromNode + std::fmt::Debug>(text: &str) {
    let (value, findings) = read::<T>(text);
    assert!(value.is_none() && !findings.is_empty(), "{text}: {value:?}");
}

#[test]
fn absent_fields_mean_what_is_declared() {
    let sample: Sample = good("name: a");
    assert_eq!(sample, Sample { name: "a".to_owned(), count: None, tries: 2, items: Vec::new(), extra: 0 });
}

#[test]
fn null_means_absent() {
    let sample: Sample = good("{name: a, count: null, tries: ~, items: }");
    assert_eq!((sample.count, sample.tries, sample.items), (None, 2, Vec::new()));
}

#[test]
fn every_broken_field_is_found_at_once() {
    let (value, findings) = read::<Sample>("{count: x, tries: [], items: [1, true, y!]}");
    assert_eq!(value, None);
    assert_eq!(
        findings,
        ["missing-field name", "wrong-type count", "wrong-type tries", "wrong-type items[0]", "wrong-type items[2]"]
    );
}

#[test]
fn unknown_fields_are_told_and_do_not_refuse() {
    let (value, findings) = read::<Sample>("{name: a, nmae: b, comment: c, soon: d}");
    assert!(value.is_some());
    assert_eq!(findings, ["unknown-field nmae", "not-supported soon"]);
}

#[test]
fn a_slip_of_the_keyboard_is_answered_with_the_nearest_field() {
    let root = tree("{name: a, itmes: [], Count: 5, other: 1}");
    let mut context = Context::new(Arc::from("x.yaml"), &root, None);
    Sample::from_node(&root, &mut context);
    let advice: Vec<_> = context.into_findings().into_iter().map(|finding| finding.message).collect();
    assert!(advice.iter().any(|text| text.contains("did you mean `items`?")), "{advice:?}");
    assert!(advice.iter().any(|text| text.contains("did you mean `count`?")), "{advice:?}");
    assert!(advice.iter().any(|text| text.contains("known: name, count, tries, items, comment")), "{advice:?}");
}

#[test]
fn findings_of_one_document_are_bounded_and_an_error_is_never_lost_behind_warnings() {
    let unknown: String = (0..200).map(|number| format!("x{number}: 1\n")).collect();
    let root = tree(&unknown);
    let mut context = Context::new(Arc::from("x.yaml"), &root, None);
    assert_eq!(Sample::from_node(&root, &mut context), None);
    let findings = context.into_findings();
    assert!(findings.len() < 60 && findings.iter().any(crate::Diagnostic::is_error), "{}", findings.len());
    assert_eq!(findings.last().map(|finding| finding.code), Some("more"));
}

#[test]
fn whole_numbers_are_read_as_kubernetes_does() {
    for (text, value) in [
        ("5", 5),
        ("0400", 256),
        ("0x10", 16),
        ("0o17", 15),
        ("0b11", 3),
        ("1e3", 1000),
        ("10.0", 10),
        ("-0", 0),
        ("+7", 7),
        ("08", 8),
        ("1_000", 1000),
    ] {
        assert_eq!(good::<i64>(text), value, "{text}");
    }
    for text in ["'5'", "five", "1.5", "[]", "0x", "0x-5", "-0x-8000000000000000", "99999999999999999999", "1e99", "''"]
    {
        bad::<i64>(text);
    }
    bad::<u16>("65536");
    bad::<u16>("-1");
}

#[test]
fn numbers_are_finite_and_plain() {
    assert_eq!(good::<f64>("0.5"), 0.5);
    assert_eq!(good::<f64>("1e-3"), 0.001);
    for text in [".nan", ".inf", "1e999", "'0.5'", "half"] {
        bad::<f64>(text);
    }
}

#[test]
fn booleans_are_read_as_yaml_1_1_does() {
    for text in ["true", "True", "yes", "on", "y"] {
        assert!(good::<bool>(text), "{text}");
    }
    for text in ["false", "FALSE", "no", "off", "N"] {
        assert!(!good::<bool>(text), "{text}");
    }
    for text in ["'true'", "1", "tRUE"] {
        bad::<bool>(text);
    }
}

#[test]
fn a_string_that_kubernetes_takes_for_something_else_needs_quotes() {
    for text in [
        "v1",
        "1.2.3.4",
        "2001:db8::1",
        "12:30:00",
        "2026-11-21",
        "1.2.3",
        "e5",
        "1st",
        "'80'",
        "\"true\"",
        ".",
        "y",
        "N",
    ] {
        good::<String>(text);
    }
    for text in ["80", "1.5", "true", "no", "0x1F", "1e3", "0400", "1_000"] {
        bad::<String>(text);
    }
}

#[test]
fn durations_are_written_as_in_go() {
    let seconds = Duration::from_secs;
    for (text, value) in [
        ("0", seconds(0)),
        ("0s", seconds(0)),
        ("1.5s", Duration::from_millis(1500)),
        ("1h30m", seconds(5400)),
        ("100us", Duration::from_micros(100)),
        ("2562047h", seconds(2_562_047 * 3600)),
        (".5s", Duration::from_millis(500)),
    ] {
        assert_eq!(duration(text), Some(value), "{text}");
    }
    for text in ["", "5", "-1s", "s", "1 s", "1d", "1s2", "9999999h", "1..5s", "NaNs", "infs"] {
        assert_eq!(duration(text), None, "{text}");
    }
}
