use std::{collections::BTreeMap, fs, net::Ipv4Addr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time,
};

use super::check;
use crate::{
    config::Capture,
    probes::{spec::ProbeSpec, state::Outcome},
};

/// An application that answers every connection with `answer`, and its port.
async fn application(answer: &'static str) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    port
}

/// Probes the service port 8080 behind which the application listens on `local`.
async fn probe(json: &str, local: u16) -> Outcome {
    let capture = Capture::None { app_ports: BTreeMap::from([(8080, local)]) };
    check(&ProbeSpec::from_json(json).unwrap(), &capture).await
}

fn reason(outcome: Outcome) -> String {
    match outcome {
        Outcome::Failure(reason) => reason,
        Outcome::Success => panic!("the probe succeeded"),
    }
}

const HTTP: &str = r#"{"httpGet":{"path":"/healthz","port":8080}}"#;
const TCP: &str = r#"{"tcpSocket":{"port":8080}}"#;

#[tokio::test]
async fn http_status_200_to_399_is_a_success() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n",
    ] {
        assert_eq!(probe(HTTP, application(answer).await).await, Outcome::Success);
    }
}

#[tokio::test]
async fn http_status_500_is_a_failure_that_names_it() {
    let port = application("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n").await;
    assert!(reason(probe(HTTP, port).await).ends_with("/healthz answered 500"));
}

#[tokio::test]
async fn an_application_that_does_not_speak_http_fails_an_http_probe() {
    let port = application("hello\r\n").await;
    assert!(reason(probe(HTTP, port).await).contains("request failed"));
}

#[tokio::test]
async fn a_connection_is_enough_for_a_tcp_probe() {
    assert_eq!(probe(TCP, application("").await).await, Outcome::Success);
}

#[tokio::test]
async fn a_closed_port_fails_http_and_tcp_probes() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    for json in [HTTP, TCP] {
        assert!(reason(probe(json, port).await).contains("cannot connect"));
    }
}

#[tokio::test]
async fn an_application_that_does_not_answer_fails_after_the_timeout() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    assert_eq!(reason(probe(HTTP, port).await), "no answer within 1 s");
}

#[tokio::test]
async fn the_exit_status_decides_an_exec_probe() {
    assert_eq!(probe(r#"{"exec":{"command":["true"]}}"#, 1).await, Outcome::Success);
    let failed = reason(probe(r#"{"exec":{"command":["sh","-c","exit 3"]}}"#, 1).await);
    assert_eq!(failed, "sh: exit status: 3");
    let missing = reason(probe(r#"{"exec":{"command":["/nonexistent/probe"]}}"#, 1).await);
    assert!(missing.contains("cannot run"), "{missing}");
}

#[tokio::test]
async fn a_command_that_hangs_is_given_up() {
    assert_eq!(reason(probe(r#"{"exec":{"command":["sleep","60"]}}"#, 1).await), "no answer within 1 s");
}

#[tokio::test]
async fn what_a_hanging_command_has_started_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let script = format!("sleep 60 & echo $! > {}; wait", file.display());
    let json = serde_json::json!({ "exec": { "command": ["sh", "-c", script] } });
    assert_eq!(reason(probe(&json.to_string(), 1).await), "no answer within 1 s");
    let stat = format!("/proc/{}/stat", fs::read_to_string(&file).unwrap().trim());
    // A zombie has ended too: whoever adopted it may take its time.
    let runs = || fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z"));
    time::timeout(Duration::from_secs(5), async {
        while runs() {
            time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("the sleep has ended");
}
