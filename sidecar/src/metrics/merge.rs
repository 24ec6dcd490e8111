//! Several texts in one response body, each streamed through: a thousand services make megabytes of metrics, and the
//! agent holds none of it but the line that is still coming. Only whole lines go out, because half a line makes the
//! whole answer invalid.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use tokio::time::{self, Instant, Sleep};
use tracing::debug;

#[cfg(test)]
mod tests;

/// The longest line a source may have; real ones have a few hundred bytes.
const MAX_LINE: usize = 64 << 10;

/// One of the texts.
pub(super) enum Part<R = Incoming> {
    /// Already here.
    Text(Bytes),
    /// Still coming.
    Remote(Remote<R>),
}

/// A text that is still coming.
pub(super) struct Remote<R = Incoming> {
    body: R,
    framing: Framing,
    deadline: Pin<Box<Sleep>>,
    failures: Arc<AtomicU64>,
    open_line: BytesMut,
}

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// By its length or its last chunk: a body that is cut is an error.
    Told,
    /// By the end of the connection: a body that is cut looks like a whole one.
    Closed,
}

/// What came next of a text.
enum Next {
    Lines(Bytes),
    Last(Option<Bytes>),
}

/// The texts one after the other, each ended by a line break.
pub(super) struct Merged<R = Incoming> {
    parts: VecDeque<Part<R>>,
}

// === impl Remote ===

impl<R> Remote<R> {
    /// A text that must be there whole at the deadline; `failures` is raised if it is not.
    pub(super) fn new(body: R, framing: Framing, deadline: Instant, failures: Arc<AtomicU64>) -> Self {
        let deadline = Box::pin(time::sleep_until(deadline));
        Self { body, framing, deadline, failures, open_line: BytesMut::new() }
    }

    /// The whole lines of what has come; the rest waits for its end.
    fn whole_lines(&mut self, mut data: Bytes) -> Option<Bytes> {
        let Some(end) = data.iter().rposition(|byte| *byte == b'\n') else {
            self.open_line.extend_from_slice(&data);
            return None;
        };
        let rest = data.split_off(end + 1);
        if !self.open_line.is_empty() {
            self.open_line.extend_from_slice(&data);
            data = self.open_line.split().freeze();
        }
        self.open_line.extend_from_slice(&rest);
        Some(data)
    }

    fn end(&mut self) -> Next {
        if self.open_line.is_empty() {
            return Next::Last(None);
        }
        if self.framing == Framing::Closed {
            return self.broken(&"the last line has no end");
        }
        self.open_line.extend_from_slice(b"\n");
        Next::Last(Some(self.open_line.split().freeze()))
    }

    /// Ends the text after its last whole line.
    fn broken(&self, reason: &dyn std::fmt::Display) -> Next {
        debug!(%reason, "metrics ended early");
        self.failures.fetch_add(1, Ordering::Relaxed);
        Next::Last(None)
    }
}

impl<R> Remote<R>
where
    R: Body<Data = Bytes> + Unpin,
    R::Error: std::fmt::Display,
{
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Next> {
        loop {
            // First, so that a text without an end has one too.
            if self.deadline.as_mut().poll(context).is_ready() {
                return Poll::Ready(self.broken(&"time is up"));
            }
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(self.broken(&error)),
                None => return Poll::Ready(self.end()),
            };
            let Ok(data) = frame.into_data() else { continue };
            if let Some(lines) = self.whole_lines(data) {
                return Poll::Ready(Next::Lines(lines));
            }
            if self.open_line.len() > MAX_LINE {
                return Poll::Ready(self.broken(&"a line does not end"));
            }
        }
    }
}

// === impl Merged ===

impl<R> Merged<R> {
    pub(super) fn new(parts: impl IntoIterator<Item = Part<R>>) -> Self {
        Self { parts: parts.into_iter().collect() }
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
            let next = match self.parts.front_mut() {
                None => return Poll::Ready(None),
                Some(Part::Text(text)) => Next::Last(Some(std::mem::take(text))),
                Some(Part::Remote(remote)) => ready!(remote.poll_next(context)),
            };
            let lines = match next {
                Next::Lines(lines) => Some(lines),
                Next::Last(lines) => {
                    self.parts.pop_front();
                    lines
                }
            };
            if let Some(lines) = lines {
                return Poll::Ready(Some(Ok(Frame::data(lines))));
            }
        }
    }
}
