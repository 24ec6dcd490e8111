//! One workload: an application, its agent as a process, and the addresses between them.

use std::{
    fs::File,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU8, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time,
};

use crate::fake_ferrod::FakeFerrod;

/// How long anything may take. Envoy alone is up in half a second on an idle machine; this one is shared.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// The agent's own log, in its state folder.
const LOG: &str = "agent.log";

/// An agent's process; it and its Envoy are gone when this is dropped.
pub(crate) struct Agent {
    pub(crate) ip: IpAddr,
    pub(crate) state: TempDir,
    child: Child,
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// A loopback address that no other test uses.
pub(crate) fn own_address() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let process = std::process::id();
    let third = u8::try_from(process % 250).unwrap() + 1;
    Ipv4Addr::new(127, 78, third, NEXT.fetch_add(1, Ordering::Relaxed)).into()
}

/// `$ENVOY`, else the one `make build` puts into `dist`.
fn envoy() -> PathBuf {
    std::env::var_os("ENVOY").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/envoy"), PathBuf::from)
}

impl Agent {
    pub(crate) fn start(ferrod: &FakeFerrod, ip: IpAddr, more: &[&str]) -> Self {
        let state = tempfile::tempdir().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_ferro-agent"))
            .arg(format!("--ferrod=http://{}", ferrod.address))
            .arg(format!("--envoy={}", envoy().display()))
            .arg(format!("--state-dir={}", state.path().display()))
            .arg(format!("--ip={ip}"))
            .args(["--workload=product-v1", "--namespace=shop", "--labels=app=product,version=v1"])
            .args(["--capture=none", "--group=product-v1", "--concurrency=1", "--drain-seconds=10"])
            .args(more)
            .env("RUST_LOG", "info")
            .stdin(Stdio::null())
            .stderr(File::create(state.path().join(LOG)).unwrap())
            .spawn()
            .unwrap();
        Self { ip, state, child }
    }

    pub(crate) fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip, port)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// The process id of its Envoy, as it says itself.
    pub(crate) async fn envoy_pid(&self) -> u32 {
        let page = get(self.at(15020), "/debug/status").await.unwrap();
        let page: serde_json::Value = serde_json::from_str(&page.body).unwrap();
        let pid = page["envoy"]["phase"]["running"].as_u64().unwrap_or_else(|| panic!("Envoy does not run: {page:#}"));
        u32::try_from(pid).unwrap()
    }

    pub(crate) async fn ready(&self) {
        self.answers(15021, "/healthz/ready", 200).await;
    }

    /// Waits until a page of the running agent answers with a status.
    pub(crate) async fn answers(&self, port: u16, path: &str, status: u16) {
        let address = self.at(port);
        let asked = format!("http://{address}{path} answers {status}");
        eventually(&asked, async || {
            assert!(is_alive(self.child.id()), "the agent has ended");
            get(address, path).await.is_some_and(|answer| answer.status == status)
        })
        .await;
    }

    pub(crate) async fn exited(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the agent ends", async || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            for name in [LOG, "envoy.log"] {
                let text = std::fs::read_to_string(self.state.path().join(name)).unwrap_or_default();
                eprintln!("=== {name}\n{text}");
            }
        }
    }
}

pub(crate) fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

/// Whether a process runs: one that ended and was not waited for does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

/// Tries until it holds.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        time::sleep(Duration::from_millis(50)).await;
    }
}

/// `GET`; `None` if nobody answers.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Option<Answer> {
    exchange(address, http::Method::GET, path).await
}

/// A request on a connection of its own.
pub(crate) async fn exchange(address: SocketAddr, method: http::Method, path: &str) -> Option<Answer> {
    let exchanged = async {
        let stream = TcpStream::connect(address).await.ok()?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        let request = http::Request::builder().method(method).uri(path).header("host", "product.shop:8080");
        let response = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.ok()?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.ok()?.to_bytes();
        Some(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
    };
    time::timeout(Duration::from_secs(10), exchanged).await.ok().flatten()
}

/// An application that answers every request with 200 and `body`, after `delay` if the path is `/slow`.
pub(crate) async fn application(body: &'static str, delay: Duration) -> (SocketAddr, tokio::task::AbortHandle) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(answer_all(stream, body, delay));
        }
    });
    (address, serving.abort_handle())
}

async fn answer_all(mut stream: TcpStream, body: &'static str, delay: Duration) -> std::io::Result<()> {
    let mut request = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).await?;
        if length == 0 {
            return Ok(());
        }
        request.extend_from_slice(&piece[..length]);
        if request.ends_with(b"\r\n\r\n") {
            if request.starts_with(b"GET /slow") {
                time::sleep(delay).await;
            }
            request.clear();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).await?;
        }
    }
}
