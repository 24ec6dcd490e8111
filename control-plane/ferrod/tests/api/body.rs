use ferrod::app::App;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{Ferrod, args};

/// What the model reads at most of one text.
const LIMIT: usize = 16 << 20;

#[tokio::test]
async fn a_request_over_the_limit_is_refused_in_json_with_the_limit_and_the_next_step() {
    let ferrod = Ferrod::start("").await;
    let (status, body) = ferrod.post("/api/v1/apply", "#".repeat(LIMIT + 1)).await;
    let said = body["error"].as_str().unwrap_or_else(|| panic!("{body}"));
    assert_eq!(status, 413, "{said}");
    for part in [&LIMIT.to_string(), &(LIMIT + 1).to_string(), "split it"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert_eq!(ferrod.post("/api/v1/apply", "#".repeat(LIMIT)).await.0, 200, "at the limit");
}

#[tokio::test]
async fn a_body_without_end_is_not_read_far_past_the_limit() {
    let ferrod = Ferrod::start("").await;
    let mut stream = TcpStream::connect(ferrod.api()).await.unwrap();
    let head = "POST /api/v1/apply HTTP/1.1\r\nhost: ferrod\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut chunk = format!("{:x}\r\n", 1 << 20).into_bytes();
    chunk.extend(vec![b'#'; 1 << 20]);
    chunk.extend(b"\r\n");
    let (mut reader, mut writer) = stream.split();
    let mut sent = 0;
    let mut start = [0; 64];
    let answered = loop {
        tokio::select! {
            biased;
            read = reader.read(&mut start) => break read.unwrap_or_default(),
            written = writer.write_all(&chunk) => match written {
                Ok(()) if sent < 100 => sent += 1,
                _ => break reader.read(&mut start).await.unwrap_or_default(),
            },
        }
    };
    // What the kernel holds for both ends is not counted as read.
    assert!(sent < 40, "{sent} MiB were taken");
    assert!(answered == 0 || start.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&start));
}

#[tokio::test]
async fn whatever_is_refused_is_refused_in_json() {
    let ferrod = Ferrod::start("").await;
    for (path, status, word) in [
        ("/api/v2/objects", 404, "no such path"),
        ("/debug/config_dump", 400, "proxyID"),
        ("/debug/config_dump?proxyID=nobody", 404, "nobody"),
        ("/api/v1/objects/Nothing/a/b", 404, "Nothing"),
    ] {
        let (found, body) = ferrod.get(path).await;
        let said = body["error"].as_str().unwrap_or_else(|| panic!("{path}: {body}"));
        assert_eq!(found, status, "{path}: {said}");
        assert!(said.contains(word), "{path}: {said}");
    }
}

#[tokio::test]
async fn only_loopback_addresses_are_bound() {
    let folder = tempfile::tempdir().unwrap();
    for address in ["0.0.0.0", "::", "192.0.2.1"] {
        let refused =
            App::bind(&args(&folder, &["--bind", address])).await.err().unwrap_or_else(|| panic!("{address}"));
        let said = refused.to_string();
        assert!(said.contains(&format!("--bind {address}")) && said.contains("loopback"), "{said}");
    }
    assert!(App::bind(&args(&folder, &["--bind", "127.0.0.1"])).await.is_ok());
}
