//! Accepting connections, a bounded number at a time.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time,
};
use tracing::debug;

/// How long to wait when the system refuses: most often the process is out of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener and the connections it may have open; more wait in the kernel's backlog.
pub(crate) struct Door {
    listener: TcpListener,
    slots: Arc<Semaphore>,
}

/// A connection's place. The next caller may have it when it is dropped.
pub(crate) struct Slot {
    _permit: OwnedSemaphorePermit,
}

// === impl Door ===

impl Door {
    pub(crate) fn new(listener: TcpListener, connections: usize) -> Self {
        Self { listener, slots: Arc::new(Semaphore::new(connections)) }
    }

    /// The next connection, as soon as there is one and a place for it.
    pub(crate) async fn accept(&self) -> io::Result<(Slot, TcpStream, SocketAddr)> {
        let permit = Arc::clone(&self.slots).acquire_owned().await.map_err(io::Error::other)?;
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => return Ok((Slot { _permit: permit }, stream, peer)),
                Err(error) => {
                    debug!(%error, "accept failed");
                    time::sleep(PAUSE).await;
                }
            }
        }
    }
}
