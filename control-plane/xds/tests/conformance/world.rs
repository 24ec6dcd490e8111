//! The server under test, and how a test changes what it serves.

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, ensure};
use ferro_process::CancellationToken;
use ferro_testkit::ads::{Address, DeltaClient, Service, SotwClient};
use ferro_xds::{Limits, ResourceSet, SessionEvent, SharedView, Update, What, server::Server};
use ferro_xds_protos::Kind;
use tokio::{net::TcpListener, sync::broadcast, time::timeout};

use crate::samples;

/// How long nothing must come for a test to believe that nothing comes.
pub(crate) const SILENCE: Duration = Duration::from_millis(150);

/// Both ways to reach a server.
const SERVICES: [Service; 2] = [Service::Aggregated, Service::SingleType];

/// A change to one resource. Its content is a function of kind, name and revision.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Put(Kind, &'static str, u32),
    Remove(Kind, &'static str),
}

/// Changes what a server serves.
trait Driver: Send + Sync {
    /// Makes these changes, as one if the server can.
    fn apply(&self, steps: &[Step]) -> anyhow::Result<()>;
}

/// A server and its driver.
pub(crate) struct World {
    pub(crate) address: Address,
    driver: Box<dyn Driver>,
    _server: Option<Running>,
}

/// A server in this process. Dropping it stops it.
pub(crate) struct Running {
    pub(crate) address: Address,
    pub(crate) view: Arc<SharedView>,
    pub(crate) server: Server,
    pub(crate) shutdown: CancellationToken,
}

/// A program that changes another server: gets one line a step on standard input, `put CDS name revision` or
/// `remove CDS name`, the first of them `reset`, and ends with 0 once the server has them.
struct Program(String);

// === impl World ===

impl World {
    /// A server that serves exactly this.
    pub(crate) async fn with(steps: &[Step]) -> anyhow::Result<Self> {
        let world = match std::env::var("XDS_ADDRESS") {
            Ok(address) => Self::elsewhere(&address)?,
            Err(_) => Self::here(Running::start(Limits::default()).await?),
        };
        world.apply(steps)?;
        Ok(world)
    }

    fn here(running: Running) -> Self {
        let (address, driver) = (running.address.clone(), Box::new(Arc::clone(&running.view)));
        Self { address, driver, _server: Some(running) }
    }

    fn elsewhere(address: &str) -> anyhow::Result<Self> {
        let program =
            std::env::var("XDS_DRIVER").context("XDS_ADDRESS needs XDS_DRIVER, the program that changes it")?;
        let driver = Program(program);
        driver.say("reset\n")?;
        Ok(Self { address: address.parse()?, driver: Box::new(driver), _server: None })
    }

    /// Makes these changes, as one.
    pub(crate) fn apply(&self, steps: &[Step]) -> anyhow::Result<()> {
        self.driver.apply(steps)
    }

    pub(crate) async fn delta(&self, service: Service) -> anyhow::Result<DeltaClient> {
        DeltaClient::connect(&self.address, service).await
    }

    pub(crate) async fn sotw(&self, service: Service) -> anyhow::Result<SotwClient> {
        SotwClient::connect(&self.address, service).await
    }
}

/// Runs a test on the aggregated service, then on the single-type ones.
pub(crate) async fn on_every_service(test: impl AsyncFn(Service) -> anyhow::Result<()>) -> anyhow::Result<()> {
    for service in SERVICES {
        test(service).await.with_context(|| format!("on the service {service:?}"))?;
    }
    Ok(())
}

// === impl Running ===

impl Running {
    /// A server with nothing to serve yet.
    pub(crate) async fn start(limits: Limits) -> anyhow::Result<Self> {
        Self::serve(Arc::new(SharedView::new(ResourceSet::whole())), limits).await
    }

    /// A server for this view.
    pub(crate) async fn serve(view: Arc<SharedView>, limits: Limits) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = Address::Tcp(listener.local_addr()?.to_string());
        let source: Arc<dyn ferro_xds::Source> = Arc::clone(&view) as _;
        let (server, shutdown) = (Server::new(source, limits), CancellationToken::new());
        let (serving, stop) = (server.clone(), shutdown.clone());
        tokio::spawn(async move { serving.serve(listener.into(), serving.routes(), stop).await });
        Ok(Self { address, view, server, shutdown })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// The next event for which `wanted` holds.
pub(crate) async fn next_event(
    events: &mut broadcast::Receiver<SessionEvent>,
    wanted: impl Fn(&What) -> bool,
) -> anyhow::Result<SessionEvent> {
    let search = async {
        loop {
            let event = events.recv().await?;
            if wanted(&event.what) {
                return Ok(event);
            }
        }
    };
    timeout(ferro_testkit::ads::PATIENCE, search).await.context("no such event")?
}

// === impl Driver ===

impl Driver for Arc<SharedView> {
    fn apply(&self, steps: &[Step]) -> anyhow::Result<()> {
        SharedView::apply(self, steps.iter().map(Step::update));
        Ok(())
    }
}

impl Driver for Program {
    fn apply(&self, steps: &[Step]) -> anyhow::Result<()> {
        self.say(&steps.iter().map(|step| format!("{step}\n")).collect::<String>())
    }
}

impl Program {
    fn say(&self, lines: &str) -> anyhow::Result<()> {
        let mut program = Command::new(&self.0).stdin(Stdio::piped()).spawn().with_context(|| self.0.clone())?;
        program.stdin.take().context("the driver has no standard input")?.write_all(lines.as_bytes())?;
        let status = program.wait()?;
        ensure!(status.success(), "{} ended with {status}", self.0);
        Ok(())
    }
}

// === impl Step ===

impl Step {
    pub(crate) fn update(&self) -> (Kind, Update) {
        match *self {
            Self::Put(kind, name, revision) => (kind, Update::put(samples::resource(kind, name, revision))),
            Self::Remove(kind, name) => (kind, Update::gone(name)),
        }
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Put(kind, name, revision) => write!(formatter, "put {} {name} {revision}", kind.short()),
            Self::Remove(kind, name) => write!(formatter, "remove {} {name}", kind.short()),
        }
    }
}
