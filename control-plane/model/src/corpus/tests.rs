use super::{Case, PROMISED, Summary, Verdict, is_promised, judge};
use crate::ObjectKind;

fn case(expect: &str, text: &str) -> Case {
    let line = serde_json::json!({ "id": "x", "kind": "Service", "apiVersion": "v1", "text": text, "expect": expect, "set": "more" });
    serde_json::from_value(line).expect("a case of the corpus's form")
}

const GOOD: &str = "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {}}";
const WARNED: &str = "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {extra: 1}}";
const REFUSED: &str = "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: 1}}";
const OTHER: &str = "{apiVersion: v1, kind: Secret, metadata: {name: a}}";

#[test]
fn a_verdict_is_compared_with_what_is_expected() {
    let cases = [
        ("accepted", GOOD, Verdict::Accepted, true),
        ("accepted", WARNED, Verdict::Warned, false),
        ("accepted", REFUSED, Verdict::Refused, false),
        ("accepted", OTHER, Verdict::Unsupported, true),
        ("invalid", REFUSED, Verdict::Refused, true),
        ("invalid", GOOD, Verdict::Accepted, false),
        ("parsed; the CRD would refuse it", WARNED, Verdict::Warned, true),
        ("parsed; the CRD would refuse it", GOOD, Verdict::Accepted, false),
    ];
    for (expect, text, verdict, expected) in cases {
        let judged = judge(&case(expect, text));
        assert_eq!((judged.verdict, judged.expected), (verdict, expected), "{expect}: {text}");
    }
}

#[test]
fn verdicts_are_counted_by_kind_and_in_sum() {
    let mut summary = Summary::default();
    for verdict in [Verdict::Accepted, Verdict::Accepted, Verdict::Refused] {
        summary.add(&case("accepted", GOOD), verdict);
    }
    assert_eq!(summary.rows(), [("v1 Service".to_owned(), [2, 0, 1, 0]), ("all".to_owned(), [2, 0, 1, 0])]);
}

#[test]
fn a_promised_kind_that_is_not_supported_is_not_as_expected() {
    for kind in ObjectKind::ALL {
        let promised = kind.api_versions().iter().all(|version| is_promised(version, kind.as_str()));
        assert!(promised, "{kind} is supported; write it down");
    }
    assert_eq!(PROMISED.iter().map(|(_, kinds)| kinds.len()).sum::<usize>(), ObjectKind::ALL.len(), "none is lost");
    assert!(!is_promised("gateway.networking.k8s.io/v1", "Gateway") && !is_promised("v1", "Secret"));
}
