use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use super::{Body, ClientError, Handler, fetch, request, serve, text};

struct Echo;

impl Handler for Echo {
    async fn handle(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        text(StatusCode::OK, format!("{} {} from {}", request.method(), request.uri(), peer.ip()))
    }
}

async fn echo_server() -> (SocketAddr, CancellationToken) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    tokio::spawn(serve(listener, Arc::new(Echo), shutdown.clone()));
    (address, shutdown)
}

#[tokio::test]
async fn a_request_is_answered() {
    let (address, _shutdown) = echo_server().await;
    let get = request(Method::GET, "agent", "/healthz?a=1").unwrap();
    let (status, body) = fetch(address, get, 1_000, Duration::from_secs(5)).await.unwrap();
    assert_eq!((status, body.as_ref()), (StatusCode::OK, &b"GET /healthz?a=1 from 127.0.0.1"[..]));
}

#[tokio::test]
async fn an_answer_longer_than_wanted_is_refused() {
    let (address, _shutdown) = echo_server().await;
    let get = request(Method::GET, "agent", "/a/path/that/is/longer/than/ten/bytes").unwrap();
    let error = fetch(address, get, 10, Duration::from_secs(5)).await.unwrap_err();
    assert!(matches!(error, ClientError::TooLong(10)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let get = request(Method::GET, "agent", "/").unwrap();
    let limit = Duration::from_millis(50);
    let error = fetch(listener.local_addr().unwrap(), get, 10, limit).await.unwrap_err();
    assert!(matches!(error, ClientError::TimedOut(_)), "{error:?}");
}

#[tokio::test]
async fn a_closed_port_is_a_connect_error() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let get = request(Method::GET, "agent", "/").unwrap();
    let error = fetch(address, get, 10, Duration::from_secs(5)).await.unwrap_err();
    assert!(matches!(error, ClientError::Connect(_)), "{error:?}");
}

#[tokio::test]
async fn bytes_that_are_not_http_end_only_their_connection() {
    let (address, _shutdown) = echo_server().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"\x16\x03\x01\x00\xff\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
    let get = request(Method::GET, "agent", "/").unwrap();
    assert_eq!(fetch(address, get, 100, Duration::from_secs(5)).await.unwrap().0, StatusCode::OK);
}

#[tokio::test]
async fn a_server_stops_at_the_shutdown() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(serve(listener, Arc::new(Echo), shutdown.clone()));
    shutdown.cancel();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_whose_connections_are_all_taken_stops_too() {
    let (address, shutdown) = echo_server().await;
    let mut taken = Vec::new();
    for _ in 0..super::MAX_CONNECTIONS + 1 {
        taken.push(TcpStream::connect(address).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    shutdown.cancel();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(TcpStream::connect(address).await.is_err(), "the listener is closed");
}
