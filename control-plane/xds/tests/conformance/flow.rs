//! Rules 51 to 56: flow.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use ferro_process::{CancellationToken, backoff::Policy};
use ferro_testkit::ads::{Address, DeltaClient, Service, SotwClient};
use ferro_xds::{
    Closed, Limits, ResourceSet, SharedView, Update, What,
    client::{self, ClientEvent, ClientSession, Handle, Upstream},
};
use ferro_xds_protos::{Kind, envoy::envoy::config::core::v3::Node};
use tokio::{sync::mpsc, time::timeout};
use tonic::Code;

use crate::{
    samples::resource,
    world::{Running, SILENCE, Step, World, next_event, on_every_service},
};

const CDS: Kind = Kind::Cluster;
const EDS: Kind = Kind::Endpoint;

#[tokio::test]
async fn rule_51_one_response_of_a_type_waits_and_newer_state_coalesces() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[Step::Put(EDS, "a", 1), Step::Put(EDS, "b", 1)]).await?;
        let (mut delta, mut sotw) = (world.delta(service).await?, world.sotw(service).await?);
        delta.subscribe(EDS, &["a", "b"]).await?;
        sotw.subscribe(EDS, &["a", "b"]).await?;
        let (first, list) = (delta.next(EDS).await?, sotw.next(EDS).await?);
        for revision in 2..100 {
            world.apply(&[Step::Put(EDS, "a", revision)])?;
        }
        delta.expect_silence(EDS, SILENCE).await?;
        sotw.expect_silence(EDS, SILENCE).await?;
        delta.ack(&first).await?;
        sotw.ack(&list).await?;
        let newest = resource(EDS, "a", 99);
        assert_eq!(delta.take(EDS).await?.version("a"), Some(&**newest.version()));
        assert_eq!(sotw.take(EDS).await?.names(), ["a"]);
        delta.expect_silence(EDS, SILENCE).await?;
        sotw.expect_silence(EDS, SILENCE).await
    })
    .await
}

#[tokio::test]
async fn rule_51_a_change_that_is_taken_back_while_it_waits_is_never_sent() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[Step::Put(EDS, "a", 1)]).await?;
        let mut client = world.delta(service).await?;
        client.subscribe(EDS, &["a"]).await?;
        let first = client.next(EDS).await?;
        world.apply(&[Step::Put(EDS, "a", 2)])?;
        world.apply(&[Step::Put(EDS, "a", 1)])?;
        client.ack(&first).await?;
        client.expect_silence(EDS, SILENCE).await
    })
    .await
}

/// Names of clusters that together are larger than what the window of a client takes unread.
fn more_than_a_window() -> Vec<String> {
    (0..400).map(|index| format!("{index:0>1900}")).collect()
}

#[tokio::test]
async fn rule_52_a_client_that_takes_nothing_loses_its_stream_and_others_notice_nothing() -> anyhow::Result<()> {
    let limits = Limits { send_deadline: Duration::from_millis(400), ..Limits::default() };
    let running = Running::start(limits).await?;
    let mut events = running.view.events();
    let large = more_than_a_window();
    running.view.apply(large.iter().map(|name| (CDS, Update::put(resource(CDS, name, 1)))));
    let mut slow = raw::Stuck::open(&running.address).await?;
    slow.ask(CDS).await?;
    let closed = next_event(&mut events, |what| matches!(what, What::Closed { .. })).await?;
    assert!(matches!(closed.what, What::Closed { reason: Closed::TooSlow }));
    let mut other = DeltaClient::connect(&running.address, Service::Aggregated).await?;
    other.subscribe(CDS, &[]).await?;
    let mut taken = 0;
    while taken < large.len() {
        taken += other.take(CDS).await?.names().len();
    }
    Ok(())
}

#[tokio::test]
async fn rule_53_requests_are_read_while_a_large_response_is_stuck() -> anyhow::Result<()> {
    let running = Running::start(Limits::default()).await?;
    let mut events = running.view.events();
    let large = more_than_a_window();
    running.view.apply(large.iter().map(|name| (CDS, Update::put(resource(CDS, name, 1)))));
    let mut stuck = raw::Stuck::open(&running.address).await?;
    stuck.ask(CDS).await?;
    next_event(&mut events, |what| matches!(what, What::Sent { .. })).await?;
    stuck.ask(Kind::Listener).await?;
    let kind = |what: &What| matches!(what, What::Subscribed { kind: Kind::Listener, .. });
    next_event(&mut events, kind).await?;
    Ok(())
}

