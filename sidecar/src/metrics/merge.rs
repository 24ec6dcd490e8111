//! Several texts in one response body, each streamed through: a thousand services make megabytes of metrics, and the
//! agent holds none of it.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame};
use hyper::body::Incoming;
use tracing::debug;

#[cfg(test)]
mod tests;

/// One of the texts.
pub(super) enum Part<R = Incoming> {
    /// Already here.
    Text(Bytes),
    /// Still coming.
    Remote(R),
}

/// The texts one after the other, each ended by a line break.
pub(super) struct Merged<R = Incoming> {
    parts: VecDeque<Part<R>>,
    line_open: bool,
}

// === impl Merged ===

impl<R> Merged<R> {
    pub(super) fn new(parts: impl IntoIterator<Item = Part<R>>) -> Self {
        Self { parts: parts.into_iter().collect(), line_open: false }
    }

    fn pass(&mut self, data: Bytes) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(last) = data.last() {
            self.line_open = *last != b'\n';
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }
}

impl<R> Body for Merged<R>
where
    R: Body<Data = Bytes> + Unpin,
    R::Error: std::fmt::Display,
{
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            let frame = match self.parts.front_mut() {
                None => return Poll::Ready(None),
                Some(Part::Text(text)) => {
                    let text = std::mem::take(text);
                    self.parts.pop_front();
                    return self.pass(text);
                }
                Some(Part::Remote(body)) => match Pin::new(body).poll_frame(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(frame) => frame,
                },
            };
            match frame {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return self.pass(data);
                    }
                }
                ended => {
                    if let Some(Err(error)) = ended {
                        debug!(%error, "metrics ended early");
                    }
                    self.parts.pop_front();
                    if self.line_open {
                        return self.pass(Bytes::from_static(b"\n"));
                    }
                }
            }
        }
    }
}
