//! Rules 7 to 15: nonces, acceptance, refusal.

use std::collections::BTreeSet;

use ferro_testkit::ads::{DeltaClient, Service, SotwClient};
use ferro_xds::{Limits, What};
use ferro_xds_protos::{
    Kind,
    envoy::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest},
};

use crate::world::{Running, SILENCE, Step, World, next_event, on_every_service};

const CDS: Kind = Kind::Cluster;
const EDS: Kind = Kind::Endpoint;

#[tokio::test]
async fn rule_07_every_response_has_a_nonce_of_its_own() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[Step::Put(CDS, "a", 1), Step::Put(EDS, "a", 1)]).await?;
        let mut nonces = BTreeSet::new();
        for _ in 0..2 {
            let (mut delta, mut sotw) = (world.delta(service).await?, world.sotw(service).await?);
            delta.subscribe(CDS, &[]).await?;
            sotw.subscribe(CDS, &[]).await?;
            for revision in 2..4 {
                nonces.insert(delta.take(CDS).await?.nonce().to_owned());
                nonces.insert(sotw.take(CDS).await?.nonce().to_owned());
                world.apply(&[Step::Put(CDS, "a", revision)])?;
            }
            nonces.insert(delta.take(CDS).await?.nonce().to_owned());
            nonces.insert(sotw.take(CDS).await?.nonce().to_owned());
            world.apply(&[Step::Put(CDS, "a", 1)])?;
        }
        assert!(!nonces.contains(""));
        assert_eq!(nonces.len(), 12);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_07_a_nonce_of_an_old_stream_means_nothing() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[Step::Put(EDS, "a", 1)]).await?;
        let mut old = world.delta(service).await?;
        old.subscribe(EDS, &["a"]).await?;
        let response = old.take(EDS).await?;
        let mut new = world.delta(service).await?;
        let request = DeltaDiscoveryRequest {
            resource_names_subscribe: vec!["a".to_owned()],
            response_nonce: response.nonce().to_owned(),
            ..Default::default()
        };
        new.send(EDS, request).await?;
        assert_eq!(new.take(EDS).await?.names(), ["a"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_08_state_of_the_world_ignores_a_stale_nonce() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[Step::Put(EDS, "a", 1), Step::Put(EDS, "b", 1)]).await?;
        let mut client = world.sotw(service).await?;
        client.subscribe(EDS, &["a"]).await?;
        let stale = client.take(EDS).await?;
        world.apply(&[Step::Put(EDS, "a", 2)])?;
        let newer = client.next(EDS).await?;
        let request = DiscoveryRequest {
            type_url: EDS.type_url().to_owned(),
            resource_names: vec!["a".to_owned(), "b".to_owned()],
            response_nonce: stale.nonce().to_owned(),
            ..Default::default()
        };
        client.send_raw(EDS, request).await?;
        client.expect_silence(EDS, SILENCE).await?;
        client.ack(&newer).await?;
        client.subscribe(EDS, &["a", "b"]).await?;
        assert_eq!(client.take(EDS).await?.names(), ["b"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_09_a_stale_nonce_in_delta_still_applies_the_subscription_change() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[Step::Put(EDS, "a", 1), Step::Put(EDS, "b", 1)]).await?;
        let mut client = world.delta(service).await?;
        client.subscribe(EDS, &["a"]).await?;
        let stale = client.take(EDS).await?;
        world.apply(&[Step::Put(EDS, "a", 2)])?;
        let newer = client.next(EDS).await?;
        let request = DeltaDiscoveryRequest {
            resource_names_subscribe: vec!["b".to_owned()],
            response_nonce: stale.nonce().to_owned(),
            ..Default::default()
        };
        client.send(EDS, request).await?;
        client.ack(&newer).await?;
        assert_eq!(client.take(EDS).await?.names(), ["b"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_10_only_an_error_detail_is_a_refusal_whatever_the_version_says() -> anyhow::Result<()> {
    let running = Running::start(Limits::default()).await?;
    let mut events = running.view.events();
    running.view.apply([Step::Put(CDS, "a", 1).update()]);
    let mut client = SotwClient::connect(&running.address, Service::Aggregated).await?;
    client.subscribe(CDS, &[]).await?;
    let response = client.next(CDS).await?;
    // An acceptance that repeats no version, as a client that never had one would refuse.
    let request = DiscoveryRequest {
        type_url: CDS.type_url().to_owned(),
        response_nonce: response.nonce().to_owned(),
        ..Default::default()
    };
    client.send_raw(CDS, request).await?;
    next_event(&mut events, |what| matches!(what, What::Acked { .. })).await?;
    Ok(())
}

#[tokio::test]
async fn rule_11_after_an_acceptance_there_is_silence_and_nothing_unchanged_is_resent() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[Step::Put(EDS, "a", 1), Step::Put(EDS, "b", 1)]).await?;
        let mut delta = world.delta(service).await?;
        delta.subscribe(EDS, &["a", "b"]).await?;
        delta.take(EDS).await?;
        let mut sotw = world.sotw(service).await?;
        sotw.subscribe(EDS, &["a", "b"]).await?;
        sotw.take(EDS).await?;
        world.apply(&[Step::Put(EDS, "a", 1), Step::Put(EDS, "c", 1)])?;
        delta.expect_silence(EDS, SILENCE).await?;
        sotw.expect_silence(EDS, SILENCE).await?;
        world.apply(&[Step::Put(EDS, "b", 2)])?;
        assert_eq!(delta.take(EDS).await?.names(), ["b"]);
        assert_eq!(sotw.take(EDS).await?.names(), ["b"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_12_the_latest_request_of_a_type_supersedes_earlier_ones() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[Step::Put(EDS, "a", 1), Step::Put(EDS, "b", 1)]).await?;
        let mut client = world.sotw(service).await?;
        client.subscribe(EDS, &["a"]).await?;
        client.take(EDS).await?;
        client.subscribe(EDS, &["b"]).await?;
        client.take(EDS).await?;
        world.apply(&[Step::Put(EDS, "a", 2)])?;
        client.expect_silence(EDS, SILENCE).await?;
        world.apply(&[Step::Put(EDS, "b", 2)])?;
        assert_eq!(client.take(EDS).await?.names(), ["b"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_13_what_was_refused_is_not_sent_again_until_it_changes() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[Step::Put(CDS, "bad", 1)]).await?;
        let (mut delta, mut sotw) = (world.delta(service).await?, world.sotw(service).await?);
        delta.subscribe(CDS, &[]).await?;
        sotw.subscribe(CDS, &[]).await?;
        let refused = delta.next(CDS).await?;
        delta.nack(&refused, "no").await?;
        let refused = sotw.next(CDS).await?;
        sotw.nack(&refused, "no").await?;
        delta.expect_silence(CDS, SILENCE).await?;
        sotw.expect_silence(CDS, SILENCE).await?;
        world.apply(&[Step::Put(CDS, "bad", 2)])?;
        assert_eq!(delta.take(CDS).await?.names(), ["bad"]);
        assert_eq!(sotw.take(CDS).await?.names(), ["bad"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_13_a_refused_resource_takes_its_neighbours_nowhere() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let good = ["a", "b", "c"].map(|name| Step::Put(CDS, name, 1));
        let world = World::with(&[&good[..], &[Step::Put(CDS, "bad", 1)]].concat()).await?;
        let mut client = world.delta(service).await?;
        client.subscribe(CDS, &[]).await?;
        let mut got = BTreeSet::new();
        while got.len() < good.len() {
            let response = client.next(CDS).await?;
            if response.names().contains(&"bad") {
                client.nack(&response, "constraint violated, which one is not said").await?;
            } else {
                got.extend(response.names().into_iter().map(str::to_owned));
                client.ack(&response).await?;
            }
        }
        assert_eq!(got, BTreeSet::from(["a", "b", "c"].map(str::to_owned)));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_13_a_refusal_that_names_the_resource_costs_one_round() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[Step::Put(CDS, "a", 1), Step::Put(CDS, "bad", 1), Step::Put(CDS, "c", 1)]).await?;
        let (mut delta, mut sotw) = (world.delta(service).await?, world.sotw(service).await?);
        delta.subscribe(CDS, &[]).await?;
        sotw.subscribe(CDS, &[]).await?;
        let refused = delta.next(CDS).await?;
        delta.nack(&refused, "Error adding/updating cluster(s) bad: no such thing").await?;
        assert_eq!(delta.take(CDS).await?.names(), ["a", "c"]);
        let refused = sotw.next(CDS).await?;
        sotw.nack(&refused, "Error adding/updating cluster(s) bad: no such thing").await?;
        assert_eq!(sotw.take(CDS).await?.names(), ["a", "c"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_13_a_refused_update_keeps_the_last_good_version_in_full_lists() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[Step::Put(CDS, "a", 1), Step::Put(CDS, "b", 1)]).await?;
        let mut client = world.sotw(service).await?;
        client.subscribe(CDS, &[]).await?;
        let first = client.take(CDS).await?;
        world.apply(&[Step::Put(CDS, "b", 2)])?;
        let refused = client.next(CDS).await?;
        client.nack(&refused, "cluster b: no").await?;
        client.expect_silence(CDS, SILENCE).await?;
        world.apply(&[Step::Put(CDS, "c", 1)])?;
        let third = client.take(CDS).await?;
        assert_eq!(third.names(), ["a", "b", "c"]);
        assert!(third.message.resources.contains(&first.message.resources[1]), "b is listed as it was accepted");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_14_names_on_a_refusal_count() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[Step::Put(EDS, "a", 1), Step::Put(EDS, "b", 1)]).await?;
        let error = ferro_xds_protos::envoy::google::rpc::Status { code: 3, message: "no".to_owned(), details: vec![] };
        let mut delta = world.delta(service).await?;
        delta.subscribe(EDS, &["a"]).await?;
        let request = DeltaDiscoveryRequest {
            resource_names_subscribe: vec!["b".to_owned()],
            response_nonce: delta.next(EDS).await?.nonce().to_owned(),
            error_detail: Some(error.clone()),
            ..Default::default()
        };
        delta.send(EDS, request).await?;
        assert_eq!(delta.take(EDS).await?.names(), ["b"]);
        let mut sotw = world.sotw(service).await?;
        sotw.subscribe(EDS, &["a"]).await?;
        let request = DiscoveryRequest {
            type_url: EDS.type_url().to_owned(),
            resource_names: vec!["a".to_owned(), "b".to_owned()],
            response_nonce: sotw.next(EDS).await?.nonce().to_owned(),
            error_detail: Some(error),
            ..Default::default()
        };
        sotw.send_raw(EDS, request).await?;
        assert_eq!(sotw.next(EDS).await?.names(), ["b"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_15_a_refusal_reaches_event_and_status_with_node_type_nonce_and_resource() -> anyhow::Result<()> {
    let running = Running::start(Limits::default()).await?;
    let mut events = running.view.events();
    running.view.apply([Step::Put(CDS, "bad", 1).update()]);
    let mut client = DeltaClient::connect(&running.address, Service::Aggregated).await?;
    client.subscribe(CDS, &[]).await?;
    let response = client.next(CDS).await?;
    client.nack(&response, "ring min > max").await?;
    let event = next_event(&mut events, |what| matches!(what, What::Nacked { .. })).await?;
    assert!(event.node.starts_with("sidecar~"));
    let What::Nacked { kind, nonce, items, held_back, status } = event.what else { anyhow::bail!("not a refusal") };
    assert_eq!((kind, &*nonce, status.message.as_str()), (CDS, response.nonce(), "ring min > max"));
    assert_eq!(items.iter().map(|item| &*item.name).collect::<Vec<_>>(), ["bad"]);
    assert_eq!(held_back.iter().map(|name| &**name).collect::<Vec<_>>(), ["bad"]);
    let statuses = running.server.statuses();
    let nack = statuses[0].kinds[0].nack.as_ref().expect("a refusal in the status");
    assert_eq!((&*nack.nonce, nack.message.as_str(), nack.items.len()), (response.nonce(), "ring min > max", 1));
    assert_eq!(statuses[0].kinds[0].stale.iter().map(|name| &**name).collect::<Vec<_>>(), ["bad"]);
    running.view.apply([Step::Put(CDS, "bad", 2).update()]);
    client.take(CDS).await?;
    next_event(&mut events, |what| matches!(what, What::Acked { .. })).await?;
    let healed = &running.server.statuses()[0].kinds[0];
    assert!(healed.nack.is_none() && healed.stale.is_empty());
    Ok(())
}
