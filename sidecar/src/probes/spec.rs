//! The probe of a WorkloadGroup, as its `spec.probe` says it (istio-coverage.md §1.6).

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

#[cfg(test)]
mod tests;

/// How an application is probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeSpec {
    /// What is tried.
    pub method: Method,
    /// When, and how often it counts.
    pub timing: Timing,
}

/// When an application is probed and how many results in a row change its health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Before the first try.
    pub initial_delay: Duration,
    /// From one try to the next.
    pub period: Duration,
    /// The longest one try may take.
    pub timeout: Duration,
    /// Successes in a row that make it healthy.
    pub success_threshold: u32,
    /// Failures in a row that make it unhealthy.
    pub failure_threshold: u32,
}

/// What is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`; a status from 200 to 399 is a success.
    Http(HttpProbe),
    /// A connection.
    Tcp(Target),
    /// A command; exit status 0 is a success.
    Exec(Vec<String>),
}

/// A `GET` request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpProbe {
    /// Where to.
    pub target: Target,
    /// The path with its query.
    pub path: String,
    /// Header fields to add; `Host` replaces the default.
    pub headers: BTreeMap<String, String>,
}

/// The port of a workload, on another host only if one is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Another host than the workload itself.
    pub host: Option<String>,
    /// The port as the service knows it: its target port.
    pub port: u16,
}

/// Why a probe makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// Not JSON of the expected shape.
    #[error("not a probe as in a WorkloadGroup")]
    Json(#[source] serde_json::Error),
    /// No method or more than one.
    #[error("exactly one of httpGet, tcpSocket and exec is needed, found {0}")]
    Methods(usize),
    /// A method we do not have.
    #[error("{0} is not supported; use httpGet with HTTP, tcpSocket or exec")]
    Unsupported(&'static str),
    /// A field out of its range.
    #[error("{field}: {allowed}")]
    Range {
        /// The field.
        field: &'static str,
        /// What is allowed.
        allowed: &'static str,
    },
}

/// The wire form; absent and zero mean the default, as in Istio.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    initial_delay_seconds: u32,
    #[serde(default)]
    timeout_seconds: u32,
    #[serde(default)]
    period_seconds: u32,
    #[serde(default)]
    success_threshold: u32,
    #[serde(default)]
    failure_threshold: u32,
    http_get: Option<RawHttp>,
    tcp_socket: Option<RawTcp>,
    exec: Option<RawExec>,
    grpc: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawHttp {
    path: Option<String>,
    port: u32,
    host: Option<String>,
    scheme: Option<String>,
    #[serde(default)]
    http_headers: Vec<RawHeader>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHeader {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTcp {
    host: Option<String>,
    port: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExec {
    command: Vec<String>,
}

// === impl ProbeSpec ===

impl ProbeSpec {
    /// Reads the JSON of a WorkloadGroup's `spec.probe`.
    ///
    /// # Errors
    /// When a field is unknown or out of range, or the number of methods is not one.
    pub fn from_json(json: &str) -> Result<Self, SpecError> {
        let raw: Raw = serde_json::from_str(json).map_err(SpecError::Json)?;
        let timing = raw.timing();
        Ok(Self { method: raw.method()?, timing })
    }
}

// === impl Raw ===

impl Raw {
    fn timing(&self) -> Timing {
        let or_default = |value: u32, default: u32| if value == 0 { default } else { value };
        let seconds = |value: u32| Duration::from_secs(u64::from(value));
        Timing {
            initial_delay: seconds(self.initial_delay_seconds),
            period: seconds(or_default(self.period_seconds, 10)),
            timeout: seconds(or_default(self.timeout_seconds, 1)),
            success_threshold: or_default(self.success_threshold, 1),
            failure_threshold: or_default(self.failure_threshold, 1),
        }
    }

    fn method(self) -> Result<Method, SpecError> {
        if self.grpc.is_some() {
            return Err(SpecError::Unsupported("grpc"));
        }
        match (self.http_get, self.tcp_socket, self.exec) {
            (Some(http), None, None) => http.check().map(Method::Http),
            (None, Some(tcp), None) => Target::new(tcp.host, tcp.port, "tcpSocket.port").map(Method::Tcp),
            (None, None, Some(exec)) if exec.command.is_empty() => {
                Err(SpecError::Range { field: "exec.command", allowed: "at least the program" })
            }
            (None, None, Some(exec)) => Ok(Method::Exec(exec.command)),
            (http, tcp, exec) => {
                let given = [http.is_some(), tcp.is_some(), exec.is_some()];
                Err(SpecError::Methods(given.into_iter().filter(|given| *given).count()))
            }
        }
    }
}

// === impl RawHttp ===

impl RawHttp {
    fn check(self) -> Result<HttpProbe, SpecError> {
        match self.scheme.as_deref() {
            None | Some("" | "HTTP" | "http") => {}
            Some("HTTPS" | "https") => return Err(SpecError::Unsupported("httpGet with scheme HTTPS")),
            Some(_) => return Err(SpecError::Range { field: "httpGet.scheme", allowed: "HTTP" }),
        }
        let path = self.path.filter(|path| !path.is_empty()).unwrap_or_else(|| "/".to_owned());
        if !path.starts_with('/') || path.parse::<http::uri::PathAndQuery>().is_err() {
            return Err(SpecError::Range { field: "httpGet.path", allowed: "a path that starts with `/`" });
        }
        let target = Target::new(self.host, self.port, "httpGet.port")?;
        let headers = self.http_headers.into_iter().map(RawHeader::check).collect::<Result<_, _>>()?;
        Ok(HttpProbe { target, path, headers })
    }
}

// === impl RawHeader ===

impl RawHeader {
    fn check(self) -> Result<(String, String), SpecError> {
        let valid = http::HeaderName::try_from(&self.name).is_ok() && http::HeaderValue::try_from(&self.value).is_ok();
        if valid {
            Ok((self.name, self.value))
        } else {
            Err(SpecError::Range { field: "httpGet.httpHeaders", allowed: "a valid name and value" })
        }
    }
}

// === impl Target ===

impl Target {
    fn new(host: Option<String>, port: u32, field: &'static str) -> Result<Self, SpecError> {
        match u16::try_from(port) {
            Ok(port) if port != 0 => Ok(Self { host: host.filter(|host| !host.is_empty()), port }),
            _ => Err(SpecError::Range { field, allowed: "1 to 65535" }),
        }
    }
}