#[tokio::test]
async fn rule_55_a_server_that_shuts_down_closes_its_streams_and_says_that_it_is_unavailable() -> anyhow::Result<()> {
    let limits = Limits { drain: Duration::from_millis(200), ..Limits::default() };
    let running = Running::start(limits).await?;
    let mut delta = DeltaClient::connect(&running.address, Service::Aggregated).await?;
    delta.subscribe(CDS, &[]).await?;
    delta.take(CDS).await?;
    let mut sotw = SotwClient::connect(&running.address, Service::SingleType).await?;
    sotw.subscribe(CDS, &[]).await?;
    sotw.take(CDS).await?;
    running.shutdown.cancel();
    assert_eq!(delta.end(CDS).await?.code(), Code::Unavailable);
    assert_eq!(sotw.end(CDS).await?.code(), Code::Unavailable);
    Ok(())
}

#[tokio::test]
async fn rule_56_a_client_waits_longer_each_time_until_a_server_has_answered_not_merely_listened() -> anyhow::Result<()>
{
    let policy = Policy { base: Duration::from_millis(1), cap: Duration::from_secs(60) };
    let view = Arc::new(SharedView::unsynced());
    let running = Running::serve(Arc::clone(&view), Limits { drain: Duration::ZERO, ..Limits::default() }).await?;
    let Address::Tcp(address) = &running.address else { anyhow::bail!("a server on a unix socket") };
    let upstream = Upstream::Tcp(format!("http://{address}").parse()?);
    let mut session = ClientSession::new(Node { id: "node".into(), ..Node::default() });
    session.subscribe_all(CDS);
    let (sender, mut events) = mpsc::channel(1);
    let stop = CancellationToken::new();
    tokio::spawn(client::run(upstream, Handle::new(session), sender, policy, || {}, stop.clone()));
    let mut longest = Duration::ZERO;
    let mut refused = 0;
    while refused < 8 {
        if let ClientEvent::Disconnected { retry_in, .. } = next(&mut events).await? {
            longest = longest.max(retry_in);
            refused += 1;
        }
    }
    assert!(longest > policy.base, "{longest:?}: it was connected eight times, and answered never");
    view.publish(ResourceSet::whole());
    while !matches!(next(&mut events).await?, ClientEvent::Received(_)) {}
    running.shutdown.cancel();
    let ClientEvent::Disconnected { retry_in, .. } = next(&mut events).await? else { anyhow::bail!("still connected") };
    assert!(retry_in <= policy.base, "{retry_in:?} after an answer");
    stop.cancel();
    Ok(())
}

async fn next(events: &mut mpsc::Receiver<ClientEvent>) -> anyhow::Result<ClientEvent> {
    timeout(ferro_testkit::ads::PATIENCE, events.recv()).await?.context("the client ended")
}

#[tokio::test]
async fn a_client_that_says_goodbye_ends_its_stream_in_good_order() -> anyhow::Result<()> {
    let world = World::with(&[]).await?;
    let mut client = world.delta(Service::Aggregated).await?;
    client.subscribe(CDS, &[]).await?;
    client.take(CDS).await?;
    client.close_requests(CDS)?;
    assert_eq!(client.end(CDS).await?.code(), Code::Ok);
    Ok(())
}

mod raw {
    //! A client that never reads what it is sent.

    use std::sync::Arc;

    use ferro_testkit::ads::Address;
    use ferro_xds_protos::{
        Kind,
        envoy::envoy::{
            config::core::v3::Node,
            service::discovery::v3::{
                DeltaDiscoveryRequest, aggregated_discovery_service_client::AggregatedDiscoveryServiceClient,
            },
        },
    };
    use tokio::sync::mpsc;
    use tokio_stream::wrappers::ReceiverStream;
    use tonic::transport::Endpoint;

    pub(super) struct Stuck {
        requests: mpsc::Sender<DeltaDiscoveryRequest>,
        /// Held, never read: its flow-control window closes.
        _responses: Arc<dyn std::any::Any + Send + Sync>,
    }

    impl Stuck {
        pub(super) async fn open(address: &Address) -> anyhow::Result<Self> {
            let Address::Tcp(authority) = address else { anyhow::bail!("not a TCP address") };
            let endpoint = Endpoint::from_shared(format!("http://{authority}"))?.initial_stream_window_size(65_535);
            let mut client = AggregatedDiscoveryServiceClient::new(endpoint.connect().await?);
            let (requests, outgoing) = mpsc::channel(16);
            let responses = client.delta_aggregated_resources(ReceiverStream::new(outgoing)).await?.into_inner();
            Ok(Self { requests, _responses: Arc::new(std::sync::Mutex::new(responses)) })
        }

        pub(super) async fn ask(&mut self, kind: Kind) -> anyhow::Result<()> {
            let node = Some(Node { id: "sidecar~127.77.0.7~stuck.default~x".to_owned(), ..Default::default() });
            let type_url = kind.type_url().to_owned();
            self.requests.send(DeltaDiscoveryRequest { node, type_url, ..Default::default() }).await?;
            Ok(())
        }
    }
}
