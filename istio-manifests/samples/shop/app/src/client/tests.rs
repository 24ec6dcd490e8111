use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Client, empty};

/// The head of the one request a server on a free port receives, and what the client made of the answer.
async fn head_of_a_request(url: impl FnOnce(&str) -> String, proxied: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let server = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.expect("a connection");
        let mut head = vec![0; 1024];
        let length = connection.read(&mut head).await.expect("a request");
        connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("open");
        String::from_utf8_lossy(&head[..length]).into_owned()
    });
    let proxy = proxied.then(|| format!("http://{address}").parse().expect("a URL"));
    let request = Request::get(url(&address)).body(empty()).expect("valid");
    let response = Client::new(proxy).send(request).await.expect("a response");
    assert_eq!(response.status(), 204);
    server.await.expect("no panic")
}

#[tokio::test]
async fn through_a_proxy_the_request_names_the_whole_url() {
    let head = head_of_a_request(|_| "http://product:8080/products/1".to_owned(), true).await;
    assert!(head.starts_with("GET http://product:8080/products/1 HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("host: product:8080\r\n"), "{head}");
}

#[tokio::test]
async fn without_a_proxy_the_request_names_the_path() {
    let head = head_of_a_request(|address| format!("http://{address}/who"), false).await;
    assert!(head.starts_with("GET /who HTTP/1.1\r\n"), "{head}");
}

#[tokio::test]
async fn a_refused_connection_is_told_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let request = Request::get(format!("http://{address}/")).body(empty()).expect("valid");
    let error = Client::new(None).send(request).await.expect_err("nobody listens");
    assert_eq!(error.to_string(), "connect: Connection refused (os error 111)");
}
