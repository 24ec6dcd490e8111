use std::time::Duration;

use super::Span;

#[test]
fn every_unit_is_read() {
    let cases = [
        ("250us", Duration::from_micros(250)),
        ("100ms", Duration::from_millis(100)),
        ("1.5s", Duration::from_millis(1500)),
        ("2m", Duration::from_secs(120)),
        ("0s", Duration::ZERO),
    ];
    for (text, duration) in cases {
        assert_eq!(text.parse(), Ok(Span(duration)), "{text}");
    }
}

#[test]
fn a_number_without_unit_and_nonsense_are_refused_with_examples() {
    for text in ["", "100", "ms", "-1s", "1h", "1e400s", "infs"] {
        let error = text.parse::<Span>().expect_err(text);
        assert!(error.to_string().contains("100ms"), "{error}");
    }
}

#[test]
fn what_is_displayed_can_be_read_again() {
    let span = Span::millis(1250);
    assert_eq!(span.to_string().parse(), Ok(span));
}
