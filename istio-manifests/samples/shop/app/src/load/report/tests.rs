use std::collections::BTreeMap;
use std::time::Duration;

use super::{DISTINCT, Outcome, Tally};

fn answered(status: u16, version: &str) -> Outcome {
    Outcome::Answered { status, version: Some(version.to_owned()) }
}

#[test]
fn errors_are_failures_unless_they_are_expected() {
    let mut tally = Tally::new(None, vec![503]);
    for status in [200, 302, 404, 503] {
        tally.add(answered(status, "v1"), Duration::ZERO);
    }
    tally.add(Outcome::Failed("connect: refused".to_owned()), Duration::ZERO);
    let report = tally.report(Duration::from_secs(1));
    assert_eq!((report.requests, report.failed), (5, 2));
    let reasons = [("connect: refused", 1), ("status 404", 1)].map(|(reason, count)| (reason.to_owned(), count));
    assert_eq!(report.failures, BTreeMap::from(reasons));
    assert_eq!(report.statuses, BTreeMap::from([(200, 1), (302, 1), (404, 1), (503, 1)]));
}

#[test]
fn counts_of_several_clients_add_up() {
    let mut left = Tally::new(Some(Duration::from_millis(10)), Vec::new());
    let mut right = left.clone();
    left.add(answered(200, "v1"), Duration::from_millis(5));
    right.add(answered(200, "v1"), Duration::from_millis(10));
    right.add(answered(200, "v2"), Duration::from_millis(20));
    left.merge(&right);
    let report = left.report(Duration::from_secs(2));
    assert_eq!(report.versions, BTreeMap::from([("v1".to_owned(), 2), ("v2".to_owned(), 1)]));
    assert_eq!((report.slower, report.requests_per_second), (2, 1.5));
}

#[test]
fn endless_reasons_and_versions_end_up_under_other() {
    let mut tally = Tally::new(None, Vec::new());
    for number in 0..1000 {
        tally.add(answered(200, &number.to_string()), Duration::ZERO);
        tally.add(Outcome::Failed(number.to_string()), Duration::ZERO);
    }
    let report = tally.report(Duration::from_secs(1));
    assert_eq!((report.versions.len(), report.failures.len()), (DISTINCT + 1, DISTINCT + 1));
    assert_eq!(report.versions["other"], 1000 - DISTINCT as u64);
}

#[test]
fn the_table_names_statuses_versions_and_failures_with_their_shares() {
    let mut tally = Tally::new(None, Vec::new());
    tally.add(answered(200, "v1"), Duration::from_millis(1));
    tally.add(answered(503, "v2"), Duration::from_millis(3));
    let table = tally.report(Duration::from_secs(1)).to_string();
    for line in ["version    v2                1   50.00 %", "failure    status 503        1   50.00 %"] {
        assert!(table.lines().any(|shown| shown == line), "no `{line}` in\n{table}");
    }
}
