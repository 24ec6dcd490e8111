use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use ferro_xds_protos::Kind;
use http::HeaderMap;
use http_body::{Body, Frame};
use tokio::time::Instant;
use tonic::Status;

use super::link::{Link, Next};
use crate::session::Frames;

/// The response side of one stream: pulled by the transport, one frame at a time.
///
/// tonic's own encoder copies a whole message into a buffer of its stream before flow control lets any of it out; with a
/// thousand streams that is a thousand copies. Here a message is a small head and the bytes all streams share.
pub(super) struct ResponseBody {
    link: Arc<Link>,
    frames: Frames,
    /// The response the frames belong to, until the transport has taken the last of them.
    writing: Option<(Kind, Arc<str>)>,
    ended: bool,
}

// === impl ResponseBody ===

impl ResponseBody {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { link, frames: Frames::default(), writing: None, ended: false }
    }

    /// The transport asks for more, so it has taken all it was given.
    fn note_written(&mut self) {
        if let Some((kind, nonce)) = self.writing.take() {
            self.link.note_written(kind, &nonce, Instant::now().into_std());
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.frames.is_empty() {
            self.note_written();
            match self.link.next(context.waker()) {
                Next::Response(response) => {
                    self.frames = response.frames();
                    self.writing = Some((response.kind, response.nonce));
                }
                Next::End(status) => {
                    self.ended = true;
                    return Poll::Ready(Some(trailers(&status)));
                }
                Next::Nothing => {}
            }
        }
        let frame = self.frames.next();
        self.link.set_waiting(frame.is_some());
        frame.map_or(Poll::Pending, |bytes| Poll::Ready(Some(Ok(Frame::data(bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.link.body_gone.cancel();
    }
}

fn trailers(status: &Status) -> Result<Frame<Bytes>, Status> {
    let mut headers = HeaderMap::with_capacity(2);
    status.add_header(&mut headers)?;
    Ok(Frame::trailers(headers))
}
