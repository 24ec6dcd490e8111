//! Carries out what [`Core`](super::core::Core) decides: the stream to ferrod, timers, files.

use std::{
    collections::{HashMap, HashSet},
    io,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use ferro_process::CancellationToken;
use ferro_xds::client::{self, ClientEvent};
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until},
};

use super::{Config, fetch::Fetched, shared::Shared};
use crate::{
    cache::CacheFile,
    modules::{ModuleDigest, Modules},
};

/// How often a module is asked for before its absence is a NACK.
const FETCH_ATTEMPTS: u32 = 3;
const FETCH_PAUSE: Duration = Duration::from_millis(250);
/// When a module that could not be had is asked for again, at first and at most.
const RETRY_FIRST: Duration = Duration::from_secs(5);
const RETRY_MOST: Duration = Duration::from_secs(300);

/// Runs beside the server that Envoy talks to.
pub(super) struct Driver {
    shared: Arc<Shared>,
    config: Config,
    cache: Option<CacheFile>,
    modules: Modules,
    link: Link,
    fetches: JoinSet<Fetched>,
    /// The write of the last-known-good file that is under way.
    saves: JoinSet<(u64, io::Result<()>)>,
    fetching: HashSet<ModuleDigest>,
    retries: HashMap<ModuleDigest, Retry>,
}

/// When a module is asked for again after its absence was a NACK.
#[derive(Clone, Copy, Debug)]
struct Retry {
    at: Instant,
    /// The pause before that.
    pause: Duration,
}

/// Whether a stream to ferrod is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Up,
    Down,
}

/// How a stream to ferrod came to its end, as far as the driver is concerned.
enum Next {
    Reopen,
    Stop,
}

// === impl Driver ===

