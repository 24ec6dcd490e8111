//! Requests that do not end until a test has done what they are to survive.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::client::{Answer, Client};

/// More are not worth reading.
const FAILURES_KEPT: usize = 20;

/// Clients that send one request after another.
pub struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Tally>>,
}

/// What became of the requests.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// All that were sent.
    pub requests: u64,
    /// Those without an answer, or with a status of 500 or more.
    pub failed: u64,
    /// When, since the load began, and how the first of them failed.
    pub failures: Vec<(Duration, String)>,
    /// By version of the shop that answered.
    pub versions: BTreeMap<String, u64>,
    /// By status.
    pub statuses: BTreeMap<u16, u64>,
}

// === impl Load ===

impl Load {
    /// Starts so many clients, each with connections of its own.
    pub fn start(clients: usize, client: impl Fn() -> Client, url: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let start = Instant::now();
        let run = |client: Client| {
            let (stop, url) = (Arc::clone(&stop), url.to_owned());
            thread::spawn(move || {
                let mut tally = Tally::default();
                while !stop.load(Ordering::Relaxed) {
                    tally.count(start, client.get(&url));
                }
                tally
            })
        };
        let clients = (0..clients).map(|_| run(client())).collect();
        Self { stop, clients }
    }

    /// Ends it and counts.
    ///
    /// # Panics
    /// A client did.
    pub fn stop(self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Tally::default();
        for client in self.clients {
            all.add(client.join().expect("a client counts to the end"));
        }
        all
    }
}

// === impl Tally ===

impl Tally {
    /// Sends so many requests, one after another.
    pub fn of(requests: usize, client: &Client, url: &str) -> Self {
        let (mut tally, start) = (Self::default(), Instant::now());
        (0..requests).for_each(|_| tally.count(start, client.get(url)));
        tally
    }

    /// Checks that no request failed, and that there were enough to say so.
    ///
    /// # Panics
    /// It is not so.
    pub fn assert_no_failure(&self, at_least: u64) {
        assert_eq!(self.failed, 0, "failed of {}: {:#?}", self.requests, self.failures);
        assert!(self.requests >= at_least, "only {} requests", self.requests);
    }

    fn count(&mut self, start: Instant, answer: Result<Answer, String>) {
        self.requests += 1;
        let failure = match answer {
            Err(error) => error,
            Ok(answer) => {
                *self.statuses.entry(answer.status).or_default() += 1;
                if answer.status < 500 {
                    *self.versions.entry(answer.version().to_owned()).or_default() += 1;
                    return;
                }
                format!("{} {}", answer.status, answer.body)
            }
        };
        self.failed += 1;
        if self.failures.len() < FAILURES_KEPT {
            self.failures.push((start.elapsed(), failure));
        }
    }

    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.failed += other.failed;
        self.failures.extend(other.failures);
        for (version, count) in other.versions {
            *self.versions.entry(version).or_default() += count;
        }
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
    }
}
