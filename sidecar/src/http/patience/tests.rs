use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    time::{self, Instant},
};

use super::Patience;

const LIMIT: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_breaks_the_stream_after_the_limit() {
    let (_peer, stream) = duplex(4);
    let start = Instant::now();
    let error = Patience::new(stream, LIMIT).write_all(b"more than fits").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!((LIMIT..LIMIT * 2).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_now_and_then_is_waited_for() {
    let (mut peer, stream) = duplex(4);
    let reading = tokio::spawn(async move {
        let mut read = Vec::new();
        let mut piece = [0; 4];
        while let Ok(length @ 1..) = peer.read(&mut piece).await {
            read.extend_from_slice(&piece[..length]);
            time::sleep(LIMIT * 9 / 10).await;
        }
        read
    });
    let mut stream = Patience::new(stream, LIMIT);
    stream.write_all(b"many times what fits").await.unwrap();
    drop(stream);
    assert_eq!(reading.await.unwrap(), b"many times what fits");
}
