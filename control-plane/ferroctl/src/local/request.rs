//! HTTP requests as the applications of a mesh make them.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The two methods these requests need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    Get,
    Post,
}

/// From where a request is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way<'a> {
    /// From this process.
    Direct,
    /// From this process through an HTTP proxy.
    Through(&'a str),
    /// From inside a network namespace.
    Inside(&'a str),
}

/// An answer, whatever its status.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    /// The status, and how the body begins.
    pub(crate) fn summary(&self) -> String {
        let line: String = self.body.lines().next().unwrap_or_default().chars().take(120).collect();
        if line.is_empty() { self.status.to_string() } else { format!("{}: {line}", self.status) }
    }
}

/// Sends one request from this process; the body of a 2xx answer.
pub(crate) fn send(method: Method, url: &str) -> Result<String> {
    from_inside(None, method, url)
}

/// Sends one request from inside a network namespace, if one is given; the body of a 2xx answer.
pub(crate) fn from_inside(netns: Option<&str>, method: Method, url: &str) -> Result<String> {
    let answer = exchange(netns.map_or(Way::Direct, Way::Inside), method, url)?;
    ensure!((200..300).contains(&answer.status), "{url} answered {}", answer.summary());
    Ok(answer.body)
}

/// Sends one request; its answer.
pub(crate) fn exchange(way: Way<'_>, method: Method, url: &str) -> Result<Answer> {
    let builder = reqwest::blocking::Client::builder().timeout(Duration::from_secs(5)).no_proxy();
    let client = match way {
        Way::Inside(netns) => return entered(netns, method, url),
        Way::Direct => builder,
        Way::Through(proxy) => builder.proxy(reqwest::Proxy::http(proxy)?),
    };
    let client = client.build()?;
    let request = match method {
        Method::Get => client.get(url),
        Method::Post => client.post(url),
    };
    let response = request.send()?;
    Ok(Answer { status: response.status().as_u16(), body: response.text()? })
}

/// Has another ferroctl send the request inside, by `ferroctl local request`.
fn entered(netns: &str, method: Method, url: &str) -> Result<Answer> {
    let own = std::env::current_exe()?;
    let verb = match method {
        Method::Get => "get",
        Method::Post => "post",
    };
    let output =
        Command::new("ip").args(["netns", "exec", netns]).arg(own).args(["local", "request", verb, url]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    serde_json::from_slice(&output.stdout).context("the request inside a network namespace told nothing")
}
