use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Context;
use http_body_util::Full;
use hyper::{Response, body::Bytes, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinHandle};

/// An HTTP server that answers every request with 200 and its own name.
#[derive(Debug)]
pub struct Backend {
    address: SocketAddr,
    served: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

// === impl Backend ===

impl Backend {
    /// Starts one on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(name: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("binding a backend")?;
        let address = listener.local_addr().context("reading a backend's address")?;
        let served = Arc::new(AtomicU64::new(0));
        let accepting = tokio::spawn(accept(listener, name.to_owned(), Arc::clone(&served)));
        Ok(Self { address, served, accepting })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests it has answered.
    pub fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, name: String, served: Arc<AtomicU64>) {
    // A failed accept ends the backend; the test that needs it then sees its requests fail.
    while let Ok((stream, _)) = listener.accept().await {
        let (name, served) = (name.clone(), Arc::clone(&served));
        let service = service_fn(move |_| {
            served.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(name.clone())))))
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
