use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tokio::time::Instant;

use super::{Framing, MAX_LINE, Merged, Part, Remote};

const LIMIT: Duration = Duration::from_secs(5);

/// What a body does next.
#[derive(Clone)]
enum Piece {
    Text(&'static str),
    Break,
    Stall,
}

use Piece::{Break, Stall, Text};

/// A body that comes in pieces and may break or stall.
struct Pieces(VecDeque<Piece>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.0.pop_front() {
            None => Poll::Ready(None),
            Some(Text(text)) => Poll::Ready(Some(Ok(Frame::data(Bytes::from(text))))),
            Some(Break) => Poll::Ready(Some(Err(io::Error::other("gone")))),
            Some(Stall) => {
                self.0.push_front(Stall);
                Poll::Pending
            }
        }
    }
}

/// The merged text of sources that are to come within [`LIMIT`], and how many failed.
async fn merged(sources: &[&[Piece]], framing: Framing) -> (String, u64) {
    let failures = Arc::new(AtomicU64::new(0));
    let deadline = Instant::now() + LIMIT;
    let remote = |pieces: &&[Piece]| {
        let body = Pieces(pieces.iter().cloned().collect());
        Part::Remote(Remote::new(body, framing, deadline, Arc::clone(&failures)))
    };
    let own = Part::Text(Bytes::from("own 1\n"));
    let bytes = Merged::new(std::iter::once(own).chain(sources.iter().map(remote))).collect().await.unwrap().to_bytes();
    (String::from_utf8(bytes.to_vec()).unwrap(), failures.load(Ordering::Relaxed))
}

#[tokio::test]
async fn texts_follow_each_other_each_on_its_own_line() {
    let sources: [&[Piece]; 3] = [&[Text("b "), Text("2")], &[Text("c 3\nd"), Text(" 4\ne 5\n")], &[]];
    assert_eq!(merged(&sources, Framing::Told).await, ("own 1\nb 2\nc 3\nd 4\ne 5\n".to_owned(), 0));
}

#[tokio::test]
async fn a_source_that_breaks_in_a_line_gives_the_lines_before_it_and_spoils_no_other() {
    let sources: [&[Piece]; 2] = [&[Text("a 1\nb"), Break], &[Text("c 3\n")]];
    assert_eq!(merged(&sources, Framing::Told).await, ("own 1\na 1\nc 3\n".to_owned(), 1));
}

#[tokio::test]
async fn a_body_that_only_its_connection_ends_has_no_last_line_without_a_break() {
    let sources: [&[Piece]; 2] = [&[Text("a 1\nb 2")], &[Text("c 3\n")]];
    assert_eq!(merged(&sources, Framing::Closed).await, ("own 1\na 1\nc 3\n".to_owned(), 1));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_stalls_is_given_up_at_its_deadline() {
    let start = Instant::now();
    let sources: [&[Piece]; 1] = [&[Text("a 1\nb"), Stall]];
    assert_eq!(merged(&sources, Framing::Told).await, ("own 1\na 1\n".to_owned(), 1));
    assert!((LIMIT..LIMIT + Duration::from_millis(10)).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_line_without_an_end_is_not_kept() {
    let long: &'static str = "x".repeat(MAX_LINE / 2).leak();
    let sources: [&[Piece]; 2] = [&[Text(long), Text(long), Text(long)], &[Text("c 3\n")]];
    assert_eq!(merged(&sources, Framing::Told).await, ("own 1\nc 3\n".to_owned(), 1));
}
