//! A ferrod over a folder of its own.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use ferro_testkit::ads::{Address, DeltaClient, Service};
use ferro_xds_protos::envoy::envoy::config::core::v3::Node;
use ferro_xds_protos::envoy::google::protobuf::Value as ProtoValue;
use ferro_xds_protos::{node as keys, wkt};
use ferrod::app::{Addresses, App};
use ferrod::args::Args;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A ferrod that runs and serves.
pub(crate) struct Ferrod {
    folder: TempDir,
    addresses: Addresses,
    http: reqwest::Client,
    stop: CancellationToken,
}

/// A command line with ports of the system's choice.
pub(crate) fn args(folder: &TempDir, more: &[&str]) -> Args {
    let data = folder.path().join("data").display().to_string();
    let policy = folder.path().join("policy.yaml").display().to_string();
    let words = ["ferrod", "--data-dir", &data, "--config", &policy];
    let ports = ["--xds-port", "0", "--api-port", "0", "--metrics-port", "0"];
    Args::try_parse_from(words.iter().chain(&ports).chain(more)).expect("a command line")
}

// === impl Ferrod ===

impl Ferrod {
    pub(crate) async fn start(policy: &str) -> Self {
        Self::start_with(policy, None).await
    }

    /// With a MeshConfig.
    pub(crate) async fn start_with(policy: &str, mesh_config: Option<&str>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("policy.yaml"), policy).expect("written");
        let path = folder.path().join("mesh-config.yaml").display().to_string();
        if let Some(text) = mesh_config {
            fs::write(&path, text).expect("written");
        }
        let more: &[&str] = if mesh_config.is_some() { &["--mesh-config", &path] } else { &[] };
        let app = App::bind(&args(&folder, more)).await.expect("bound");
        let (addresses, stop) = (app.addresses().expect("addresses"), CancellationToken::new());
        tokio::spawn(app.run(stop.clone()));
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let ferrod = Self { folder, addresses, http, stop };
        ferrod.until("ready", async || ferrod.get("/ready").await.0 == 200).await;
        ferrod
    }

    /// Changes the policy file as careful programs do.
    pub(crate) fn rewrite(&self, policy: &str) {
        let aside = self.folder.path().join("aside");
        fs::write(&aside, policy).expect("written");
        fs::rename(aside, self.folder.path().join("policy.yaml")).expect("renamed");
    }

    /// Where the admin API listens.
    pub(crate) fn api(&self) -> SocketAddr {
        self.addresses.http
    }

    /// Status and body of a GET; a body that is no JSON as a string.
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let response = self.http.get(format!("http://{}{path}", self.api())).send().await.expect("an answer");
        answer(response).await
    }

    /// Status and body of a POST.
    pub(crate) async fn post(&self, path: &str, body: String) -> (u16, Value) {
        let request = self.http.post(format!("http://{}{path}", self.api())).body(body);
        answer(request.send().await.expect("an answer")).await
    }

    /// `/metrics`.
    pub(crate) async fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.addresses.metrics);
        self.http.get(url).send().await.expect("an answer").text().await.expect("text")
    }

    /// A delta client on the aggregated service.
    pub(crate) async fn client(&self, node: Node) -> DeltaClient {
        let address = Address::Tcp(self.addresses.xds.to_string());
        DeltaClient::connect(&address, Service::Aggregated).await.expect("connected").with_node(node)
    }

    /// Waits until something holds.
    pub(crate) async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds().await {
            assert!(Instant::now() < deadline, "never: {what}");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Ferrod {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn answer(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.expect("text");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// A sidecar without capture in the namespace `shop`, with more metadata.
pub(crate) fn node<'a>(name: &str, more: impl IntoIterator<Item = (&'a str, ProtoValue)>) -> Node {
    let own = [(keys::NAMESPACE, "shop"), (keys::INTERCEPTION_MODE, keys::NONE)];
    let own = own.map(|(key, text)| (key, wkt::string_value(text)));
    Node {
        id: format!("sidecar~127.0.0.9~{name}.shop~shop.svc.cluster.local"),
        metadata: Some(wkt::struct_of(own.into_iter().chain(more))),
        ..Node::default()
    }
}
