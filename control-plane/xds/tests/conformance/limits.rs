//! S17: each limit hit closes that stream, and no other.

use ferro_testkit::ads::{DeltaClient, Service};
use ferro_xds::Limits;
use ferro_xds_protos::Kind;
use tonic::Code;

use crate::world::{Running, Step};

const EDS: Kind = Kind::Endpoint;

/// A server with small limits, and a client that is to survive.
async fn start() -> anyhow::Result<(Running, DeltaClient)> {
    let limits = Limits { names_per_stream: 100, name_bytes: 64, changes_per_second: 5, ..Limits::default() };
    let running = Running::start(limits).await?;
    running.view.apply([Step::Put(EDS, "a", 1).update()]);
    let mut other = DeltaClient::connect(&running.address, Service::Aggregated).await?;
    other.subscribe(EDS, &["a"]).await?;
    other.take(EDS).await?;
    Ok((running, other))
}

async fn survives(running: &Running, mut other: DeltaClient) -> anyhow::Result<()> {
    running.view.apply([Step::Put(EDS, "a", 2).update()]);
    assert_eq!(other.take(EDS).await?.names(), ["a"]);
    Ok(())
}

#[tokio::test]
async fn s17_too_many_names_close_that_stream_only() -> anyhow::Result<()> {
    let (running, other) = start().await?;
    let mut greedy = DeltaClient::connect(&running.address, Service::Aggregated).await?;
    let names: Vec<_> = (0..101).map(|index| format!("n{index}")).collect();
    greedy.subscribe(EDS, &names.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    assert_eq!(greedy.end(EDS).await?.code(), Code::ResourceExhausted);
    survives(&running, other).await
}

#[tokio::test]
async fn s17_a_name_that_is_too_long_closes_that_stream_only() -> anyhow::Result<()> {
    let (running, other) = start().await?;
    let mut client = DeltaClient::connect(&running.address, Service::Aggregated).await?;
    client.subscribe(EDS, &["x".repeat(65).as_str()]).await?;
    assert_eq!(client.end(EDS).await?.code(), Code::InvalidArgument);
    survives(&running, other).await
}

#[tokio::test]
async fn s17_too_many_subscription_changes_close_that_stream_only() -> anyhow::Result<()> {
    let (running, other) = start().await?;
    let mut restless = DeltaClient::connect(&running.address, Service::Aggregated).await?;
    restless.subscribe(EDS, &["a"]).await?;
    for _ in 0..60 {
        if restless.subscribe(EDS, &["a"]).await.is_err() {
            break;
        }
    }
    assert_eq!(restless.end(EDS).await?.code(), Code::ResourceExhausted);
    survives(&running, other).await
}

#[tokio::test]
async fn s17_acceptances_are_free() -> anyhow::Result<()> {
    let (running, mut client) = start().await?;
    for revision in 3..60 {
        running.view.apply([Step::Put(EDS, "a", revision).update()]);
        client.take(EDS).await?;
    }
    Ok(())
}

#[tokio::test]
async fn s17_a_message_beyond_the_limit_closes_that_stream_only() -> anyhow::Result<()> {
    let (running, other) = start().await?;
    let mut client = DeltaClient::connect(&running.address, Service::Aggregated).await?;
    let held: Vec<_> = (0..18_000).map(|index| format!("{index:0>1000}")).collect();
    let held: Vec<_> = held.iter().map(|name| (name.as_str(), "v")).collect();
    client.resume(EDS, &["a"], &held).await?;
    assert_ne!(client.end(EDS).await?.code(), Code::Ok);
    survives(&running, other).await
}
