//! Rules 1 to 6: who talks, about what, and what a version is.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::Context;
use ferro_testkit::ads::{DeltaClient, Service, SotwClient};
use ferro_xds::{Limits, SharedView, What};
use ferro_xds_protos::{
    Kind,
    envoy::envoy::{
        config::core::v3::Node,
        service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest},
    },
};
use tonic::Code;

use crate::world::{Running, SILENCE, Step, World, next_event, on_every_service};

const CDS: Kind = Kind::Cluster;

#[tokio::test]
async fn rule_01_a_first_message_without_a_node_id_is_an_invalid_argument() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[]).await?;
        let mut delta = world.delta(service).await?;
        let type_url = CDS.type_url().to_owned();
        delta.send_raw(CDS, DeltaDiscoveryRequest { type_url: type_url.clone(), ..Default::default() }).await?;
        assert_eq!(delta.end(CDS).await?.code(), Code::InvalidArgument);
        let mut sotw = world.sotw(service).await?;
        sotw.send_raw(CDS, DiscoveryRequest { type_url, ..Default::default() }).await?;
        assert_eq!(sotw.end(CDS).await?.code(), Code::InvalidArgument);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_01_later_messages_may_leave_the_node_out_but_not_change_it() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[Step::Put(CDS, "a", 1)]).await?;
        let mut client = world.delta(service).await?;
        client.subscribe(CDS, &[]).await?;
        client.take(CDS).await?;
        let node = Some(Node { id: "sidecar~127.77.0.8~other.default~x".to_owned(), ..Default::default() });
        client.send(CDS, DeltaDiscoveryRequest { node, ..Default::default() }).await?;
        assert_eq!(client.end(CDS).await?.code(), Code::InvalidArgument);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_02_ads_needs_a_type_and_a_single_type_service_implies_it() -> anyhow::Result<()> {
    let world = World::with(&[Step::Put(CDS, "a", 1)]).await?;
    let node = Some(Node { id: "sidecar~127.77.0.9~x.default~x".to_owned(), ..Default::default() });
    let untyped = DeltaDiscoveryRequest { node, ..Default::default() };
    let mut aggregated = world.delta(Service::Aggregated).await?;
    aggregated.send_raw(CDS, untyped.clone()).await?;
    assert_eq!(aggregated.end(CDS).await?.code(), Code::InvalidArgument);
    let mut single = world.delta(Service::SingleType).await?;
    single.send_raw(CDS, untyped).await?;
    assert_eq!(single.next(CDS).await?.names(), ["a"]);
    Ok(())
}

#[tokio::test]
async fn rule_02_an_unknown_type_subscribes_nothing_and_the_stream_lives() -> anyhow::Result<()> {
    let running = Running::start(Limits::default()).await?;
    let mut events = running.view.events();
    running.view.apply([Step::Put(CDS, "a", 1).update()]);
    let mut client = DeltaClient::connect(&running.address, Service::Aggregated).await?;
    client.subscribe(CDS, &[]).await?;
    client.take(CDS).await?;
    let type_url = "type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration".to_owned();
    client.send_raw(CDS, DeltaDiscoveryRequest { type_url: type_url.clone(), ..Default::default() }).await?;
    let unknown = next_event(&mut events, |what| matches!(what, What::UnknownType { .. })).await?;
    assert!(matches!(unknown.what, What::UnknownType { type_url: named } if named == type_url));
    running.view.apply([Step::Put(CDS, "b", 1).update()]);
    assert_eq!(client.take(CDS).await?.names(), ["b"]);
    Ok(())
}

#[tokio::test]
async fn a_health_report_is_an_event_and_is_never_answered() -> anyhow::Result<()> {
    let running = Running::start(Limits::default()).await?;
    let mut events = running.view.events();
    let mut client = DeltaClient::connect(&running.address, Service::Aggregated).await?;
    client.subscribe(CDS, &[]).await?;
    client.take(CDS).await?;
    let error = ferro_xds_protos::envoy::google::rpc::Status { code: 13, message: "503".to_owned(), details: vec![] };
    let report = DeltaDiscoveryRequest {
        type_url: ferro_xds::HEALTH_TYPE_URL.to_owned(),
        error_detail: Some(error),
        ..Default::default()
    };
    client.send_raw(CDS, report).await?;
    let health = next_event(&mut events, |what| matches!(what, What::Health { .. })).await?;
    assert!(matches!(health.what, What::Health { error: Some(error) } if error.message == "503"));
    client.expect_silence(CDS, SILENCE).await
}

