//! One try of a probe.

use std::{net::SocketAddr, process::Stdio};

use http::{HeaderName, HeaderValue, Method as HttpMethod, header};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time,
};

use super::{
    spec::{HttpProbe, Method, ProbeSpec, Target},
    state::Outcome,
};
use crate::{
    config::Capture,
    http::{ClientError, request, send},
};
use ferro_process::supervise::Chain;

#[cfg(test)]
mod tests;

/// Tries once, within the probe's timeout.
pub(crate) async fn check(spec: &ProbeSpec, capture: &Capture) -> Outcome {
    let limit = spec.timing.timeout;
    let attempt = async {
        match &spec.method {
            Method::Http(http) => check_http(http, capture).await,
            Method::Tcp(target) => check_tcp(target, capture).await,
            Method::Exec(command) => check_exec(command).await,
        }
    };
    match time::timeout(limit, attempt).await {
        Ok(Ok(())) => Outcome::Success,
        Ok(Err(reason)) => Outcome::Failure(reason),
        Err(_) => Outcome::Failure(format!("no answer within {} s", limit.as_secs_f64())),
    }
}

/// A status from 200 to 399 is a success and redirects are not followed, as Kubernetes has it.
async fn check_http(probe: &HttpProbe, capture: &Capture) -> Result<(), String> {
    let address = Address::of(&probe.target, capture);
    let mut get = request(HttpMethod::GET, &address.to_string(), &probe.path).map_err(|error| error.to_string())?;
    for (name, value) in &probe.headers {
        let name = HeaderName::try_from(name).map_err(|error| error.to_string())?;
        let value = HeaderValue::try_from(value).map_err(|error| error.to_string())?;
        get.headers_mut().insert(name, value);
    }
    get.headers_mut().entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    let sent = match &address {
        Address::Local(address) => send(*address, get).await,
        Address::Named(host, port) => send((host.as_str(), *port), get).await,
    };
    let status = sent.map_err(|error: ClientError| format!("{address}: {}", Chain(&error)))?.status();
    if (200..400).contains(&status.as_u16()) {
        Ok(())
    } else {
        Err(format!("{address}{} answered {}", probe.path, status.as_u16()))
    }
}

async fn check_tcp(target: &Target, capture: &Capture) -> Result<(), String> {
    let address = Address::of(target, capture);
    let connected = match &address {
        Address::Local(address) => TcpStream::connect(*address).await,
        Address::Named(host, port) => TcpStream::connect((host.as_str(), *port)).await,
    };
    connected.map(drop).map_err(|error| format!("{address}: cannot connect: {error}"))
}

async fn check_exec(command: &[String]) -> Result<(), String> {
    let Some((program, arguments)) = command.split_first() else {
        return Err("the command is empty".to_owned());
    };
    let unable = |error: std::io::Error| format!("{program}: cannot run: {error}");
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(unable)?;
    let mut group = Group(child);
    let status = group.0.wait().await.map_err(unable)?;
    if status.success() { Ok(()) } else { Err(format!("{program}: {status}")) }
}

/// A command with all it has started, which a shell does: they end with the try, not only the command.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // A command that was waited for has no id any more, so no stranger is hit.
        if let Some(leader) = self.0.id().and_then(|id| i32::try_from(id).ok()) {
            // It may end by itself in this moment.
            let _ = killpg(Pid::from_raw(leader), Signal::SIGKILL);
        }
    }
}

/// Where a probe goes.
enum Address {
    /// To the workload itself.
    Local(SocketAddr),
    /// To a host somebody named.
    Named(String, u16),
}

// === impl Address ===

impl Address {
    fn of(target: &Target, capture: &Capture) -> Self {
        match &target.host {
            None => Self::Local(capture.app_address(target.port)),
            Some(host) => Self::Named(host.clone(), target.port),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local(address) => write!(formatter, "{address}"),
            Self::Named(host, port) => write!(formatter, "{host}:{port}"),
        }
    }
}
