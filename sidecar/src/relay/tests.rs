//! The whole relay between a ferrod that can be killed and an Envoy: scripted, and real.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use ferro_process::{CancellationToken, backoff::Policy};
use ferro_xds::{
    Attachment, Limits, Refusal, ResourceSet, SessionEvent, Snapshot, Source, StreamId, Update, Variant, What,
    client::{self, ClientEvent, ClientSession, Handle, Received, Upstream},
    server::Server,
};
use ferro_xds_protos::{
    Kind, Resource,
    envoy::{envoy::config::core::v3::Node, google::rpc},
    ferromesh::v1::{
        FetchRequest, FetchResponse,
        modules_server::{Modules as ModulesService, ModulesServer},
    },
};
use tokio::{
    net::UnixListener,
    runtime::Runtime,
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tonic::{Request, Response, Status as Refused};

use super::{CacheConfig, Config, Relay, StatusReader};
use crate::{cache::CacheKey, modules::ModuleDigest};

mod always_there;
mod modules;
mod real_envoy;
mod scripted;

/// How long anything may take.
const LONG: Duration = Duration::from_secs(10);
/// How long nothing happens when nothing is to happen.
const SHORT: Duration = Duration::from_millis(300);

// --- ferrod ---

/// What ferrod serves, and what it has seen. Outlives its processes.
struct Mesh {
    snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    seen: Mutex<Vec<SessionEvent>>,
    modules: Mutex<Vec<(ModuleDigest, Bytes)>>,
}

/// A ferrod with its own threads, so that it can be killed with everything it runs.
struct Ferrod {
    mesh: Arc<Mesh>,
    socket: PathBuf,
    limits: Limits,
    process: Option<Runtime>,
}

impl Source for Mesh {
    fn attach(&self, _: StreamId, _: &Arc<Node>, _: Variant) -> Result<Attachment, Refusal> {
        Ok(Attachment::new(self.snapshots.subscribe()))
    }

    fn observe(&self, event: SessionEvent) {
        self.seen.lock().expect("no test panicked here").push(event);
    }
}

impl Mesh {
    fn module(&self, wanted: &str) -> Option<Bytes> {
        let modules = self.modules.lock().expect("no test panicked here");
        modules.iter().find(|(digest, _)| digest.to_string() == wanted).map(|(_, module)| module.clone())
    }
}

/// Modules as ferrod hands them out, in two chunks; one without content never comes.
struct Shelf(Arc<Mesh>);

#[tonic::async_trait]
impl ModulesService for Shelf {
    type FetchStream = tokio_stream::Iter<std::vec::IntoIter<Result<FetchResponse, Refused>>>;

    async fn fetch(&self, request: Request<FetchRequest>) -> Result<Response<Self::FetchStream>, Refused> {
        let wanted = request.into_inner().sha256;
        let module = self.0.module(&wanted).ok_or_else(|| Refused::not_found("no such module"))?;
        if module.is_empty() {
            std::future::pending::<()>().await;
        }
        let middle = module.len() / 2;
        let chunks = [module.slice(..middle), module.slice(middle..)].map(|chunk| Ok(FetchResponse { chunk }));
        Ok(Response::new(tokio_stream::iter(Vec::from(chunks))))
    }
}

impl Ferrod {
    /// A ferrod that is not running yet and serves nothing.
    fn new(folder: &Path) -> Self {
        let empty = Arc::new(Snapshot::new(vec![Arc::new(ResourceSet::whole())]));
        let mesh =
            Mesh { snapshots: watch::Sender::new(Some(empty)), seen: Mutex::default(), modules: Mutex::default() };
        let limits = Limits { settle: Duration::from_millis(50), ..Limits::default() };
        Self { mesh: Arc::new(mesh), socket: folder.join("ferrod.sock"), limits, process: None }
    }

    fn started(folder: &Path) -> Self {
        let mut ferrod = Self::new(folder);
        ferrod.start();
        ferrod
    }

    fn start(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        std::fs::remove_file(&self.socket).ok();
        let listener = {
            let _entered = runtime.enter();
            UnixListener::bind(&self.socket).expect("a socket")
        };
        let (mesh, limits) = (Arc::clone(&self.mesh), self.limits.clone());
        runtime.spawn(async move {
            let server = Server::new(Arc::<Mesh>::clone(&mesh), limits);
            let routes = server.routes().add_service(ModulesServer::new(Shelf(mesh)));
            server.serve(listener.into(), routes, CancellationToken::new()).await
        });
        self.process = Some(runtime);
    }

    /// As with `kill -9`: no farewell on any connection.
    fn kill(&mut self) {
        if let Some(runtime) = self.process.take() {
            runtime.shutdown_background();
        }
        std::fs::remove_file(&self.socket).ok();
    }

    /// Changes what is served.
    fn apply(&self, updates: impl IntoIterator<Item = (Kind, Update)>) {
        self.mesh.snapshots.send_modify(|snapshot| {
            let set = snapshot.as_ref().expect("there is always one").parts()[0].apply(updates);
            *snapshot = Some(Arc::new(Snapshot::new(vec![Arc::new(set)])));
        });
    }

    fn put(&self, kind: Kind, name: &str, version: &str) {
        self.apply([(kind, Update::put(resource(kind, name, version)))]);
    }

    fn remove(&self, kind: Kind, name: &str) {
        self.apply([(kind, Update::gone(name))]);
    }

    /// Waits until something was seen that `wanted` makes a value of.
    async fn sees<T>(&self, wanted: impl Fn(&What) -> Option<T>) -> T {
        let deadline = Instant::now() + LONG;
        loop {
            let found = self.seen().iter().find_map(&wanted);
            if let Some(found) = found {
                return found;
            }
            assert!(Instant::now() < deadline, "not seen; what was: {:#?}", self.seen());
            sleep(Duration::from_millis(5)).await;
        }
    }

    fn seen(&self) -> Vec<What> {
        self.mesh.seen.lock().expect("no test panicked here").iter().map(|event| event.what.clone()).collect()
    }

    fn forget_what_was_seen(&self) {
        self.mesh.seen.lock().expect("no test panicked here").clear();
    }
}

impl Drop for Ferrod {
    fn drop(&mut self) {
        self.kill();
    }
}

fn resource(kind: Kind, name: &str, version: &str) -> Resource {
    Resource::from_parts(kind.type_url(), name.into(), version.into(), name.as_bytes())
}

// --- the relay ---

/// An agent's relay that runs, and can be killed.
struct Agent {
    folder: PathBuf,
    key: CacheKey,
    status: StatusReader,
    health: super::HealthReporter,
    names: watch::Receiver<Option<Arc<super::NameTable>>>,
    task: JoinHandle<Result<(), super::Error>>,
}

fn key(identity: &str) -> CacheKey {
    CacheKey::new(identity.into(), "sidecar~1".into(), b"bootstrap", "1.40".into())
}

impl Agent {
    fn start(folder: &Path) -> Self {
        Self::start_as(folder, key("product"))
    }

    fn start_as(folder: &Path, key: CacheKey) -> Self {
        let config = Config {
            upstream: Upstream::Unix(folder.join("ferrod.sock")),
            node: Node { id: "sidecar~1".into(), ..Default::default() },
            cache: Some(CacheConfig { path: folder.join("lkg"), key: key.clone() }),
            modules_dir: folder.join("modules"),
            unreachable_after: SHORT,
            backoff: Policy { base: Duration::from_millis(10), cap: Duration::from_millis(50) },
        };
        let relay = Relay::new(config).expect("a relay");
        let socket = folder.join("xds.sock");
        std::fs::remove_file(&socket).ok();
        let listener = UnixListener::bind(socket).expect("a socket");
        let (status, health, names) = (relay.status(), relay.health(), relay.names());
        let task = tokio::spawn(relay.run(listener, CancellationToken::new()));
        Self { folder: folder.into(), key, status, health, names, task }
    }

    /// Kills it and starts another in its place.
    async fn restart(mut self) -> Self {
        self.task.abort();
        (&mut self.task).await.ok();
        Self::start_as(&self.folder, self.key.clone())
    }

    async fn until(&self, what: &str, mut done: impl FnMut(&super::Status) -> bool) {
        let deadline = Instant::now() + LONG;
        while !done(&self.status.read()) {
            assert!(Instant::now() < deadline, "never {what}: {:#?}", self.status.read());
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn connected(&self) {
        self.until("connected", |status| status.upstream.connected_since_unix_millis.is_some()).await;
    }

    async fn disconnected(&self) {
        self.until("disconnected", |status| status.upstream.connected_since_unix_millis.is_none()).await;
    }

    async fn saved(&self) {
        self.until("saved", |status| status.cache.complete).await;
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// --- Envoy ---

/// An Envoy that does what the test says.
struct Envoy {
    handle: Handle,
    events: mpsc::Receiver<ClientEvent>,
    alive: CancellationToken,
}

impl Envoy {
    /// Connects and asks for these; a name `*` is everything.
    fn start(folder: &Path, wanted: &[(Kind, &str)]) -> Self {
        let mut session = ClientSession::new(Node { id: "envoy".into(), ..Default::default() });
        for (kind, name) in wanted {
            match *name {
                "*" => session.subscribe_all(*kind),
                name => session.subscribe(*kind, [name.into()]),
            }
        }
        let handle = Handle::new(session);
        let (sender, events) = mpsc::channel(16);
        let upstream = Upstream::Unix(folder.join("xds.sock"));
        let policy = Policy { base: Duration::from_millis(10), cap: Duration::from_millis(50) };
        let alive = CancellationToken::new();
        tokio::spawn(client::run(upstream, handle.clone(), sender, policy, || {}, alive.clone()));
        Self { handle, events, alive }
    }

    async fn kill(self, agent: &Agent) {
        drop(self);
        agent.until("without Envoy", |status| !status.envoy_connected).await;
    }

    /// The next response; panics if the stream ends first.
    async fn receives(&mut self) -> Received {
        loop {
            let event = timeout(LONG, self.events.recv()).await.expect("a response in time").expect("a client");
            match event {
                ClientEvent::Received(received) => return received,
                ClientEvent::Connected => {}
                ClientEvent::Unusable(unusable) => panic!("{unusable}"),
                ClientEvent::Disconnected { reason, .. } => panic!("the stream ended: {reason}"),
            }
        }
    }

    /// The next response, accepted: kind, names with versions, removed names.
    async fn accepts(&mut self) -> (Kind, Vec<String>, Vec<String>) {
        let received = self.receives().await;
        self.handle.update(|session| session.ack(received.kind, &received.nonce));
        listing(&received)
    }

    /// Accepts responses until the kinds have come that are listed, and returns what each brought.
    async fn accepts_all(&mut self, kinds: &[Kind]) -> Vec<(Kind, Vec<String>, Vec<String>)> {
        let mut all: Vec<(Kind, Vec<String>, Vec<String>)> = Vec::new();
        while !kinds.iter().all(|kind| all.iter().any(|(got, ..)| got == kind)) {
            all.push(self.accepts().await);
        }
        all.sort_by_key(|(kind, ..)| *kind);
        all
    }

    fn refuse(&self, received: &Received, reason: &str) {
        let status = rpc::Status { code: 13, message: reason.into(), details: vec![] };
        self.handle.update(|session| session.nack(received.kind, &received.nonce, status));
    }

    /// Nothing comes, and the stream stays open.
    async fn hears_nothing(&mut self) {
        let event = timeout(SHORT, self.events.recv()).await;
        assert!(event.is_err(), "{event:?}");
    }

    fn holds(&self, kind: Kind) -> Vec<String> {
        self.handle.update(|session| session.held(kind).keys().map(ToString::to_string).collect())
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        self.alive.cancel();
    }
}

fn listing(received: &Received) -> (Kind, Vec<String>, Vec<String>) {
    let mut found: Vec<_> =
        received.resources.iter().map(|resource| format!("{}@{}", resource.name(), resource.version())).collect();
    found.sort();
    let mut removed: Vec<_> = received.removed.iter().map(ToString::to_string).collect();
    removed.sort();
    (received.kind, found, removed)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

const CLUSTERS_AND_LISTENERS: [(Kind, &str); 2] = [(Kind::Cluster, "*"), (Kind::Listener, "*")];