#[tokio::test]
async fn rule_03_a_refused_route_does_not_hold_clusters_up() -> anyhow::Result<()> {
    let world = World::with(&[Step::Put(CDS, "a", 1), Step::Put(Kind::Route, "r", 1)]).await?;
    let mut client = world.delta(Service::Aggregated).await?;
    client.subscribe(CDS, &[]).await?;
    client.take(CDS).await?;
    client.subscribe(Kind::Route, &["r"]).await?;
    let route = client.next(Kind::Route).await?;
    client.nack(&route, "no").await?;
    world.apply(&[Step::Put(CDS, "a", 2)])?;
    assert_eq!(client.take(CDS).await?.names(), ["a"]);
    Ok(())
}

#[tokio::test]
async fn rule_04_both_services_take_several_names_in_one_request() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[Step::Put(Kind::Route, "r", 1), Step::Put(Kind::Route, "s", 1)]).await?;
        let mut delta = world.delta(service).await?;
        delta.subscribe(Kind::Route, &["r", "s"]).await?;
        assert_eq!(delta.take(Kind::Route).await?.names(), ["r", "s"]);
        let mut sotw = world.sotw(service).await?;
        sotw.subscribe(Kind::Route, &["r", "s"]).await?;
        assert_eq!(sotw.take(Kind::Route).await?.names(), ["r", "s"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_04_two_streams_of_one_node_are_independent() -> anyhow::Result<()> {
    let world = World::with(&[Step::Put(CDS, "a", 1)]).await?;
    let (mut old, mut new) = (world.delta(Service::Aggregated).await?, world.delta(Service::Aggregated).await?);
    old.subscribe(CDS, &[]).await?;
    let unanswered = old.next(CDS).await?;
    new.subscribe(CDS, &[]).await?;
    new.take(CDS).await?;
    world.apply(&[Step::Put(CDS, "a", 2)])?;
    assert_eq!(new.take(CDS).await?.names(), ["a"]);
    old.expect_silence(CDS, SILENCE).await?;
    old.ack(&unanswered).await?;
    assert_eq!(old.take(CDS).await?.names(), ["a"]);
    Ok(())
}

#[tokio::test]
async fn rule_05_a_source_that_is_not_synced_makes_the_server_unavailable_not_empty() -> anyhow::Result<()> {
    let running = Running::serve(Arc::new(SharedView::unsynced()), Limits::default()).await?;
    for service in [Service::Aggregated, Service::SingleType] {
        let mut delta = DeltaClient::connect(&running.address, service).await?;
        delta.subscribe(CDS, &[]).await?;
        assert_eq!(delta.end(CDS).await?.code(), Code::Unavailable);
        let mut sotw = SotwClient::connect(&running.address, service).await?;
        sotw.subscribe(CDS, &[]).await?;
        assert_eq!(sotw.end(CDS).await?.code(), Code::Unavailable);
    }
    Ok(())
}

#[tokio::test]
async fn rule_06_equal_content_has_equal_versions_however_it_came_about() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let one = World::with(&[Step::Put(CDS, "a", 1), Step::Put(CDS, "b", 2)]).await?;
        let mut versions = BTreeSet::new();
        versions.insert(versions_of(&one, service).await?);
        one.apply(&[Step::Put(CDS, "a", 7), Step::Put(CDS, "c", 1)])?;
        one.apply(&[Step::Put(CDS, "a", 1), Step::Remove(CDS, "c")])?;
        versions.insert(versions_of(&one, service).await?);
        assert_eq!(versions.len(), 1, "{versions:?}");
        Ok(())
    })
    .await
}

async fn versions_of(world: &World, service: Service) -> anyhow::Result<(String, String, String)> {
    let mut delta = world.delta(service).await?;
    delta.subscribe(CDS, &[]).await?;
    let response = delta.take(CDS).await?;
    let version = |name| response.version(name).map(str::to_owned).context("a version");
    let mut sotw = world.sotw(service).await?;
    sotw.subscribe(CDS, &[]).await?;
    Ok((version("a")?, version("b")?, sotw.take(CDS).await?.version().to_owned()))
}
