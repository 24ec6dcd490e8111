//! HTTP requests as the applications of a mesh make them.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use super::state::MemberRecord;

/// The two methods these requests need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    Get,
    Post,
}

/// Sends one request from this process; the body of a 2xx answer.
pub(crate) fn send(method: Method, url: &str) -> Result<String> {
    let client = reqwest::blocking::Client::builder().timeout(Duration::from_secs(5)).no_proxy().build()?;
    let request = match method {
        Method::Get => client.get(url),
        Method::Post => client.post(url),
    };
    let response = request.send()?;
    let status = response.status();
    ensure!(status.is_success(), "{url} answered {status}");
    Ok(response.text()?)
}

/// Sends one request from inside a network namespace, if one is given.
pub(crate) fn from_inside(netns: Option<&str>, method: Method, url: &str) -> Result<String> {
    let Some(netns) = netns else { return send(method, url) };
    let own = std::env::current_exe()?;
    let verb = match method {
        Method::Get => "get",
        Method::Post => "post",
    };
    let output =
        Command::new("ip").args(["netns", "exec", netns]).arg(own).args(["local", "request", verb, url]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A request to a workload at its address in the mesh: it enters through the sidecar.
pub(crate) fn through_sidecar(member: &MemberRecord) -> Result<()> {
    let port = member.port.context("a gateway has no application")?;
    from_inside(None, Method::Get, &format!("http://{}:{port}/healthz", member.ip)).map(drop)
}
