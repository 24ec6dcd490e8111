//! The HTTP client of the services and of the load driver: pooled connections, directly or through a proxy.
//!
//! Through a proxy, requests go out in absolute form (`GET http://product:8080/... HTTP/1.1`). That is how an application
//! reaches the mesh without traffic capture: the proxy is its sidecar.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tower::Service;

/// A request's body.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A body without content.
pub(crate) fn empty() -> Body {
    Empty::new().boxed_unsync()
}

/// A body that is there at once.
pub(crate) fn full(content: impl Into<Bytes>) -> Body {
    Full::new(content.into()).boxed_unsync()
}

/// Clones share the pool.
#[derive(Debug, Clone)]
pub(crate) struct Client(legacy::Client<Connector, Body>);

/// Why there is no response: one line that is the same for the same cause, so that it can be counted.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoResponse(String);

// === impl Client ===

impl Client {
    /// A client that sends everything to `proxy`, if there is one.
    pub(crate) fn new(proxy: Option<Uri>) -> Self {
        let mut http = HttpConnector::new();
        http.set_nodelay(true);
        let pool = legacy::Client::builder(TokioExecutor::new()).build(Connector { http, proxy });
        Self(pool)
    }

    /// Sends a request and waits for the response's headers.
    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, NoResponse> {
        self.0.request(request).await.map_err(|error| NoResponse::new(&error))
    }
}

// === impl NoResponse ===

impl NoResponse {
    fn new(error: &legacy::Error) -> Self {
        let mut cause: &dyn Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let phase = if error.is_connect() { "connect: " } else { "" };
        Self(format!("{phase}{cause}"))
    }
}

// === Connector ===

/// Connects to the proxy, else to the host of the request.
#[derive(Debug, Clone)]
struct Connector {
    http: HttpConnector,
    proxy: Option<Uri>,
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = <HttpConnector as Service<Uri>>::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.http.poll_ready(context)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let to = if self.proxy.is_some() { Peer::Proxy } else { Peer::Host };
        let connecting = self.http.call(self.proxy.clone().unwrap_or(target));
        Box::pin(async move { Ok(Stream { io: connecting.await?, to }) })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    Host,
    Proxy,
}

/// A connection that knows whom it leads to, which decides the form of the request line.
#[derive(Debug)]
struct Stream {
    io: TokioIo<TcpStream>,
    to: Peer,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.io.connected().proxy(self.to == Peer::Proxy)
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
