//! Messages that must come back.

use std::time::Duration;

use anyhow::{Context, Result};
use futures::{SinkExt, StreamExt};
use http::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::{BEAT, SILENCE, Survival, Target, expect};
use crate::client::{self, Client};

/// Any 16 bytes in base64 will do: the key only shows that the other side speaks the protocol.
const KEY: &str = "ZmVycm8tc2hvcC1jaGVjaw==";

/// Sends a message a beat for `length` and waits for each one to come back.
pub(super) async fn hold(target: &Target, length: Duration, survival: &mut Survival) -> Result<()> {
    let mut socket = timeout(SILENCE, connect(target)).await.context("no connection in time")??;
    let end = Instant::now() + length;
    let mut beat = interval(BEAT);
    while Instant::now() < end {
        beat.tick().await;
        let message = Message::text(format!("message {}", survival.sent));
        socket.send(message.clone()).await?;
        survival.sent += 1;
        let echo = timeout(SILENCE, socket.next()).await.context("a message did not come back")?;
        anyhow::ensure!(echo.context("the connection was closed")?? == message, "another message came back");
        survival.received += 1;
    }
    socket.close(None).await?;
    Ok(())
}

async fn connect(target: &Target) -> Result<WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>> {
    let request = Request::get(&target.url)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, KEY)
        .body(client::empty())?;
    let response = Client::new(target.proxy.clone()).send(request).await?;
    let response = expect(StatusCode::SWITCHING_PROTOCOLS, response)?;
    let upgraded = hyper::upgrade::on(response).await?;
    Ok(WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Client, None).await)
}