impl Driver {
    pub(super) fn new(shared: Arc<Shared>, config: Config, cache: Option<CacheFile>, modules: Modules) -> Self {
        let (fetches, fetching, retries) = (JoinSet::new(), HashSet::new(), HashMap::new());
        let saves = JoinSet::new();
        Self { shared, config, cache, modules, link: Link::Down, fetches, saves, fetching, retries }
    }

    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            // One event at a time: ferrod is not read faster than its responses are taken in.
            let (sender, mut events) = mpsc::channel(1);
            let (upstream, handle) = (self.config.upstream.clone(), self.shared.handle().clone());
            let stop = shutdown.child_token();
            let (shared, node) = (Arc::clone(&self.shared), self.config.node.clone());
            let opening = move || shared.describe(&node);
            let mut runner =
                Box::pin(client::run(upstream, handle, sender, self.config.backoff, opening, stop.clone()));
            let next = self.follow(runner.as_mut(), &mut events).await;
            if let Next::Stop = next {
                break;
            }
            // The runner ends its stream in an orderly way; nobody must keep it waiting for a place in `events`.
            drop(events);
            stop.cancel();
            runner.await;
            self.close();
            self.shared.update(|core, _| core.reopening(self.shared.clock().now()));
        }
        // What is being written is to be whole when the agent is gone.
        while let Some(saved) = self.saves.join_next().await {
            self.saved(saved);
        }
    }

    /// Follows the streams of one client until it stops or must begin anew.
    async fn follow(
        &mut self,
        mut runner: Pin<&mut impl Future<Output = ()>>,
        events: &mut mpsc::Receiver<ClientEvent>,
    ) -> Next {
        loop {
            if self.shared.update(|core, _| core.take_reset()) {
                return Next::Reopen;
            }
            let now = self.shared.clock().now();
            self.do_what_is_due(now);
            self.provide_modules();
            self.retry_modules(now);
            let due = self.next_due(now);
            tokio::select! {
                () = runner.as_mut() => return Next::Stop,
                Some(event) = events.recv() => self.take_in(event),
                Some(fetched) = self.fetches.join_next() => self.fetched(fetched),
                Some(saved) = self.saves.join_next() => self.saved(saved),
                () = self.shared.wake.notified() => {}
                () = sleep_until(due.unwrap_or(now)), if due.is_some() => {}
            }
        }
    }

    fn take_in(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Connected => {
                self.link = Link::Up;
                let (now, unix_millis) = (self.shared.clock().now(), self.shared.clock().unix_millis());
                self.shared.update(|core, _| core.connected(now, unix_millis));
                // Another ferrod may have what this one's predecessor had not.
                self.retries.values_mut().for_each(|retry| retry.at = now);
                tracing::info!("connected to ferrod");
            }
            ClientEvent::Received(received) => self.shared.update(|core, session| core.received(session, received)),
            ClientEvent::Unusable(unusable) => tracing::warn!(%unusable, "ferrod sent something unusable"),
            ClientEvent::Disconnected { reason, retry_in } => {
                if self.link == Link::Up {
                    tracing::warn!(reason, ?retry_in, "ferrod is gone");
                } else {
                    tracing::debug!(reason, ?retry_in, "ferrod cannot be reached");
                }
                self.lost(reason);
            }
        }
    }

    fn close(&mut self) {
        self.link = Link::Down;
        // Half-received modules come from a ferrod that is gone.
        self.fetches = JoinSet::new();
        self.fetching.clear();
    }

    fn lost(&mut self, reason: String) {
        self.close();
        let (now, unix_millis) = (self.shared.clock().now(), self.shared.clock().unix_millis());
        self.shared.update(|core, _| core.disconnected(reason, now, unix_millis));
    }

    fn do_what_is_due(&mut self, now: Instant) {
        self.shared.update(|core, session| {
            if core.fill_at().is_some_and(|at| at <= now) {
                core.fill(session);
            }
        });
        // A slow disk must not hold up Envoy's stream: the file is written aside, one at a time.
        let Some(cache) = self.cache.as_ref().filter(|_| self.saves.is_empty()) else { return };
        if let Some(good) = self.shared.update(|core, session| core.save(session, now)) {
            let (cache, unix_millis) = (cache.clone(), self.shared.clock().unix_millis());
            self.shared.report_file(|report| report.writing = true);
            self.saves.spawn_blocking(move || (unix_millis, cache.save(unix_millis, &good)));
        }
    }

    fn saved(&self, saved: Result<(u64, io::Result<()>), JoinError>) {
        let saved = saved.map_err(io::Error::other).and_then(|(unix_millis, written)| written.map(|()| unix_millis));
        match saved {
            Ok(unix_millis) => self.shared.report_file(|report| {
                report.writes += 1;
                report.saved_unix_millis = Some(unix_millis);
                report.write_error = None;
                report.writing = false;
            }),
            Err(error) => {
                tracing::warn!(%error, "the last-known-good file cannot be written");
                self.shared.update(|core, _| core.save_failed());
                self.shared.report_file(|report| {
                    report.write_error = Some(error.to_string());
                    report.writing = false;
                });
            }
        }
    }

    /// What is overdue waits for an event, not for the clock.
    fn next_due(&self, now: Instant) -> Option<Instant> {
        let (fill, save) = self.shared.update(|core, _| (core.fill_at(), core.save_at()));
        let save = save.filter(|_| self.cache.is_some() && self.saves.is_empty());
        let retry = self.retries.values().map(|retry| retry.at).min().filter(|_| self.link == Link::Up);
        [fill, save, retry].into_iter().flatten().filter(|at| *at > now).min()
    }

    /// Finds the modules that resources wait for, on the disk or at ferrod.
    fn provide_modules(&mut self) {
        for digest in self.shared.update(|core, _| core.awaited_modules()) {
            if self.fetching.contains(&digest) {
                continue;
            }
            if let Some(file) = self.modules.get(digest) {
                self.shared.update(|core, session| core.module(session, digest, Ok(&file)));
            } else if self.link == Link::Up {
                self.fetch(digest, 0);
            } else {
                let reason = format!("Wasm module {digest} is not on this machine and ferrod cannot be reached").into();
                self.shared.update(|core, session| core.module(session, digest, Err(&reason)));
            }
        }
    }

    /// Asks again for modules that could not be had.
    fn retry_modules(&mut self, now: Instant) {
        let failed = self.shared.update(|core, _| core.failed_modules());
        self.retries.retain(|digest, _| failed.contains(digest));
        for digest in failed {
            let retry = *self.retries.entry(digest).or_insert(Retry { at: now + RETRY_FIRST, pause: RETRY_FIRST });
            if self.link == Link::Up && retry.at <= now && !self.fetching.contains(&digest) {
                let pause = (retry.pause * 2).min(RETRY_MOST);
                self.retries.insert(digest, Retry { at: now + pause, pause });
                self.fetch(digest, 0);
            }
        }
    }

    fn fetch(&mut self, digest: ModuleDigest, attempt: u32) {
        match self.modules.receive(digest) {
            Ok(incoming) => {
                let pause = FETCH_PAUSE * attempt;
                self.fetching.insert(digest);
                self.fetches.spawn(Fetched::fetch(self.config.upstream.clone(), digest, incoming, attempt, pause));
            }
            Err(error) => self.give_up(digest, &super::fetch::FetchError::from(error).reason(digest)),
        }
    }

    fn fetched(&mut self, fetched: Result<Fetched, JoinError>) {
        // A task that panicked has said so; the module is asked for again with the next thing that happens.
        let Ok(Fetched { digest, attempt, result }) = fetched else {
            self.fetching.clear();
            return;
        };
        self.fetching.remove(&digest);
        let finished = result.and_then(|incoming| Ok(incoming.finish(&mut self.modules)?));
        match finished {
            Ok(file) => {
                tracing::info!(%digest, file = %file.display(), "Wasm module received");
                self.shared.update(|core, session| core.module(session, digest, Ok(&file)));
                let used = self.shared.update(|core, _| core.used_modules());
                self.modules.prune(&used);
            }
            Err(error) if error.is_passing() && attempt + 1 < FETCH_ATTEMPTS => self.fetch(digest, attempt + 1),
            Err(error) => self.give_up(digest, &error.reason(digest)),
        }
    }

    fn give_up(&self, digest: ModuleDigest, reason: &Arc<str>) {
        self.shared.update(|core, session| core.module(session, digest, Err(reason)));
    }
}
