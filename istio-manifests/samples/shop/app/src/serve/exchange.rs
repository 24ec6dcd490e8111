//! Exchanges that last: streamed responses, uploads, WebSockets.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};

use super::shop::Shop;
use crate::fingerprint::Fingerprint;
use crate::span::Span;

/// The longest stream and the longest pause in it.
const MOST_CHUNKS: u32 = 100_000;
const LONGEST_INTERVAL: Span = Span::millis(60_000);
/// A WebSocket message that is longer ends the connection.
const MESSAGE_LIMIT: usize = 1024 * 1024;

/// How long a streamed response is.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Length {
    chunks: u32,
    interval: Span,
}

impl Default for Length {
    fn default() -> Self {
        Self { chunks: 10, interval: Span::millis(100) }
    }
}

/// `?chunks=10&interval=100ms`: one JSON line after the other.
pub(super) async fn stream(State(shop): State<Arc<Shop>>, Query(length): Query<Length>) -> Response {
    if length.chunks > MOST_CHUNKS || length.interval > LONGEST_INTERVAL {
        let limits = format!("at most {MOST_CHUNKS} chunks, at most {LONGEST_INTERVAL} apart\n");
        return (StatusCode::BAD_REQUEST, limits).into_response();
    }
    let identity = shop.identity();
    let lines = stream::iter(1..=length.chunks).then(move |number| {
        let mut line = identity.clone();
        line["chunk"] = json!(number);
        async move {
            if number > 1 {
                tokio::time::sleep(length.interval.0).await;
            }
            Ok::<_, Infallible>(Bytes::from(format!("{line}\n")))
        }
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

/// Answers with size and SHA-256 of the body, of which it keeps nothing.
pub(super) async fn upload(State(shop): State<Arc<Shop>>, body: Body) -> Result<Json<Value>, (StatusCode, String)> {
    let mut chunks = body.into_data_stream();
    let mut fingerprint = Fingerprint::default();
    while let Some(chunk) = chunks.next().await {
        fingerprint.add(&chunk.map_err(|error| (StatusCode::BAD_REQUEST, format!("the body broke off: {error}\n")))?);
    }
    let mut answer = shop.identity();
    answer["bytes"] = json!(fingerprint.bytes());
    answer["sha256"] = json!(fingerprint.sha256());
    Ok(Json(answer))
}

/// Returns every message.
pub(super) async fn websocket(upgrade: WebSocketUpgrade) -> Response {
    upgrade.max_message_size(MESSAGE_LIMIT).on_upgrade(echo)
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        // Pings are answered and closing is confirmed by the library.
        if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}
