use serde_json::json;

use super::finding;

#[test]
fn a_diagnostic_says_file_line_column_field_and_message() {
    let whole = json!({
        "severity": "error", "file": "route.yaml", "line": 12, "column": 7,
        "field": "spec.http[0].route[1].weight", "message": "found lots", "object": "VirtualService shop/product",
    });
    assert_eq!(finding(&whole), "error: route.yaml:12:7 spec.http[0].route[1].weight: found lots");
}

#[test]
fn what_is_not_known_of_a_diagnostic_is_left_out() {
    let translated = json!({ "severity": "warning", "field": "spec.host", "message": "no such host" });
    assert_eq!(finding(&translated), "warning: spec.host: no such host");
    let unsupported = json!({ "severity": "warning", "file": "a.yaml", "line": 3, "message": "no effect" });
    assert_eq!(finding(&unsupported), "warning: a.yaml:3: no effect");
    let placeless = json!({ "severity": "error", "file": "a.yaml", "line": 0, "column": 0, "message": "too large" });
    assert_eq!(finding(&placeless), "error: a.yaml: too large");
}
