//! What became of the requests.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::histogram::Histogram;

/// Different reasons or versions that are told apart; they come from outside, so there is a limit.
const DISTINCT: usize = 50;

/// One request's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A whole response, with the version that gave it.
    Answered { status: u16, version: Option<String> },
    /// No response, or not all of it.
    Failed(String),
}

/// The counts of one client, or of all together.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    slow: Option<Duration>,
    expected: Vec<u16>,
    requests: u64,
    failed: u64,
    failures: BTreeMap<String, u64>,
    statuses: BTreeMap<u16, u64>,
    versions: BTreeMap<String, u64>,
    slower: u64,
    latency: Histogram,
}

/// What is printed. The names are what scripts read.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) requests: u64,
    /// Without a response, or with an unexpected status of 400 or more.
    pub(super) failed: u64,
    /// How often a request failed for which reason.
    pub(super) failures: BTreeMap<String, u64>,
    pub(super) statuses: BTreeMap<u16, u64>,
    /// By the response's `x-shop-version`.
    pub(super) versions: BTreeMap<String, u64>,
    /// Responses that took at least as long as asked for.
    pub(super) slower: u64,
    pub(super) seconds: f64,
    pub(super) requests_per_second: f64,
    pub(super) latency_ms: Latency,
}

/// Quantiles over all responses, in milliseconds.
#[derive(Debug, Serialize)]
pub(super) struct Latency {
    mean: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

// === impl Tally ===

impl Tally {
    /// Counts nothing yet; answers that take `slow` are counted apart, `expected` statuses are no failures.
    pub(super) fn new(slow: Option<Duration>, expected: Vec<u16>) -> Self {
        Self {
            slow,
            expected,
            requests: 0,
            failed: 0,
            failures: BTreeMap::new(),
            statuses: BTreeMap::new(),
            versions: BTreeMap::new(),
            slower: 0,
            latency: Histogram::new(),
        }
    }

    /// Counts one request.
    pub(super) fn add(&mut self, outcome: Outcome, latency: Duration) {
        self.requests += 1;
        match outcome {
            Outcome::Failed(reason) => self.fail(reason),
            Outcome::Answered { status, version } => {
                *self.statuses.entry(status).or_default() += 1;
                if let Some(version) = version {
                    add_to(&mut self.versions, version, 1);
                }
                if status >= 400 && !self.expected.contains(&status) {
                    self.fail(format!("status {status}"));
                }
                self.slower += u64::from(self.slow.is_some_and(|slow| latency >= slow));
                self.latency.add(latency);
            }
        }
    }

    /// Adds the counts of another one.
    pub(super) fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failed += other.failed;
        self.slower += other.slower;
        for (reason, count) in &other.failures {
            add_to(&mut self.failures, reason.clone(), *count);
        }
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        for (version, count) in &other.versions {
            add_to(&mut self.versions, version.clone(), *count);
        }
        self.latency.merge(&other.latency);
    }

    /// The report of everything counted within `elapsed`.
    pub(super) fn report(self, elapsed: Duration) -> Report {
        let millis = |duration: Duration| duration.as_secs_f64() * 1000.0;
        let quantile = |share| millis(self.latency.quantile(share));
        Report {
            requests: self.requests,
            failed: self.failed,
            slower: self.slower,
            seconds: elapsed.as_secs_f64(),
            requests_per_second: self.requests as f64 / elapsed.as_secs_f64().max(f64::EPSILON),
            latency_ms: Latency {
                mean: millis(self.latency.mean()),
                p50: quantile(0.5),
                p90: quantile(0.9),
                p99: quantile(0.99),
                p999: quantile(0.999),
                max: millis(self.latency.max()),
            },
            failures: self.failures,
            statuses: self.statuses,
            versions: self.versions,
        }
    }

    fn fail(&mut self, reason: String) {
        self.failed += 1;
        add_to(&mut self.failures, reason, 1);
    }
}

fn add_to(counts: &mut BTreeMap<String, u64>, name: String, count: u64) {
    let known = counts.len() < DISTINCT || counts.contains_key(&name);
    *counts.entry(if known { name } else { "other".to_owned() }).or_default() += count;
}

// === impl Report ===

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Latency { mean, p50, p90, p99, p999, max } = &self.latency_ms;
        writeln!(f, "requests   {} in {:.1} s, {:.0}/s", self.requests, self.seconds, self.requests_per_second)?;
        writeln!(
            f,
            "latency    mean {mean:.2}  p50 {p50:.2}  p90 {p90:.2}  p99 {p99:.2}  p99.9 {p999:.2}  max {max:.2} ms"
        )?;
        for (status, count) in &self.statuses {
            self.row(f, "status", &status.to_string(), *count)?;
        }
        for (version, count) in &self.versions {
            self.row(f, "version", version, *count)?;
        }
        if self.slower > 0 {
            self.row(f, "slower", "", self.slower)?;
        }
        self.row(f, "failed", "", self.failed)?;
        for (reason, count) in &self.failures {
            self.row(f, "failure", reason, *count)?;
        }
        Ok(())
    }
}

impl Report {
    fn row(&self, f: &mut fmt::Formatter<'_>, what: &str, name: &str, count: u64) -> fmt::Result {
        let share = count as f64 * 100.0 / (self.requests as f64).max(1.0);
        writeln!(f, "{what:<10} {name:<10} {count:>8}  {share:>6.2} %")
    }
}

#[cfg(test)]
mod tests;
