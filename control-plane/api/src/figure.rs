//! What was measured, against what must hold: one line a figure, for `ferroctl local tour` and the benchmarks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One observed figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    name: String,
    measured: String,
    bound: String,
    /// Whether it holds.
    pub ok: bool,
}

impl Figure {
    /// A share of `total` that must lie within four standard errors of `wanted` (0 to 1).
    pub fn share(name: impl Into<String>, hits: u64, total: u64, wanted: f64) -> Self {
        let total_f = total as f64;
        let margin = 4.0 * (wanted * (1.0 - wanted) / total_f.max(1.0)).sqrt();
        let share = hits as f64 / total_f.max(1.0);
        Self {
            name: name.into(),
            measured: format!("{:.2} % of {total}", share * 100.0),
            bound: format!("{:.2} ± {:.2} %", wanted * 100.0, margin * 100.0),
            ok: total > 0 && (share - wanted).abs() <= margin,
        }
    }

    /// A count that must be exactly `wanted`.
    pub fn exactly(name: impl Into<String>, count: u64, wanted: u64) -> Self {
        Self { name: name.into(), measured: count.to_string(), bound: format!("= {wanted}"), ok: count == wanted }
    }

    /// A value that must not exceed `limit`, both in `unit`.
    pub fn at_most(name: impl Into<String>, value: f64, limit: f64, unit: &str) -> Self {
        Self {
            name: name.into(),
            measured: format!("{value:.1} {unit}"),
            bound: format!("< {limit:.1} {unit}"),
            ok: value < limit,
        }
    }

    /// A value that must reach `limit`.
    pub fn at_least(name: impl Into<String>, value: u64, limit: u64) -> Self {
        Self { name: name.into(), measured: value.to_string(), bound: format!("≥ {limit}"), ok: value >= limit }
    }

    /// A statement that must hold; `seen` says what was seen.
    pub fn holds(name: impl Into<String>, ok: bool, seen: impl Into<String>) -> Self {
        Self { name: name.into(), measured: seen.into(), bound: "holds".to_owned(), ok }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.ok { "ok" } else { "short" };
        write!(f, "{:<58} {:>20}   {:<20} {verdict}", self.name, self.measured, self.bound)
    }
}

#[cfg(test)]
mod tests;
