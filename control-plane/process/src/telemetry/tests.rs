use super::{Format, TelemetryError, init, parse_filter};

#[test]
fn a_format_is_named_text_or_json() {
    assert_eq!("text".parse(), Ok(Format::Text));
    assert_eq!("json".parse(), Ok(Format::Json));
    assert_eq!("xml".parse::<Format>().unwrap_err().to_string(), "log format `xml` is unknown; use `text` or `json`");
}

#[test]
fn a_filter_that_does_not_parse_is_shown_with_what_is_allowed() {
    let error = parse_filter("ferro=loud").unwrap_err();
    assert!(error.to_string().starts_with("log filter `ferro=loud` is not valid; write a level"), "{error}");
}

#[test]
fn logs_are_set_up_once() {
    init(Format::Json, "off").unwrap();
    assert!(matches!(init(Format::Text, "info"), Err(TelemetryError::AlreadySet(_))));
}
