use std::borrow::ToOwned;
use std::collections::BTreeMap;
use std::format;
use std::string::String;
use std::vec::Vec;

use proptest::prelude::*;

use super::{CounterSink, ROUTE_LIMIT, Reporter, ResponseClass, SERIES_LIMIT, SeriesTable};

/// Envoy's side: counters by name, and a switch for refusing calls.
#[derive(Default)]
struct Counters {
    values: BTreeMap<String, u64>,
    names: Vec<String>,
    calls: usize,
    refuse: bool,
}

impl CounterSink for Counters {
    type Id = usize;

    fn define(&mut self, name: &str) -> Option<usize> {
        self.calls += 1;
        if self.refuse {
            return None;
        }
        self.names.push(name.to_owned());
        Some(self.names.len() - 1)
    }

    fn add(&mut self, counter: usize, by: u64) -> bool {
        self.calls += 1;
        if !self.refuse {
            *self.values.entry(self.names[counter].clone()).or_default() += by;
        }
        !self.refuse
    }
}

fn flushed(table: &mut SeriesTable<usize>) -> BTreeMap<String, u64> {
    let mut counters = Counters::default();
    table.flush(&mut counters);
    counters.values
}

#[test]
fn a_counter_is_named_by_its_labels() {
    let mut table = SeriesTable::new();
    table.count(Reporter::Source, b"product-canary", ResponseClass::of(201));
    table.count(Reporter::Source, b"product-canary", ResponseClass::of(204));
    table.count(Reporter::Destination, b"", ResponseClass::of(0));

    let expected = [
        ("ferro_requests_total;reporter=destination;route=;response_class=none".to_owned(), 1),
        ("ferro_requests_total;reporter=source;route=product-canary;response_class=2xx".to_owned(), 2),
    ];
    assert_eq!(flushed(&mut table), BTreeMap::from(expected));
}

#[test]
fn every_status_has_the_class_of_its_hundreds_and_everything_else_none() {
    let classes = [(100, "1xx"), (200, "2xx"), (302, "3xx"), (404, "4xx"), (599, "5xx"), (0, "none"), (600, "none")];
    for (code, class) in classes {
        assert_eq!(ResponseClass::of(code).as_str(), class, "{code}");
    }
}

#[test]
fn a_flush_without_new_requests_calls_nothing() {
    let mut table = SeriesTable::new();
    let mut counters = Counters::default();
    table.count(Reporter::Source, b"default", ResponseClass::Success);
    table.flush(&mut counters);
    assert_eq!(counters.calls, 2, "one definition, one increment");
    table.flush(&mut counters);
    assert_eq!(counters.calls, 2);
    table.count(Reporter::Source, b"default", ResponseClass::Success);
    table.flush(&mut counters);
    assert_eq!(counters.calls, 3, "the counter is defined once");
}

#[test]
fn a_full_table_counts_new_label_sets_under_overflow_and_old_ones_as_before() {
    let mut table = SeriesTable::new();
    for route in 0..SERIES_LIMIT + 5 {
        table.count(Reporter::Source, format!("route-{route}").as_bytes(), ResponseClass::Success);
    }
    table.count(Reporter::Source, b"route-0", ResponseClass::Success);

    let values = flushed(&mut table);
    assert_eq!(values["ferro_requests_total;reporter=source;route=(overflow);response_class=2xx"], 5);
    assert_eq!(values["ferro_requests_total;reporter=source;route=route-0;response_class=2xx"], 2);
    assert_eq!(values.len(), SERIES_LIMIT + 1);
}

#[test]
fn a_route_name_too_long_for_a_label_counts_under_overflow() {
    let mut table = SeriesTable::new();
    table.count(Reporter::Source, &[b'x'; ROUTE_LIMIT + 1], ResponseClass::Success);
    assert_eq!(flushed(&mut table)["ferro_requests_total;reporter=source;route=(overflow);response_class=2xx"], 1);
}

#[test]
fn counts_the_sink_refuses_wait_for_the_next_flush() {
    let mut table = SeriesTable::new();
    let mut counters = Counters { refuse: true, ..Counters::default() };
    table.count(Reporter::Source, b"default", ResponseClass::Success);
    table.flush(&mut counters);
    counters.refuse = false;
    table.count(Reporter::Source, b"default", ResponseClass::Success);
    table.flush(&mut counters);
    assert_eq!(counters.values.values().copied().collect::<Vec<_>>(), [2]);
}

/// What can happen to a table.
#[derive(Debug, Clone)]
enum Step {
    Count(Reporter, Vec<u8>, u64),
    Flush { refuse: bool },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let reporter = prop_oneof![Just(Reporter::Source), Just(Reporter::Destination), Just(Reporter::Unknown)];
    let route = prop_oneof![
        4 => (0..2000_u32).prop_map(|n| format!("r{n}").into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..ROUTE_LIMIT + 20),
    ];
    let count = (reporter, route, 0..700_u64).prop_map(|(reporter, route, code)| Step::Count(reporter, route, code));
    let flush = any::<bool>().prop_map(|refuse| Step::Flush { refuse });
    prop::collection::vec(prop_oneof![30 => count, 1 => flush], 0..1500)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_request_is_lost_or_counted_twice_and_the_table_stays_bounded(steps in steps()) {
        let mut table = SeriesTable::new();
        let mut counters = Counters::default();
        let mut requests = 0_u64;
        for step in steps {
            match step {
                Step::Count(reporter, route, code) => {
                    requests += 1;
                    table.count(reporter, &route, ResponseClass::of(code));
                }
                Step::Flush { refuse } => {
                    counters.refuse = refuse;
                    table.flush(&mut counters);
                }
            }
            prop_assert!(table.len() <= SERIES_LIMIT + 18);
        }
        counters.refuse = false;
        table.flush(&mut counters);
        prop_assert_eq!(counters.values.values().sum::<u64>(), requests);
    }

    #[test]
    fn any_route_name_leaves_the_structure_of_the_counter_name_intact(
        route in prop::collection::vec(any::<u8>(), 0..ROUTE_LIMIT)
    ) {
        let mut table = SeriesTable::new();
        table.count(Reporter::Destination, &route, ResponseClass::ServerError);
        let values = flushed(&mut table);
        let name = values.keys().next().expect("one counter");
        let parts: Vec<_> = name.split(';').collect();
        prop_assert_eq!(parts.len(), 4);
        prop_assert_eq!(parts[0], "ferro_requests_total");
        prop_assert_eq!(parts[1], "reporter=destination");
        prop_assert!(parts[2].starts_with("route="));
        prop_assert_eq!(parts[3], "response_class=5xx");
        prop_assert!(!name.chars().any(char::is_control));
    }
}
