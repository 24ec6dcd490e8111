//! Request counts by label set.
//!
//! Counting a request touches only this table; Envoy's counters move when the table is flushed, with one call per series
//! that changed. What a series costs (a name, a counter shared by all workers) is bounded by [`SERIES_LIMIT`].

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// Series a table holds besides the overflow series (at most 18, one per reporter and class).
const SERIES_LIMIT: usize = 1000;
/// Bytes of a route name that may become a label.
const ROUTE_LIMIT: usize = 200;
/// The route of everything that has no series of its own.
const OVERFLOW_ROUTE: &str = "(overflow)";

/// The side of a call a proxy stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reporter {
    /// The client's proxy.
    Source,
    /// The server's proxy.
    Destination,
    /// The plugin of the stream is not known any more.
    Unknown,
}

/// The hundreds of a response code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResponseClass {
    None,
    Informational,
    Success,
    Redirection,
    ClientError,
    ServerError,
}

/// Where counts go: Envoy's counters, or a map in a test.
pub trait CounterSink {
    type Id: Copy;

    /// Finds or creates the counter of that name; `None` if that is not possible now.
    fn define(&mut self, name: &str) -> Option<Self::Id>;

    /// Adds to a counter; false if nothing was added.
    fn add(&mut self, counter: Self::Id, by: u64) -> bool;
}

/// The counts of one VM. `Id` is the sink's handle of a counter.
#[derive(Debug)]
pub struct SeriesTable<Id> {
    /// Sorted by key.
    series: Vec<Series<Id>>,
    /// Sorted by key too, all with the overflow route.
    overflow: Vec<Series<Id>>,
}

#[derive(Debug)]
struct Series<Id> {
    route: Vec<u8>,
    reporter: Reporter,
    class: ResponseClass,
    counter: Option<Id>,
    /// Counted since the last flush that reached the sink.
    pending: u64,
}

// === impl Reporter ===

impl Reporter {
    /// The value of the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
            Self::Unknown => "unknown",
        }
    }
}

// === impl ResponseClass ===

impl ResponseClass {
    /// The class of a response code, `None` for 0 and for what is no HTTP status.
    pub fn of(code: u64) -> Self {
        match code {
            100..=199 => Self::Informational,
            200..=299 => Self::Success,
            300..=399 => Self::Redirection,
            400..=499 => Self::ClientError,
            500..=599 => Self::ServerError,
            _ => Self::None,
        }
    }

    /// The value of the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Informational => "1xx",
            Self::Success => "2xx",
            Self::Redirection => "3xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
        }
    }
}

// === impl SeriesTable ===

impl<Id: Copy> SeriesTable<Id> {
    /// An empty table.
    pub const fn new() -> Self {
        Self { series: Vec::new(), overflow: Vec::new() }
    }

    /// Counts one request.
    pub fn count(&mut self, reporter: Reporter, route: &[u8], class: ResponseClass) {
        let found = self.series.binary_search_by(|series| series.compare(route, reporter, class));
        match found {
            Ok(index) => {
                if let Some(series) = self.series.get_mut(index) {
                    series.increment();
                }
            }
            Err(index) if self.series.len() < SERIES_LIMIT && route.len() <= ROUTE_LIMIT => {
                self.series.insert(index, Series::new(route, reporter, class));
            }
            Err(_) => self.count_overflow(reporter, class),
        }
    }

    /// Hands everything counted since the last flush to `sink`. What the sink does not take stays for the next flush.
    pub fn flush(&mut self, sink: &mut impl CounterSink<Id = Id>) {
        for series in self.series.iter_mut().chain(&mut self.overflow) {
            series.flush(sink);
        }
    }

    /// How many series there are, overflow included.
    pub fn len(&self) -> usize {
        self.series.len() + self.overflow.len()
    }

    /// Whether nothing has ever been counted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn count_overflow(&mut self, reporter: Reporter, class: ResponseClass) {
        let route = OVERFLOW_ROUTE.as_bytes();
        match self.overflow.binary_search_by(|series| series.compare(route, reporter, class)) {
            Ok(index) => {
                if let Some(series) = self.overflow.get_mut(index) {
                    series.increment();
                }
            }
            Err(index) => self.overflow.insert(index, Series::new(route, reporter, class)),
        }
    }
}

impl<Id: Copy> Default for SeriesTable<Id> {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Series ===

impl<Id: Copy> Series<Id> {
    /// A series with its first request.
    fn new(route: &[u8], reporter: Reporter, class: ResponseClass) -> Self {
        Self { route: route.into(), reporter, class, counter: None, pending: 1 }
    }

    fn compare(&self, route: &[u8], reporter: Reporter, class: ResponseClass) -> Ordering {
        self.route.as_slice().cmp(route).then(self.reporter.cmp(&reporter)).then(self.class.cmp(&class))
    }

    fn increment(&mut self) {
        self.pending = self.pending.saturating_add(1);
    }

    fn flush(&mut self, sink: &mut impl CounterSink<Id = Id>) {
        if self.pending == 0 {
            return;
        }
        if self.counter.is_none() {
            self.counter = sink.define(&self.name());
        }
        if let Some(counter) = self.counter
            && sink.add(counter, self.pending)
        {
            self.pending = 0;
        }
    }

    /// The counter's name, as the crate documentation says.
    fn name(&self) -> String {
        let mut name = String::with_capacity(80 + self.route.len());
        name.push_str("ferro_requests_total;reporter=");
        name.push_str(self.reporter.as_str());
        name.push_str(";route=");
        push_label_value(&mut name, &self.route);
        name.push_str(";response_class=");
        name.push_str(self.class.as_str());
        name
    }
}

/// Appends bytes that are not ours to a counter's name, without what would change its structure.
fn push_label_value(name: &mut String, value: &[u8]) {
    for chunk in value.utf8_chunks() {
        name.extend(chunk.valid().chars().map(|c| if c == ';' || c.is_control() { '_' } else { c }));
        if !chunk.invalid().is_empty() {
            name.push('_');
        }
    }
}

#[cfg(test)]
mod tests;
