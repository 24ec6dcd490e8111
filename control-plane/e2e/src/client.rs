//! HTTP as an application of the mesh speaks it.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::Proxy;
use reqwest::blocking::{Client as Http, ClientBuilder, RequestBuilder};
use serde::de::DeserializeOwned;

/// Longer than any timeout of a mesh under test.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Keeps connections, as an application does.
#[derive(Clone)]
pub struct Client {
    http: Http,
}

/// A response, whatever its status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// By lower-case name; the last of several.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

// === impl Client ===

impl Client {
    /// A client on this machine, outside of any mesh.
    pub fn outside() -> Self {
        Self::build(builder().no_proxy())
    }

    /// An application beside the sidecar at this address: requests leave through its HTTP proxy.
    pub fn beside(sidecar: IpAddr) -> Self {
        let proxy = Proxy::http(format!("http://{sidecar}:15007")).expect("a URL");
        Self::build(builder().proxy(proxy))
    }

    fn build(builder: ClientBuilder) -> Self {
        Self { http: builder.build().expect("a client without special wishes") }
    }

    /// Sends a GET.
    ///
    /// # Errors
    /// There was no HTTP answer; why, as text.
    pub fn get(&self, url: &str) -> Result<Answer, String> {
        self.get_with(url, &[])
    }

    /// Sends a GET with headers.
    ///
    /// # Errors
    /// There was no HTTP answer; why, as text.
    pub fn get_with(&self, url: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
        send(headers.iter().fold(self.http.get(url), |request, (name, value)| request.header(*name, *value)))
    }

    /// Sends a POST.
    ///
    /// # Errors
    /// There was no HTTP answer; why, as text.
    pub fn post(&self, url: &str, body: &str) -> Result<Answer, String> {
        send(self.http.post(url).body(body.to_owned()))
    }
}

fn builder() -> ClientBuilder {
    Http::builder().timeout(TIMEOUT)
}

fn send(request: RequestBuilder) -> Result<Answer, String> {
    let response = request.send().map_err(|error| in_full(&error))?;
    let status = response.status().as_u16();
    let text = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let body = response.text().map_err(|error| format!("{status}, then {}", in_full(&error)))?;
    Ok(Answer { status, headers, body })
}

/// An error with all its causes.
fn in_full(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause: &&dyn Error| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

// === impl Answer ===

impl Answer {
    /// The version of the shop that answered.
    pub fn version(&self) -> &str {
        self.headers.get("x-shop-version").map_or("", String::as_str)
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// It is something else.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {}: {}", self.status, self.body))
    }
}
