//! From the words of a command line to typed values. Each error says what is allowed.

use std::{
    collections::BTreeMap,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use ferro_xds::client::Upstream;

use super::{AppMetrics, Capture, ConfigError, Locality};
use crate::{args::CaptureArg, probes::spec::ProbeSpec};

pub(super) fn invalid(flag: &'static str, value: &str, allowed: &'static str) -> ConfigError {
    ConfigError::Invalid { flag, value: value.to_owned(), allowed }
}

pub(super) fn upstream(text: &str) -> Result<Upstream, ConfigError> {
    let wrong = || invalid("ferrod", text, "write http://HOST:PORT or unix:/PATH");
    if let Some(path) = text.strip_prefix("unix:") {
        let path = PathBuf::from(path);
        return if path.is_absolute() { Ok(Upstream::Unix(path)) } else { Err(wrong()) };
    }
    let uri: http::Uri = text.parse().map_err(|_| wrong())?;
    let is_bare = uri.scheme_str() == Some("http") && uri.path() == "/" && uri.query().is_none();
    let names_both = uri.host().is_some_and(|host| !host.is_empty()) && uri.port_u16().is_some();
    if is_bare && names_both { Ok(Upstream::Tcp(uri)) } else { Err(wrong()) }
}

pub(super) fn ip(text: &str) -> Result<IpAddr, ConfigError> {
    text.parse().map_err(|_| invalid("ip", text, "write an IP address"))
}

/// The characters of a node id's separators must not occur in its parts.
pub(super) fn name(flag: &'static str, text: String) -> Result<String, ConfigError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if text.is_empty() || text.len() > 253 || !text.bytes().all(allowed) {
        return Err(invalid(flag, &text, "1 to 253 letters, digits, `-`, `.` or `_`"));
    }
    Ok(text)
}

pub(super) fn labels(text: &str) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut labels = BTreeMap::new();
    for pair in text.split(',').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| invalid("labels", pair, "write k=v,k=v"))?;
        if labels.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(invalid("labels", pair, "each key once"));
        }
    }
    Ok(labels)
}

pub(super) fn locality(text: &str) -> Result<Locality, ConfigError> {
    let mut parts = text.split('/').map(str::to_owned);
    let mut next = || parts.next().unwrap_or_default();
    let locality = Locality { region: next(), zone: next(), sub_zone: next() };
    match parts.next() {
        Some(_) => Err(invalid("locality", text, "write REGION[/ZONE[/SUBZONE]]")),
        None => Ok(locality),
    }
}

fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port != 0)
}

pub(super) fn capture(capture: CaptureArg, app_ports: &[String]) -> Result<Capture, ConfigError> {
    match capture {
        CaptureArg::Redirect if app_ports.is_empty() => Ok(Capture::Redirect),
        CaptureArg::Redirect => Err(ConfigError::Meaningless { flag: "app-port", beside: "--capture redirect" }),
        CaptureArg::None => {
            let mut parsed = BTreeMap::new();
            for pair in app_ports {
                let ports = pair.split_once('=').and_then(|(target, local)| Some((port(target)?, port(local)?)));
                let (target, local) = ports.ok_or_else(|| invalid("app-port", pair, "write TARGET=LOCAL"))?;
                if parsed.insert(target, local).is_some() {
                    return Err(invalid("app-port", pair, "each target port once"));
                }
            }
            Ok(Capture::None { app_ports: parsed })
        }
    }
}

pub(super) fn app_metrics(text: &str, capture: &Capture) -> Result<AppMetrics, ConfigError> {
    let (number, path) = match text.split_once('/') {
        Some((number, path)) => (number, format!("/{path}")),
        None => (text, "/metrics".to_owned()),
    };
    let port = port(number).ok_or_else(|| invalid("app-metrics", text, "write PORT or PORT/PATH"))?;
    Ok(AppMetrics { address: capture.app_address(port), path })
}

pub(super) fn probe(text: &str) -> Result<ProbeSpec, ConfigError> {
    let parse = |json: &str| ProbeSpec::from_json(json).map_err(ConfigError::Probe);
    match text.strip_prefix('@') {
        None => parse(text),
        Some(path) => {
            let path = Path::new(path);
            let json =
                fs::read_to_string(path).map_err(|reason| ConfigError::ProbeFile { path: path.to_owned(), reason })?;
            parse(&json)
        }
    }
}
