//! `ferro_filters.wasm`, the module Envoy's `envoy.filters.http.wasm` runs.
//!
//! Only wiring: callbacks and attributes go into [`ferro_filters_core::Filter`], its counters come out as Envoy's. Per
//! request that is two callbacks and two calls that return bytes. Counter names and configuration are documented in
//! ferro-filters-core.

use ferro_filters_abi::host::{self, Level, MetricId};
use ferro_filters_abi::{ContextId, Module, Refusal, export};
use ferro_filters_core::{CounterSink, Filter};

/// How often counts reach Envoy's counters, in milliseconds.
const FLUSH_PERIOD: u32 = 1000;
/// An integer of 8 bytes; 0 or absent if the client got no response.
const RESPONSE_CODE: &[u8] = b"response\0code";
/// Absent if no route matched.
const ROUTE_NAME: &[u8] = b"xds\0route_name";

struct Filters(Filter<MetricId>);

struct EnvoyCounters;

export!(Filters, Filters(Filter::new()));

// === impl Filters ===

impl Module for Filters {
    fn configure(&mut self, root: ContextId, configuration: &[u8]) -> Result<(), Refusal> {
        self.0.configure(root, configuration).map_err(|invalid| Refusal(invalid.to_string().into()))?;
        if host::set_tick_period(FLUSH_PERIOD) { Ok(()) } else { Err(Refusal("Envoy refuses a timer".into())) }
    }

    fn open(&mut self, stream: ContextId, root: ContextId) {
        self.0.open(stream, root);
    }

    fn log(&mut self, stream: ContextId) {
        let code = host::property(RESPONSE_CODE, integer).flatten().unwrap_or(0);
        let counted = host::property(ROUTE_NAME, |route| self.0.close(stream, route, code));
        if counted.is_none() {
            self.0.close(stream, &[], code);
        }
    }

    fn tick(&mut self, root: ContextId) {
        self.0.tick(root, &mut EnvoyCounters);
    }
}

/// Reads an attribute of an integer type.
fn integer(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_le_bytes)
}

// === impl EnvoyCounters ===

impl CounterSink for EnvoyCounters {
    type Id = MetricId;

    fn define(&mut self, name: &str) -> Option<MetricId> {
        let counter = host::define_counter(name);
        if counter.is_none() {
            host::log(
                Level::Warn,
                "ferro_filters: Envoy refuses a counter; its requests are kept for the next attempt",
            );
        }
        counter
    }

    fn add(&mut self, counter: MetricId, by: u64) -> bool {
        host::increment(counter, by)
    }
}
