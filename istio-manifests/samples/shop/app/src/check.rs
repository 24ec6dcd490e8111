//! One long exchange with a service, which must survive whatever the mesh does meanwhile: new weights, new filters.
//!
//! Prints `{"sent": .., "received": .., "error": ..}` as JSON; the exchange survived if both numbers are equal and there is
//! no error.

mod websocket;

use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use futures::stream;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, sleep_until, timeout};

use crate::client::{self, Body, Client};
use crate::fingerprint::Fingerprint;

/// A pause this much longer than planned is an end.
const SILENCE: Duration = Duration::from_secs(10);
/// Time between the parts of a stream and the messages of a WebSocket.
const BEAT: Duration = Duration::from_millis(50);
/// Size of the parts of an upload.
const PART: u64 = 64 * 1024;

/// Whom to talk to.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Target {
    #[arg(long)]
    url: Uri,
    /// HTTP proxy, as http://<host>:<port>; the environment's is not used
    #[arg(long)]
    proxy: Option<Uri>,
}

#[cfg(test)]
impl Target {
    /// A target without a proxy.
    pub(crate) fn direct(url: &str) -> Self {
        Self { url: url.parse().expect("a URL"), proxy: None }
    }
}

/// The kinds of exchanges.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum Exchange {
    /// Messages to /ws, each of which must come back
    Websocket {
        #[command(flatten)]
        target: Target,
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
        seconds: u32,
    },
    /// A body to /upload, which must arrive as it was sent
    Upload {
        #[command(flatten)]
        target: Target,
        #[arg(long, default_value_t = 10 * 1024 * 1024)]
        bytes: u64,
        /// [default: as fast as possible]
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
        bytes_per_second: Option<u64>,
    },
    /// A response of /stream, which must arrive to its end
    Stream {
        #[command(flatten)]
        target: Target,
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
        seconds: u32,
    },
}

/// What is printed.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Survival {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) error: Option<String>,
}

/// Holds the exchange and prints what became of it.
///
/// # Errors
/// The result cannot be printed.
pub(crate) async fn main(exchange: Exchange) -> Result<()> {
    println!("{}", serde_json::to_string(&hold(exchange).await)?);
    Ok(())
}

/// Holds the exchange to its end.
pub(crate) async fn hold(exchange: Exchange) -> Survival {
    let mut survival = Survival::default();
    let ended = match exchange {
        Exchange::Websocket { target, seconds } => {
            websocket::hold(&target, Duration::from_secs(seconds.into()), &mut survival).await
        }
        Exchange::Upload { target, bytes, bytes_per_second } => {
            upload(target, bytes, bytes_per_second, &mut survival).await
        }
        Exchange::Stream { target, seconds } => {
            stream_response(&target, Duration::from_secs(seconds.into()), &mut survival).await
        }
    };
    survival.error = ended.err().map(|error| format!("{error:#}"));
    survival
}

async fn upload(target: Target, bytes: u64, rate: Option<u64>, survival: &mut Survival) -> Result<()> {
    survival.sent = bytes;
    let mut sent = Fingerprint::default();
    parts(bytes).for_each(|part| sent.add(&part));

    let start = Instant::now();
    let frames = stream::unfold((parts(bytes), 0_u64), move |(mut parts, before)| async move {
        let part = parts.next()?;
        if let Some(rate) = rate {
            sleep_until(start + Duration::from_secs_f64(before as f64 / rate as f64)).await;
        }
        let after = before + part.len() as u64;
        Some((Ok(Frame::data(part)), (parts, after)))
    });
    let request = Request::post(target.url).body(StreamBody::new(frames).boxed_unsync())?;
    let planned = rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(bytes as f64 / rate as f64));
    let answer = timeout(planned + SILENCE, answer(&Client::new(target.proxy), request)).await??;

    survival.received = answer["bytes"].as_u64().unwrap_or_default();
    anyhow::ensure!(answer["sha256"].as_str() == Some(&sent.sha256()), "the content that arrived is not what was sent");
    Ok(())
}

/// Content that is not the same everywhere.
fn parts(bytes: u64) -> impl Iterator<Item = Bytes> + Send {
    let starts = (0..bytes.div_ceil(PART)).map(|index| index * PART);
    starts.map(move |start| (start..bytes.min(start + PART)).map(|offset| (offset % 251) as u8).collect())
}

async fn answer(client: &Client, request: Request<Body>) -> Result<Value> {
    let response = expect(StatusCode::OK, client.send(request).await?)?;
    let body = response.into_body().collect().await?.to_bytes();
    Ok(serde_json::from_slice(&body)?)
}

async fn stream_response(target: &Target, length: Duration, survival: &mut Survival) -> Result<()> {
    survival.sent = (length.as_millis() / BEAT.as_millis()).try_into()?;
    let url = format!("{}?chunks={}&interval={}ms", target.url, survival.sent, BEAT.as_millis());
    let request = Request::get(url).body(client::empty())?;
    let response = timeout(SILENCE, Client::new(target.proxy.clone()).send(request)).await??;
    let mut body = expect(StatusCode::OK, response)?.into_body();
    while let Some(frame) = timeout(SILENCE, body.frame()).await? {
        let data = frame?.into_data().unwrap_or_default();
        survival.received += data.iter().filter(|byte| **byte == b'\n').count() as u64;
    }
    anyhow::ensure!(survival.received == survival.sent, "the response ended early");
    Ok(())
}

fn expect(status: StatusCode, response: Response<Incoming>) -> Result<Response<Incoming>> {
    anyhow::ensure!(response.status() == status, "answered {}, not {status}", response.status());
    Ok(response)
}
