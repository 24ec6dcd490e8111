//! A server, an Envoy, and what passes between them.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use ferro_process::CancellationToken;
use ferro_testkit::{
    ads::Address,
    envoy::{Backend, Bootstrap, Envoy, XdsVariant, free_port},
};
use ferro_xds::{Limits, ResourceSet, SessionEvent, SharedView, Source, What, server::Server};
use ferro_xds_protos::Kind;
use tokio::{net::TcpListener, sync::broadcast, time::timeout};

use crate::resources::{Change, cluster, endpoints, listener, route};

/// Envoy's own timeouts for a missing answer are 15 s: what takes less than this did not run into one.
pub(crate) const PROMPT: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(40);

pub(crate) const VARIANTS: [XdsVariant; 2] = [XdsVariant::Delta, XdsVariant::Sotw];

/// A server in this process.
pub(crate) struct Rig {
    pub(crate) view: Arc<SharedView>,
    pub(crate) address: Address,
    pub(crate) events: broadcast::Receiver<SessionEvent>,
    /// The port of the listener `l`.
    pub(crate) port: u16,
    shutdown: CancellationToken,
}

// === impl Rig ===

impl Rig {
    pub(crate) async fn start(limits: Limits, resources: impl IntoIterator<Item = Change>) -> anyhow::Result<Self> {
        let view = Arc::new(SharedView::new(ResourceSet::whole()));
        view.apply(resources);
        let tcp = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = Address::Tcp(tcp.local_addr()?.to_string());
        let (events, shutdown) = (view.events(), CancellationToken::new());
        let server = Server::new(Arc::clone(&view) as Arc<dyn Source>, limits);
        let stop = shutdown.clone();
        tokio::spawn(async move { server.serve(tcp.into(), server.routes(), stop).await });
        Ok(Self { view, address, events, port: free_port()?, shutdown })
    }

    /// A rig that serves one cluster `c1` at a backend, through listener `l` and route configuration `r`.
    pub(crate) async fn with_backend(backend: &Backend) -> anyhow::Result<Self> {
        let rig = Self::start(Limits::default(), []).await?;
        let backends = [backend.address()];
        rig.view.apply([cluster("c1", 1), endpoints("c1", &backends), listener("l", rig.port, "r"), route("r", "c1")]);
        Ok(rig)
    }

    pub(crate) async fn envoy(&self, variant: XdsVariant) -> anyhow::Result<Envoy> {
        Envoy::start(&Bootstrap::new(self.address.clone(), variant)).await
    }

    /// An Envoy that serves already.
    pub(crate) async fn serving_envoy(&self, variant: XdsVariant) -> anyhow::Result<Envoy> {
        let envoy = self.envoy(variant).await?;
        envoy.until_serves(self.traffic(), "/", 200).await?;
        Ok(envoy)
    }

    /// Where the listener `l` is.
    pub(crate) fn traffic(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// The next event for which `wanted` holds, and how long it took.
    pub(crate) async fn next_event(
        &mut self,
        what: &str,
        wanted: impl Fn(&What) -> bool,
    ) -> anyhow::Result<(What, Duration)> {
        let began = Instant::now();
        let search = async {
            loop {
                let event = self.events.recv().await?;
                if wanted(&event.what) {
                    return Ok((event.what, began.elapsed()));
                }
            }
        };
        timeout(PATIENCE, search).await.with_context(|| format!("no {what}"))?
    }

    /// The next acceptance of a response that carries `name`.
    pub(crate) async fn accepted(&mut self, kind: Kind, name: &str) -> anyhow::Result<Duration> {
        let carries = |what: &What| match what {
            What::Acked { kind: found, items, .. } => *found == kind && items.iter().any(|item| *item.name == *name),
            _ => false,
        };
        Ok(self.next_event(&format!("acceptance of {} {name}", kind.short()), carries).await?.1)
    }

    /// What has happened so far.
    pub(crate) fn history(&mut self) -> Vec<What> {
        std::iter::from_fn(|| self.events.try_recv().ok()).map(|event| event.what).collect()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
