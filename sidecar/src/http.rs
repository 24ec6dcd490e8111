//! The little HTTP the agent speaks itself: a bounded HTTP/1 server and a client for one request a connection.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, client, server, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream, ToSocketAddrs},
    time,
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, debug_span};

use crate::accept::Door;
use patience::Patience;

mod patience;

#[cfg(test)]
mod tests;

/// A body of the server.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Connections one server has at a time; more wait in the kernel's backlog.
const MAX_CONNECTIONS: usize = 64;

/// How long a client may take to send its request's header.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may leave an answer unread before its connection is closed, and its place free.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// What answers requests.
pub(crate) trait Handler: Send + Sync + 'static {
    /// Answers a request that came from `peer`.
    fn handle(&self, request: Request<Incoming>, peer: SocketAddr) -> impl Future<Output = Response<Body>> + Send;
}

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// No connection.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// The connection broke, or what came is not HTTP.
    #[error("request failed")]
    Exchange(#[source] hyper::Error),
    /// The body is longer than the caller takes.
    #[error("the answer has more than {0} bytes")]
    TooLong(usize),
    /// No answer in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
}

/// Serves until the shutdown; requests in flight then have until their connection ends with the process.
pub(crate) async fn serve<H: Handler>(
    listener: TcpListener,
    handler: Arc<H>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let door = Door::new(listener, MAX_CONNECTIONS);
    loop {
        let (slot, stream, peer) = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            accepted = door.accept() => accepted?,
        };
        let handler = Arc::clone(&handler);
        let connection = async move {
            if let Err(error) = serve_connection(stream, peer, handler).await {
                debug!(%error, "connection ended");
            }
            drop(slot);
        };
        tokio::spawn(connection.instrument(debug_span!("http", %peer)));
    }
}

async fn serve_connection<H: Handler>(
    stream: TcpStream,
    peer: SocketAddr,
    handler: Arc<H>,
) -> Result<(), hyper::Error> {
    let service = service_fn(move |request| {
        let handler = Arc::clone(&handler);
        async move { Ok::<_, Infallible>(handler.handle(request, peer).await) }
    });
    server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(Patience::new(stream, WRITE_TIMEOUT)), service)
        .await
}

/// A response of plain text.
pub(crate) fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    with_type(status, "text/plain; charset=utf-8", text)
}

/// A response of JSON.
pub(crate) fn json(text: impl Into<Bytes>) -> Response<Body> {
    with_type(StatusCode::OK, "application/json", text)
}

fn with_type(status: StatusCode, kind: &'static str, text: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(text.into()).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

/// Sends one request on a connection of its own and returns the head and the body still to come.
pub(crate) async fn send(
    address: impl ToSocketAddrs,
    request: Request<Empty<Bytes>>,
) -> Result<Response<Incoming>, ClientError> {
    let stream = TcpStream::connect(address).await.map_err(ClientError::Connect)?;
    let handshake = client::conn::http1::Builder::new().max_buf_size(16 * 1024).handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(ClientError::Exchange)?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            debug!(%error, "client connection ended");
        }
    });
    sender.send_request(request).await.map_err(ClientError::Exchange)
}

/// Sends one request and reads the whole answer, of at most `max_bytes`, within `limit`.
pub(crate) async fn fetch(
    address: impl ToSocketAddrs,
    request: Request<Empty<Bytes>>,
    max_bytes: usize,
    limit: Duration,
) -> Result<(StatusCode, Bytes), ClientError> {
    let exchange = async {
        let response = send(address, request).await?;
        let status = response.status();
        Ok((status, read_all(response.into_body(), max_bytes).await?))
    };
    time::timeout(limit, exchange).await.unwrap_or(Err(ClientError::TimedOut(limit)))
}

/// A request without a body.
///
/// # Errors
/// When the path or a header is not valid.
pub(crate) fn request(method: http::Method, host: &str, path: &str) -> Result<Request<Empty<Bytes>>, http::Error> {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, host)
        .header(header::CONNECTION, "close")
        .header(header::USER_AGENT, concat!("ferro-agent/", env!("CARGO_PKG_VERSION")))
        .body(Empty::new())
}

async fn read_all(mut body: Incoming, max_bytes: usize) -> Result<Bytes, ClientError> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(ClientError::Exchange)?.into_data() else { continue };
        if bytes.len() + data.len() > max_bytes {
            return Err(ClientError::TooLong(max_bytes));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}
