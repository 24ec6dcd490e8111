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
            service::discovery::v3::{DiscoveryRequest, DiscoveryResponse},
        },
        google::rpc::Status as RpcStatus,
    },
};
use prost::Message;
use tonic::{Status, transport::Channel};

use super::{
    connect::{Address, default_node},
    delta::owned,
    service::{Service, Variant},
    stream::{PATIENCE, Stamp, Stream},
};

type SotwStream = Stream<DiscoveryRequest, DiscoveryResponse>;

/// A scripted client of the state-of-the-world variant. As every client of it must, it repeats on each request of a kind
/// what it wants, the version it last accepted and the nonce it last got.
pub struct SotwClient {
    channel: Channel,
    service: Service,
    node: Node,
    streams: BTreeMap<Option<Kind>, SotwStream>,
    kinds: BTreeMap<Kind, Standing>,
    clock: Arc<AtomicU64>,
}

/// What a client repeats of one kind.
#[derive(Clone, Debug, Default)]
struct Standing {
    names: Vec<String>,
    version: String,
    nonce: String,
}

/// A response, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct SotwResponse {
    /// When it came, in relation to others.
    pub stamp: Stamp,
    /// What it carries.
    pub kind: Kind,
    /// The message.
    pub message: DiscoveryResponse,
}

// === impl SotwClient ===

impl SotwClient {
    /// A client that has not said anything yet.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn connect(address: &Address, service: Service) -> anyhow::Result<Self> {
        let (channel, clock) = (address.connect().await?, Arc::default());
        let (streams, kinds) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { channel, service, node: default_node(), streams, kinds, clock })
    }

    /// Says it is another node.
    #[must_use]
    pub fn with_node(mut self, node: Node) -> Self {
        self.node = node;
        self
    }

    /// Asks for exactly these names; `*`, or nothing at first, for all.
    ///
    /// # Errors
    /// When the stream has ended.
    pub async fn subscribe(&mut self, kind: Kind, names: &[&str]) -> anyhow::Result<()> {
        self.kinds.entry(kind).or_default().names = owned(names);
        self.repeat(kind, None).await
    }

    /// Begins a kind as a client that comes back: these names wanted, this version held.
    ///
    /// # Errors
    /// When the stream has ended.
    pub async fn resume(&mut self, kind: Kind, names: &[&str], version: &str) -> anyhow::Result<()> {
        let standing = Standing { names: owned(names), version: version.to_owned(), nonce: String::new() };
        self.kinds.insert(kind, standing);
        self.repeat(kind, None).await
    }

    /// Sends what it last sent of a kind once more, as Envoy does for EDS after a change of CDS (M3).
    ///
    /// # Errors
    /// When the stream has ended.
    pub async fn again(&mut self, kind: Kind) -> anyhow::Result<()> {
        self.repeat(kind, None).await
    }

    /// Sends a request as it is, on the stream of `kind`.
    ///
    /// # Errors
    /// When the stream has ended.
    pub async fn send_raw(&mut self, kind: Kind, request: DiscoveryRequest) -> anyhow::Result<()> {
        self.stream(kind)?.send(request).await
    }

    /// The next response of a kind.
    ///
    /// # Errors
    /// When none comes in time, or the stream ends.
    pub async fn next(&mut self, kind: Kind) -> anyhow::Result<SotwResponse> {
        self.poll(kind, PATIENCE).await?.with_context(|| format!("no {} response within {PATIENCE:?}", kind.short()))
    }

    /// The next response of a kind, accepted at once.
    ///
    /// # Errors
    /// When none comes in time, or the stream ends.
    pub async fn take(&mut self, kind: Kind) -> anyhow::Result<SotwResponse> {
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
    pub async fn ack(&mut self, response: &SotwResponse) -> anyhow::Result<()> {
        let standing = self.kinds.entry(response.kind).or_default();
        standing.nonce.clone_from(&response.message.nonce);
        standing.version.clone_from(&response.message.version_info);
        self.repeat(response.kind, None).await
    }

    /// Refuses a response: the nonce moves on, the version does not.
    ///
    /// # Errors
    /// When the stream has ended.
    pub async fn nack(&mut self, response: &SotwResponse, message: &str) -> anyhow::Result<()> {
        self.kinds.entry(response.kind).or_default().nonce.clone_from(&response.message.nonce);
        let error = RpcStatus { code: 13, message: message.to_owned(), details: Vec::new() };
        self.repeat(response.kind, Some(error)).await
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
    pub async fn poll(&mut self, kind: Kind, wait: Duration) -> anyhow::Result<Option<SotwResponse>> {
        let of_kind = |response: &DiscoveryResponse| response.type_url == kind.type_url();
        let found = self.stream(kind)?.next(wait, of_kind).await?;
        Ok(found.map(|(stamp, message)| SotwResponse { stamp, kind, message }))
    }

    async fn repeat(&mut self, kind: Kind, error_detail: Option<RpcStatus>) -> anyhow::Result<()> {
        let standing = self.kinds.entry(kind).or_default().clone();
        let node = (!self.streams.contains_key(&self.key(kind))).then(|| self.node.clone());
        let request = DiscoveryRequest {
            node,
            type_url: kind.type_url().to_owned(),
            resource_names: standing.names,
            version_info: standing.version,
            response_nonce: standing.nonce,
            error_detail,
            ..Default::default()
        };
        self.send_raw(kind, request).await
    }

    fn key(&self, kind: Kind) -> Option<Kind> {
        match self.service {
            Service::Aggregated => None,
            Service::SingleType => Some(kind),
        }
    }

    fn stream(&mut self, kind: Kind) -> anyhow::Result<&mut SotwStream> {
        let path = self.service.path(kind, Variant::Sotw)?;
        let (channel, clock) = (self.channel.clone(), Arc::clone(&self.clock));
        Ok(self.streams.entry(self.key(kind)).or_insert_with(|| Stream::open(channel, path, clock)))
    }
}

// === impl SotwResponse ===

impl SotwResponse {
    /// Its nonce.
    pub fn nonce(&self) -> &str {
        &self.message.nonce
    }

    /// The version of everything in it.
    pub fn version(&self) -> &str {
        &self.message.version_info
    }

    /// The names of the resources it carries, sorted. A resource says its name in its own first fields.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.message.resources.iter().map(|any| name_of(self.kind, &any.value)).collect();
        names.sort_unstable();
        names
    }
}

/// A resource of which only the name is read: it is field 1 in every kind.
#[derive(Clone, PartialEq, Message)]
struct Named {
    #[prost(string, tag = "1")]
    name: String,
}

fn name_of(kind: Kind, value: &[u8]) -> String {
    Named::decode(value).map_or_else(|error| format!("undecodable {kind:?}: {error}"), |named| named.name)
}
