use std::borrow::ToOwned;
use std::collections::BTreeMap;
use std::string::String;

use super::{Filter, ROOT_LIMIT};
use crate::series::CounterSink;

const SOURCE: &[u8] = br#"{"reporter":"source"}"#;
const DESTINATION: &[u8] = br#"{"reporter":"destination"}"#;

/// Counters by the reporter in their name.
#[derive(Default)]
struct Reporters(BTreeMap<String, u64>);

impl CounterSink for Reporters {
    type Id = ReporterId;

    fn define(&mut self, name: &str) -> Option<ReporterId> {
        ["source", "destination", "unknown"].into_iter().find(|reporter| name.contains(reporter)).map(ReporterId)
    }

    fn add(&mut self, ReporterId(reporter): ReporterId, by: u64) -> bool {
        *self.0.entry(reporter.to_owned()).or_default() += by;
        true
    }
}

#[derive(Debug, Clone, Copy)]
struct ReporterId(&'static str);

fn ticked(filter: &mut Filter<ReporterId>, root: u32) -> BTreeMap<String, u64> {
    let mut sink = Reporters::default();
    filter.tick(root, &mut sink);
    sink.0
}

fn counts<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, u64> {
    counts.into_iter().map(|(reporter, count)| (reporter.to_owned(), count)).collect()
}

#[test]
fn streams_are_counted_for_the_plugin_they_belong_to() {
    let mut filter = Filter::new();
    filter.configure(1, SOURCE).expect("valid");
    filter.configure(2, DESTINATION).expect("valid");
    filter.open(3, 1);
    filter.open(4, 2);
    filter.open(5, 2);
    filter.close(4, b"", 200);
    filter.close(3, b"", 200);
    filter.close(5, b"", 200);
    assert_eq!(ticked(&mut filter, 1), counts([("source", 1), ("destination", 2)]));
}

#[test]
fn counts_of_a_replaced_plugin_leave_with_the_tick_of_its_successor() {
    let mut filter = Filter::new();
    filter.configure(1, SOURCE).expect("valid");
    filter.open(2, 1);
    filter.open(3, 1);
    filter.close(2, b"", 200);
    filter.configure(4, DESTINATION).expect("valid");
    filter.close(3, b"", 200);
    assert_eq!(ticked(&mut filter, 4), counts([("source", 2)]));
}

#[test]
fn a_refused_configuration_changes_nothing() {
    let mut filter = Filter::new();
    filter.configure(1, SOURCE).expect("valid");
    assert!(filter.configure(1, b"{}").is_err());
    filter.open(2, 1);
    filter.close(2, b"", 200);
    assert_eq!(ticked(&mut filter, 1), counts([("source", 1)]));
}

#[test]
fn a_plugin_that_ticks_is_remembered_however_often_others_change() {
    let mut filter = Filter::new();
    filter.configure(1, DESTINATION).expect("valid");
    let newest = 3 * u32::try_from(ROOT_LIMIT).expect("small");
    for root in 2..=newest {
        filter.configure(root, SOURCE).expect("valid");
        filter.tick(1, &mut Reporters::default());
    }
    filter.open(newest + 1, 1);
    filter.close(newest + 1, b"", 200);
    assert_eq!(ticked(&mut filter, 1), counts([("destination", 1)]));
    assert_eq!(filter.roots.len(), ROOT_LIMIT);
}

#[test]
fn a_stream_of_a_forgotten_plugin_is_counted_without_a_side() {
    let mut filter = Filter::new();
    filter.open(2, 1);
    filter.close(2, b"", 200);
    assert_eq!(ticked(&mut filter, 1), counts([("unknown", 1)]));
}
