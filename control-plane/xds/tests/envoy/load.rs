use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use ferro_testkit::envoy::get;
use tokio::task::JoinHandle;

/// Requests one after the other, on connections of their own, until stopped.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    failed: Arc<AtomicU64>,
    task: JoinHandle<u64>,
}

// === impl Load ===

impl Load {
    pub(crate) fn start(address: SocketAddr) -> Self {
        let (stop, failed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, failures) = (Arc::clone(&stop), Arc::clone(&failed));
        let task = tokio::spawn(async move {
            let mut sent = 0;
            while !stopped.load(Ordering::Relaxed) {
                let status = get(address, "/").await.map(|reply| reply.status);
                failures.fetch_add(u64::from(!matches!(status, Ok(200))), Ordering::Relaxed);
                sent += 1;
            }
            sent
        });
        Self { stop, failed, task }
    }

    /// Stops, and tells how many requests were made and how many failed.
    pub(crate) async fn stop(self) -> (u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        let sent = self.task.await.unwrap_or_default();
        (sent, self.failed.load(Ordering::Relaxed))
    }
}
