use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use prost::Message;
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, client::Grpc, codegen::http::uri::PathAndQuery, transport::Channel};
use tonic_prost::ProstCodec;

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Larger than anything a test sends.
const MESSAGE_LIMIT: usize = 64 * 1024 * 1024;

/// The place of a response in the order of arrival, over all streams of a client.
pub type Stamp = u64;

/// One gRPC stream: requests in, responses out, in the order of arrival.
pub(super) struct Stream<Req, Resp> {
    requests: Option<mpsc::Sender<Req>>,
    responses: mpsc::Receiver<(Stamp, Result<Resp, Status>)>,
    /// Responses read while another was waited for.
    stash: VecDeque<(Stamp, Resp)>,
    ended: Option<Status>,
}

// === impl Stream ===

impl<Req: Message + 'static, Resp: Message + Default + 'static> Stream<Req, Resp> {
    /// Opens the stream. The call is made in the background: some servers answer it only with their first response.
    pub(super) fn open(channel: Channel, path: &'static str, clock: Arc<AtomicU64>) -> Self {
        let (requests, outgoing) = mpsc::channel(64);
        let (incoming, responses) = mpsc::channel(4096);
        tokio::spawn(async move {
            let result = read(channel, path, outgoing, &incoming, &clock).await;
            let status = result.err().unwrap_or_else(|| Status::ok("closed"));
            // The client may be gone already; then nobody wants to know.
            let _ = incoming.send((clock.fetch_add(1, Ordering::SeqCst), Err(status))).await;
        });
        Self { requests: Some(requests), responses, stash: VecDeque::new(), ended: None }
    }

    pub(super) async fn send(&mut self, request: Req) -> anyhow::Result<()> {
        let requests = self.requests.as_ref().context("the stream's request side is closed")?;
        requests.send(request).await.map_err(|_| anyhow::anyhow!("the stream has ended"))
    }

    /// Says that no more requests come.
    pub(super) fn close_requests(&mut self) {
        self.requests = None;
    }

    /// The next response for which `wanted` holds; others are kept for later.
    pub(super) async fn next(
        &mut self,
        patience: Duration,
        wanted: impl Fn(&Resp) -> bool,
    ) -> anyhow::Result<Option<(Stamp, Resp)>> {
        if let Some(at) = self.stash.iter().position(|(_, response)| wanted(response)) {
            return Ok(self.stash.remove(at));
        }
        let search = async {
            while self.ended.is_none() {
                match self.responses.recv().await {
                    Some((stamp, Ok(response))) if wanted(&response) => return Some((stamp, response)),
                    Some((stamp, Ok(response))) => self.stash.push_back((stamp, response)),
                    Some((_, Err(status))) => self.ended = Some(status),
                    None => self.ended = Some(Status::unknown("the reader is gone")),
                }
            }
            None
        };
        match timeout(patience, search).await {
            Ok(None) => bail!("the stream ended: {:?}", self.ended),
            Ok(found) => Ok(found),
            Err(_) => Ok(None),
        }
    }

    /// Waits for the end of the stream.
    pub(super) async fn end(&mut self) -> anyhow::Result<Status> {
        match timeout(PATIENCE, self.next(PATIENCE, |_| false)).await {
            Ok(Err(_)) => self.ended.clone().context("the stream ended without a status"),
            _ => bail!("the stream is still open after {PATIENCE:?}"),
        }
    }
}

async fn read<Req: Message + 'static, Resp: Message + Default + 'static>(
    channel: Channel,
    path: &'static str,
    outgoing: mpsc::Receiver<Req>,
    incoming: &mpsc::Sender<(Stamp, Result<Resp, Status>)>,
    clock: &AtomicU64,
) -> Result<(), Status> {
    let mut grpc = Grpc::new(channel).max_decoding_message_size(MESSAGE_LIMIT);
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let request = tonic::Request::new(ReceiverStream::new(outgoing));
    let codec = ProstCodec::<Req, Resp>::default();
    let mut responses = grpc.streaming(request, PathAndQuery::from_static(path), codec).await?.into_inner();
    while let Some(response) = responses.message().await? {
        let stamp = clock.fetch_add(1, Ordering::SeqCst);
        if incoming.send((stamp, Ok(response))).await.is_err() {
            break;
        }
    }
    Ok(())
}
