use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use anyhow::{Context, ensure};
use ferro_xds_protos::{
    Kind,
    envoy::{
        envoy::{
            config::core::v3::Node,
            service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse},
        },
        google::rpc::Status as RpcStatus,
    },
};
use tonic::{Status, transport::Channel};

use super::{
    connect::{Address, default_node},
    service::{Service, Variant},
    stream::{PATIENCE, Stamp, Stream},
};

type DeltaStream = Stream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;

/// A scripted client of the delta variant.
pub struct DeltaClient {
    channel: Channel,
    service: Service,
    node: Node,
    /// One stream, or one for each kind used.
    streams: BTreeMap<Option<Kind>, DeltaStream>,
    clock: Arc<AtomicU64>,
}

/// A response, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct DeltaResponse {
    /// When it came, in relation to others.
    pub stamp: Stamp,
    /// What it carries.
    pub kind: Kind,
    /// The message.
    pub message: DeltaDiscoveryResponse,
}

// === impl DeltaClient ===

impl DeltaClient {
    /// A client that has not said anything yet.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn connect(address: &Address, service: Service) -> anyhow::Result<Self> {
        let channel = address.connect().await?;
        Ok(Self { channel, service, node: default_node(), streams: BTreeMap::new(), clock: Arc::default() })
    }

    /// Says it is another node.
    #[must_use]
    pub fn with_node(mut self, node: Node) -> Self {
        self.node = node;
        self
    }

    /// Sends a request. Its type URL is filled in, and its node if it is the first of its stream and has none.
    ///
    /// # Errors
    /// When the stream has ended.
    pub async fn send(&mut self, kind: Kind, request: DeltaDiscoveryRequest) -> anyhow::Result<()> {
        let node = (!self.streams.contains_key(&self.key(kind))).then(|| self.node.clone());
        let node = request.node.clone().or(node);
        self.send_raw(kind, DeltaDiscoveryRequest { type_url: kind.type_url().to_owned(), node, ..request }).await
    }

    /// Sends a request as it is, on the stream of `kind`.
    ///
    /// # Errors
    /// When the stream has ended.
    pub async fn send_raw(&mut self, kind: Kind, request: DeltaDiscoveryRequest) -> anyhow::Result<()> {
        self.stream(kind)?.send(request).await
    }

    /// Asks for these names; `*` for all.
    ///
    /// # Errors
    /// When the stream has ended.
    pub async fn subscribe(&mut self, kind: Kind, names: &[&str]) -> anyhow::Result<()> {
        let request = DeltaDiscoveryRequest { resource_names_subscribe: owned(names), ..Default::default() };
        self.send(kind, request).await
    }

    /// Asks for these names no more.
    ///
    /// # Errors
    /// When the stream has ended.
    pub async fn unsubscribe(&mut self, kind: Kind, names: &[&str]) -> anyhow::Result<()> {
        let request = DeltaDiscoveryRequest { resource_names_unsubscribe: owned(names), ..Default::default() };
        self.send(kind, request).await
    }

    /// Begins a kind as a client that comes back: these names wanted, these versions held.
    ///
    /// # Errors
    /// When the stream has ended.
    pub async fn resume(&mut self, kind: Kind, names: &[&str], held: &[(&str, &str)]) -> anyhow::Result<()> {
        let held = held.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned()));
        let request = DeltaDiscoveryRequest {
            resource_names_subscribe: owned(names),
            initial_resource_versions: held.collect(),
            ..Default::default()
        };
        self.send(kind, request).await
    }

    /// The next response of a kind.
    ///
    /// # Errors
    /// When none comes in time, or the stream ends.
    pub async fn next(&mut self, kind: Kind) -> anyhow::Result<DeltaResponse> {
        self.poll(kind, PATIENCE).await?.with_context(|| format!("no {} response within {PATIENCE:?}", kind.short()))
    }

    /// The next response of a kind, accepted at once.
    ///
    /// # Errors
    /// When none comes in time, or the stream ends.
    pub async fn take(&mut self, kind: Kind) -> anyhow::Result<DeltaResponse> {
        let response = self.next(kind).await?;
        self.ack(&response).await?;
        Ok(response)
    }

    /// Holds if no response of a kind comes for a while.
    ///
    /// # Errors
    /// When one comes, or the stream ends.
    pub async fn expect_silence(&mut self, kind: Kind, wait: Duration) -> anyhow::Result<()> {
        let response = self.poll(kind, wait).await?;
        ensure!(response.is_none(), "an unexpected {} response: {response:?}", kind.short());
        Ok(())
    }

    /// Accepts a response.
    ///
    /// # Errors
    /// When the stream has ended.
    pub async fn ack(&mut self, response: &DeltaResponse) -> anyhow::Result<()> {
        let request = DeltaDiscoveryRequest { response_nonce: response.nonce().to_owned(), ..Default::default() };
        self.send(response.kind, request).await
    }

    /// Refuses a response.
    ///
    /// # Errors
    /// When the stream has ended.
    pub async fn nack(&mut self, response: &DeltaResponse, message: &str) -> anyhow::Result<()> {
        let error_detail = Some(RpcStatus { code: 13, message: message.to_owned(), details: Vec::new() });
        let request =
            DeltaDiscoveryRequest { response_nonce: response.nonce().to_owned(), error_detail, ..Default::default() };
        self.send(response.kind, request).await
    }

    /// Says that no more requests come on the stream of `kind`.
    ///
    /// # Errors
    /// Never for a client whose kinds have services.
    pub fn close_requests(&mut self, kind: Kind) -> anyhow::Result<()> {
        self.stream(kind)?.close_requests();
        Ok(())
    }

    /// Waits for the server to end the stream of a kind, and tells how it did.
    ///
    /// # Errors
    /// When it stays open.
    pub async fn end(&mut self, kind: Kind) -> anyhow::Result<Status> {
        self.stream(kind)?.end().await
    }

    /// The next response of a kind within `wait`, if one comes.
    ///
    /// # Errors
    /// When the stream ends.
    pub async fn poll(&mut self, kind: Kind, wait: Duration) -> anyhow::Result<Option<DeltaResponse>> {
        let of_kind = |response: &DeltaDiscoveryResponse| response.type_url == kind.type_url();
        let found = self.stream(kind)?.next(wait, of_kind).await?;
        Ok(found.map(|(stamp, message)| DeltaResponse { stamp, kind, message }))
    }

    fn key(&self, kind: Kind) -> Option<Kind> {
        match self.service {
            Service::Aggregated => None,
            Service::SingleType => Some(kind),
        }
    }

    fn stream(&mut self, kind: Kind) -> anyhow::Result<&mut DeltaStream> {
        let path = self.service.path(kind, Variant::Delta)?;
        let (channel, clock) = (self.channel.clone(), Arc::clone(&self.clock));
        Ok(self.streams.entry(self.key(kind)).or_insert_with(|| Stream::open(channel, path, clock)))
    }
}

// === impl DeltaResponse ===

impl DeltaResponse {
    /// Its nonce.
    pub fn nonce(&self) -> &str {
        &self.message.nonce
    }

    /// The names it carries, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.message.resources.iter().map(|resource| resource.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// The names it says are gone, sorted.
    pub fn removed(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.message.removed_resources.iter().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The version of a name it carries.
    pub fn version(&self, name: &str) -> Option<&str> {
        let found = self.message.resources.iter().find(|resource| resource.name == name);
        found.map(|resource| resource.version.as_str())
    }
}

pub(super) fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
