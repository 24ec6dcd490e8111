use super::{Exposition, Kind};

#[test]
fn a_family_has_its_help_its_type_and_its_samples() {
    let mut text = Exposition::default();
    text.family("requests_total", Kind::Counter, "Requests.")
        .sample(&[("code", "200"), ("path", "/a")], 3)
        .sample(&[("code", "500"), ("path", "/a")], 1);
    text.family("age_seconds", Kind::Gauge, "Age.").sample(&[], 1.5);
    let expected = "# HELP requests_total Requests.\n# TYPE requests_total counter\n\
                    requests_total{code=\"200\",path=\"/a\"} 3\nrequests_total{code=\"500\",path=\"/a\"} 1\n\
                    # HELP age_seconds Age.\n# TYPE age_seconds gauge\nage_seconds 1.5\n";
    assert_eq!(text.finish(), expected);
}

#[test]
fn quotes_backslashes_and_line_breaks_in_labels_are_escaped() {
    let mut text = Exposition::default();
    text.family("m", Kind::Gauge, "h").sample(&[("l", "a\"b\\c\nd")], 1);
    assert!(text.finish().ends_with("m{l=\"a\\\"b\\\\c\\nd\"} 1\n"));
}
