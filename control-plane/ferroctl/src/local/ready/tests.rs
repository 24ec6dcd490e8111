use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use super::{Answer, Inbound, answers, somebody};

/// Answers every connection with these bytes, or closes it if there are none.
fn server(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten().filter(|_| !answer.is_empty()) {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

const TEAPOT: &str = "HTTP/1.1 418 I'm a teapot\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const NOBODY: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 19\r\n\r\nno healthy upstream";

#[test]
fn a_probe_wants_success_and_without_one_any_answer_will_do() {
    assert!(answers(server(TEAPOT), &Inbound::Http).is_ok());
    let probed = answers(server(TEAPOT), &Inbound::Probe("/ready".to_owned())).unwrap_err().to_string();
    assert!(probed.contains("/ready answered 418"), "{probed}");
}

#[test]
fn the_answer_of_an_envoy_without_an_application_does_not_count() {
    assert!(answers(server(NOBODY), &Inbound::Http).is_err());
    let injected = Answer { status: 503, body: "fault filter abort".to_owned() };
    assert!(somebody(&injected).is_ok(), "a policy was in force: traffic passes");
}

#[test]
fn a_connection_that_is_closed_at_once_has_no_application_behind_it() {
    assert!(answers(server(""), &Inbound::Tcp).is_err());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    answers(listener.local_addr().unwrap(), &Inbound::Tcp).unwrap();
}
