//! A ferrod that serves what a test puts into it and remembers what it was told.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
};

use ferro_xds_protos::{
    Kind,
    envoy::{
        envoy::{
            config::core::v3::Node,
            service::discovery::v3::{
                DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse, Resource,
                aggregated_discovery_service_server::{AggregatedDiscoveryService, AggregatedDiscoveryServiceServer},
            },
        },
        google::protobuf::Any,
    },
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};
use tokio_stream::{
    Stream,
    wrappers::{ReceiverStream, TcpListenerStream},
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

const HEALTH: &str = "type.googleapis.com/istio.v1.HealthInformation";

/// What an agent said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// The node of the newest stream.
    pub(crate) node: Option<Node>,
    /// Health reports in order: `None` is healthy.
    pub(crate) health: Vec<Option<String>>,
    /// Refusals.
    pub(crate) nacks: Vec<String>,
    /// Streams that ended.
    pub(crate) closed: u32,
}

/// The server's handle.
#[derive(Clone)]
pub(crate) struct FakeFerrod {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    gone: CancellationToken,
    config: watch::Sender<Config>,
    heard: Mutex<Heard>,
}

#[derive(Clone, Default)]
struct Config {
    version: u64,
    resources: BTreeMap<(Kind, String), (u64, Any)>,
    held: BTreeSet<Kind>,
}

impl FakeFerrod {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            gone: CancellationToken::new(),
            config: watch::Sender::default(),
            heard: Mutex::default(),
        });
        let server = AggregatedDiscoveryServiceServer::new(Service(Arc::clone(&shared)));
        let gone = shared.gone.clone().cancelled_owned();
        let router = tonic::transport::Server::builder().add_service(server);
        tokio::spawn(router.serve_with_incoming_shutdown(TcpListenerStream::new(listener), gone));
        Self { address, shared }
    }

    /// Serves a resource, to those who have asked already too.
    pub(crate) fn serve(&self, kind: Kind, name: &str, resource: Any) {
        self.shared.config.send_modify(|config| {
            config.version += 1;
            config.resources.insert((kind, name.to_owned()), (config.version, resource));
        });
    }

    /// Leaves questions about a kind unanswered until it is released.
    pub(crate) fn hold(&self, kind: Kind) {
        self.shared.config.send_modify(|config| {
            config.held.insert(kind);
        });
    }

    pub(crate) fn release(&self, kind: Kind) {
        self.shared.config.send_modify(|config| {
            config.held.remove(&kind);
        });
    }

    /// Closes every stream and accepts no more.
    pub(crate) fn go_away(&self) {
        self.shared.gone.cancel();
    }

    pub(crate) fn heard(&self) -> Heard {
        self.shared.heard().clone()
    }
}

impl Shared {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap()
    }
}

struct Service(Arc<Shared>);

type Outgoing<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl AggregatedDiscoveryService for Service {
    type StreamAggregatedResourcesStream = Outgoing<DiscoveryResponse>;
    type DeltaAggregatedResourcesStream = Outgoing<DeltaDiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        _: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamAggregatedResourcesStream>, Status> {
        Err(Status::unimplemented("agents speak delta"))
    }

    async fn delta_aggregated_resources(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        let (sender, receiver) = mpsc::channel(16);
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move {
            let session = Session { asked: BTreeMap::new(), nonce: 0, shared: Arc::clone(&shared) };
            session.run(request.into_inner(), sender).await;
            shared.heard().closed += 1;
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// What one stream asked for.
#[derive(Default)]
struct Asked {
    wildcard: bool,
    names: BTreeSet<String>,
    /// Versions sent; 0 stands for "there is none".
    sent: BTreeMap<String, u64>,
    answered: bool,
}

struct Session {
    asked: BTreeMap<Kind, Asked>,
    nonce: u64,
    shared: Arc<Shared>,
}

impl Session {
    async fn run(
        mut self,
        mut requests: Streaming<DeltaDiscoveryRequest>,
        responses: mpsc::Sender<Result<DeltaDiscoveryResponse, Status>>,
    ) {
        let mut config = self.shared.config.subscribe();
        loop {
            tokio::select! {
                request = requests.message() => match request {
                    Ok(Some(request)) => self.hear(request),
                    _ => return,
                },
                changed = config.changed() => if changed.is_err() { return },
                () = self.shared.gone.cancelled() => return,
            }
            let now = config.borrow_and_update().clone();
            for response in self.due(&now) {
                if responses.send(Ok(response)).await.is_err() {
                    return;
                }
            }
        }
    }

    fn hear(&mut self, request: DeltaDiscoveryRequest) {
        let mut heard = self.shared.heard();
        if request.node.is_some() {
            heard.node = request.node;
        }
        if request.type_url == HEALTH {
            heard.health.push(request.error_detail.map(|status| status.message));
            return;
        }
        if let Some(error) = request.error_detail {
            heard.nacks.push(error.message);
        }
        let Some(kind) = Kind::from_type_url(&request.type_url) else { return };
        let first = !self.asked.contains_key(&kind);
        let asked = self.asked.entry(kind).or_default();
        for name in request.resource_names_subscribe {
            asked.sent.remove(&name);
            if name == "*" {
                asked.wildcard = true;
            } else {
                asked.names.insert(name);
            }
        }
        if first && asked.names.is_empty() {
            asked.wildcard = true;
        }
        for name in request.resource_names_unsubscribe {
            asked.names.remove(&name);
        }
    }

    fn due(&mut self, config: &Config) -> Vec<DeltaDiscoveryResponse> {
        let mut responses = Vec::new();
        for (kind, asked) in &mut self.asked {
            if config.held.contains(kind) {
                continue;
            }
            let mut resources = Vec::new();
            for ((_, name), (version, resource)) in config.resources.iter().filter(|((of, _), _)| of == kind) {
                let wanted = asked.wildcard || asked.names.contains(name);
                if wanted && asked.sent.insert(name.clone(), *version) != Some(*version) {
                    resources.push(Resource {
                        name: name.clone(),
                        version: version.to_string(),
                        resource: Some(resource.clone()),
                        ..Resource::default()
                    });
                }
            }
            let absent: Vec<String> =
                asked.names.iter().filter(|name| !asked.sent.contains_key(*name)).cloned().collect();
            for name in &absent {
                asked.sent.insert(name.clone(), 0);
            }
            if resources.is_empty() && absent.is_empty() && asked.answered {
                continue;
            }
            asked.answered = true;
            self.nonce += 1;
            responses.push(DeltaDiscoveryResponse {
                system_version_info: config.version.to_string(),
                resources,
                type_url: kind.type_url().to_owned(),
                removed_resources: absent,
                nonce: self.nonce.to_string(),
                ..DeltaDiscoveryResponse::default()
            });
        }
        responses
    }
}
