//! What the Wasm filters do, without Envoy: no host calls, no clock, no I/O (and no `std`, so that it stays so).
//!
//! * [`Filter`]: the state of one VM. The module in `../filters` feeds it callbacks and attributes.
//! * [`Configuration`]: the plugin configuration, a JSON object that ECDS carries.
//! * [`SeriesTable`]: request counts by label set, bounded, flushed in batches.
//! * [`Streams`]: which plugin a running stream belongs to, bounded.
//!
//! This code runs inside the request path of a proxy: a panic fails a request and discards the VM, an endless loop hangs
//! a worker for good. Hence no indexing, no unwrapping, no loop without a bound.
//!
//! # Counters
//! One Envoy counter per label set that occurs:
//! ```text
//! ferro_requests_total;reporter=<source|destination|unknown>;route=<name>;response_class=<1xx|2xx|3xx|4xx|5xx|none>
//! ```
//! Envoy adds the prefix `wasmcustom.`; the bootstrap's `stats_tags` turn every `;key=value` into a label. Keys and their
//! order are fixed, new ones are appended. `;`, control characters and anything that is not UTF-8 are written `_`.
//! * `route` is the name of the matched route, empty if none matched, `(overflow)` once the table is full and for names
//!   too long for a label. A route called `(overflow)` in the configuration adds to the same series.
//! * `response_class` is `none` when the client got no response.
//! * `reporter` is `unknown` for streams whose plugin has been forgotten, which takes more than 65,536 concurrent streams
//!   or 256 configuration updates within a second.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod config;
mod filter;
mod series;
mod streams;

pub use config::{Configuration, InvalidConfiguration};
pub use filter::Filter;
pub use series::{CounterSink, Reporter, ResponseClass, SeriesTable};
pub use streams::Streams;
