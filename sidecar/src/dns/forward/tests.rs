use std::{fs, net::Ipv4Addr, path::Path, time::Duration};

use tokio::net::{TcpListener, UdpSocket};

use super::{ForwardError, Forwarder, HostResolvers, answers};
use crate::dns::{answer::Transport, read_frame, write_frame};

const QUERY: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01";
const ANSWER: &[u8] = b"\x12\x34\x81\x80\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01";

/// The same question refused, by response code.
const SERVFAIL: &[u8] = b"\x12\x34\x81\x82\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01";
const NXDOMAIN: &[u8] = b"\x12\x34\x81\x83\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01";
const REFUSED: &[u8] = b"\x12\x34\x81\x85\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01";

fn forwarder(folder: &Path, port: u16, resolvers: &[&str]) -> Forwarder {
    let path = folder.join("resolv.conf");
    let text: String = resolvers.iter().map(|address| format!("nameserver {address}\n")).collect();
    fs::write(&path, text).unwrap();
    Forwarder::new(HostResolvers { path, port })
}

/// A resolver that sends each of `answers` to every question.
async fn resolver(address: &str, port: u16, answers: &'static [&'static [u8]]) -> u16 {
    let socket = UdpSocket::bind((address, port)).await.unwrap();
    let port = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((_, client)) = socket.recv_from(&mut buffer).await {
            for answer in answers {
                socket.send_to(answer, client).await.unwrap();
            }
        }
    });
    port
}

#[tokio::test]
async fn the_answer_of_a_resolver_comes_back_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let port = resolver("127.0.0.1", 0, &[ANSWER]).await;
    let forwarder = forwarder(folder.path(), port, &["127.0.0.1"]);
    assert_eq!(forwarder.forward(QUERY, Transport::Udp).await.unwrap(), ANSWER);
}

#[tokio::test]
async fn a_resolver_that_is_silent_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let silent = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
    let port = silent.local_addr().unwrap().port();
    resolver("127.0.0.2", port, &[ANSWER]).await;
    let forwarder = forwarder(folder.path(), port, &["127.0.0.1", "127.0.0.2"]);
    assert_eq!(forwarder.forward(QUERY, Transport::Udp).await.unwrap(), ANSWER);
}

#[tokio::test]
async fn a_resolver_that_cannot_tell_is_passed_over_and_one_that_denies_is_not() {
    for (first, wanted) in [(&[SERVFAIL], ANSWER), (&[REFUSED], ANSWER), (&[NXDOMAIN], NXDOMAIN)] {
        let folder = tempfile::tempdir().unwrap();
        let port = resolver("127.0.0.1", 0, first).await;
        resolver("127.0.0.2", port, &[ANSWER]).await;
        let forwarder = forwarder(folder.path(), port, &["127.0.0.1", "127.0.0.2"]);
        assert_eq!(forwarder.forward(QUERY, Transport::Udp).await.unwrap(), wanted);
    }
}

#[tokio::test]
async fn a_refusal_comes_back_if_no_other_resolver_knows_more() {
    let folder = tempfile::tempdir().unwrap();
    let port = resolver("127.0.0.1", 0, &[SERVFAIL]).await;
    let forwarder = forwarder(folder.path(), port, &["127.0.0.1", "127.0.0.2"]);
    assert_eq!(forwarder.forward(QUERY, Transport::Udp).await.unwrap(), SERVFAIL);
}

#[tokio::test]
async fn datagrams_that_answer_something_else_are_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let port = resolver("127.0.0.1", 0, &[b"", b"\x99\x99\x81\x80\0\0\0\0\0\0\0\0", QUERY, ANSWER]).await;
    let forwarder = forwarder(folder.path(), port, &["127.0.0.1"]);
    assert_eq!(forwarder.forward(QUERY, Transport::Udp).await.unwrap(), ANSWER);
}

#[tokio::test]
async fn questions_on_a_stream_are_asked_on_a_stream() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert_eq!(read_frame(&mut stream).await.unwrap().unwrap(), QUERY);
        write_frame(&mut stream, ANSWER).await.unwrap();
    });
    let forwarder = forwarder(folder.path(), port, &["127.0.0.1"]);
    assert_eq!(forwarder.forward(QUERY, Transport::Tcp).await.unwrap(), ANSWER);
}

#[tokio::test]
async fn a_host_without_resolvers_is_named_by_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let error = forwarder(folder.path(), 53, &[]).forward(QUERY, Transport::Udp).await.unwrap_err();
    assert!(matches!(&error, ForwardError::NoResolver(_)), "{error:?}");
    let nowhere = Forwarder::new(HostResolvers { path: folder.path().join("missing"), port: 53 });
    assert!(matches!(nowhere.forward(QUERY, Transport::Udp).await, Err(ForwardError::NoResolver(_))));
}

#[tokio::test]
async fn a_changed_file_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let forwarder = forwarder(folder.path(), 53, &["127.0.0.1"]);
    assert_eq!(forwarder.resolvers().len(), 1);
    tokio::time::pause();
    let path = folder.path().join("resolv.conf");
    fs::write(&path, "nameserver 127.0.0.1\nnameserver 127.0.0.2\n").unwrap();
    let later = fs::metadata(&path).unwrap().modified().unwrap() + Duration::from_secs(2);
    fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
    tokio::time::advance(Duration::from_secs(6)).await;
    assert_eq!(forwarder.resolvers().len(), 2);
}

#[test]
fn only_a_response_with_the_id_of_the_question_answers_it() {
    assert!(answers(ANSWER, QUERY));
    assert!(!answers(QUERY, QUERY));
    assert!(!answers(b"\x12\x34\x81", QUERY));
    assert!(!answers(b"", b""));
}
