use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::BodyExt;

use super::{Merged, Part};

/// A body that comes in pieces and may break.
struct Pieces(VecDeque<Result<&'static str, io::Error>>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(self.0.pop_front().map(|piece| piece.map(|text| Frame::data(Bytes::from(text)))))
    }
}

fn remote(pieces: impl IntoIterator<Item = Result<&'static str, io::Error>>) -> Part<Pieces> {
    Part::Remote(Pieces(pieces.into_iter().collect()))
}

async fn text_of(parts: impl IntoIterator<Item = Part<Pieces>>) -> String {
    let bytes = Merged::new(parts).collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn texts_follow_each_other_each_on_its_own_line() {
    let parts = [Part::Text(Bytes::from("a 1\n")), remote([Ok("b "), Ok("2")]), remote([Ok("c 3\n")])];
    assert_eq!(text_of(parts).await, "a 1\nb 2\nc 3\n");
}

#[tokio::test]
async fn a_source_that_breaks_spoils_only_itself() {
    let parts = [remote([Ok("a 1\nb"), Err(io::Error::other("gone"))]), remote([Ok("c 3\n")])];
    assert_eq!(text_of(parts).await, "a 1\nb\nc 3\n");
}

#[tokio::test]
async fn nothing_gives_an_empty_text() {
    assert_eq!(text_of([]).await, "");
    assert_eq!(text_of([remote([])]).await, "");
}
