//! ferrod's admin API, from the client's side.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use ferro_api::{ApplyResponse, Object, ProxyStatus, Refusal, Revision, Version};
use reqwest::blocking::{RequestBuilder, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A connection to one ferrod.
pub(crate) struct Client {
    http: reqwest::blocking::Client,
    server: String,
}

impl Client {
    /// `server` is the base address, `http://127.0.0.1:8080`.
    pub(crate) fn new(server: &str) -> Result<Self> {
        let http = reqwest::blocking::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
        Ok(Self { http, server: server.trim_end_matches('/').to_owned() })
    }

    /// Whether the first revision is served.
    pub(crate) fn ready(&self) -> Result<()> {
        let response = self.http.get(format!("{}/ready", self.server)).send()?;
        ensure!(response.status().is_success(), "not ready yet: {}", response.status());
        Ok(())
    }

    pub(crate) fn version(&self) -> Result<Version> {
        self.json(self.http.get(self.url("/api/v1/version")))
    }

    pub(crate) fn apply(&self, yaml: String, dry_run: bool, resource_version: Option<u64>) -> Result<ApplyResponse> {
        let mut request = self.http.post(self.url("/api/v1/apply")).query(&[("dryRun", dry_run)]);
        if let Some(version) = resource_version {
            request = request.query(&[("resourceVersion", version)]);
        }
        self.json(request.body(yaml))
    }

    pub(crate) fn objects(
        &self,
        kind: Option<&str>,
        namespace: Option<&str>,
        name: Option<&str>,
    ) -> Result<Vec<Object>> {
        let filters = [("kind", kind), ("namespace", namespace), ("name", name)];
        let given: Vec<_> = filters.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        self.json(self.http.get(self.url("/api/v1/objects")).query(&given))
    }

    pub(crate) fn delete(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
        resource_version: Option<u64>,
    ) -> Result<ApplyResponse> {
        let namespace = if namespace.is_empty() { "-" } else { namespace };
        let mut request = self.http.delete(self.url(&format!("/api/v1/objects/{kind}/{namespace}/{name}")));
        if let Some(version) = resource_version {
            request = request.query(&[("resourceVersion", version)]);
        }
        self.json(request)
    }

    pub(crate) fn proxies(&self) -> Result<Vec<ProxyStatus>> {
        self.json(self.http.get(self.url("/api/v1/proxies")))
    }

    pub(crate) fn revisions(&self) -> Result<Vec<Revision>> {
        self.json(self.http.get(self.url("/api/v1/revisions")))
    }

    pub(crate) fn diagnostics(&self) -> Result<Vec<Value>> {
        self.json(self.http.get(self.url("/api/v1/diagnostics")))
    }

    /// Gives every proxy a new filter configuration without changing what the filters do.
    pub(crate) fn reconfigure_filters(&self, reload_ms: u64) -> Result<()> {
        let response = self.http.post(self.url("/debug/filter_reload")).query(&[("ms", reload_ms)]).send()?;
        ensure!(response.status().is_success(), "filters were not reconfigured: {}", response.status());
        Ok(())
    }

    pub(crate) fn config_dump(&self, proxy: &str) -> Result<Value> {
        self.json(self.http.get(self.url("/debug/config_dump")).query(&[("proxyID", proxy)]))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server)
    }

    fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let response = request.send().with_context(|| {
            format!(
                "ferrod does not answer at {}: is it running? (`ferroctl local status`, or give --server)",
                self.server
            )
        })?;
        if response.status().is_success() {
            return response
                .json()
                .context("ferrod's answer is not what this ferroctl expects: compare `ferroctl version`");
        }
        Err(refusal(response))
    }
}

fn refusal(response: Response) -> anyhow::Error {
    let status = response.status();
    match response.json::<Refusal>() {
        Ok(refusal) => anyhow!("{}", refusal.error),
        Err(_) => anyhow!("ferrod answered {status}"),
    }
}
