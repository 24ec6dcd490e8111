use std::{net::SocketAddr, time::Duration};

use anyhow::Context;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

/// How long one exchange may take: longer than Envoy's own timeouts in tests, shorter than a hung test run.
const EXCHANGE: Duration = Duration::from_secs(5);

/// An HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The body, as text.
    pub body: String,
}

/// One GET on a connection of its own, with the address as host.
///
/// # Errors
/// When there is no complete response.
pub async fn get(address: SocketAddr, path: &str) -> anyhow::Result<Reply> {
    request(address, &address.to_string(), path).await
}

/// One GET on a connection of its own.
///
/// # Errors
/// When there is no complete response.
pub async fn request(address: SocketAddr, host: &str, path: &str) -> anyhow::Result<Reply> {
    timeout(EXCHANGE, exchange(address, host, path)).await.with_context(|| format!("{address}{path}: too slow"))?
}

async fn exchange(address: SocketAddr, host: &str, path: &str) -> anyhow::Result<Reply> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.context("starting HTTP")?;
    let connection = tokio::spawn(connection);
    let request = Request::get(path).header("host", host).body(Empty::<Bytes>::new()).context("building a request")?;
    let response = sender.send_request(request).await.with_context(|| format!("GET {address}{path}"))?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.with_context(|| format!("reading {address}{path}"))?.to_bytes();
    connection.abort();
    Ok(Reply { status, body: String::from_utf8_lossy(&body).into_owned() })
}
