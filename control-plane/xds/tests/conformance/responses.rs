//! Rules 30 to 37: what a response says.

use std::collections::BTreeSet;

use anyhow::Context;
use ferro_testkit::ads::{DeltaClient, Service};
use ferro_xds::{Limits, Update};
use ferro_xds_protos::Kind;

use crate::{
    samples,
    world::{Running, SILENCE, Step, World, on_every_service},
};

const CDS: Kind = Kind::Cluster;
const EDS: Kind = Kind::Endpoint;
const LDS: Kind = Kind::Listener;

#[tokio::test]
async fn rule_30_lists_of_clusters_and_listeners_are_full_and_leaving_out_deletes() -> anyhow::Result<()> {
    on_every_service(async |service| {
        for kind in [CDS, LDS] {
            let world = World::with(&[Step::Put(kind, "a", 1), Step::Put(kind, "b", 1)]).await?;
            let mut client = world.sotw(service).await?;
            client.subscribe(kind, &[]).await?;
            assert_eq!(client.take(kind).await?.names(), ["a", "b"]);
            world.apply(&[Step::Put(kind, "b", 2)])?;
            assert_eq!(client.take(kind).await?.names(), ["a", "b"]);
            world.apply(&[Step::Remove(kind, "a")])?;
            assert_eq!(client.take(kind).await?.names(), ["b"]);
            world.apply(&[Step::Remove(kind, "b")])?;
            assert!(client.take(kind).await?.names().is_empty());
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_31_lists_of_other_kinds_are_partial_and_never_delete() -> anyhow::Result<()> {
    on_every_service(async |service| {
        for kind in [EDS, Kind::Route, Kind::Secret, Kind::ExtensionConfig] {
            let world = World::with(&[Step::Put(kind, "a", 1), Step::Put(kind, "b", 1)]).await?;
            let mut client = world.sotw(service).await?;
            client.subscribe(kind, &["a", "b"]).await?;
            assert_eq!(client.take(kind).await?.names(), ["a", "b"]);
            world.apply(&[Step::Put(kind, "a", 2)])?;
            assert_eq!(client.take(kind).await?.names(), ["a"]);
            world.apply(&[Step::Remove(kind, "b")])?;
            client.expect_silence(kind, SILENCE).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_32_delta_sends_what_changed_and_names_what_is_gone() -> anyhow::Result<()> {
    on_every_service(async |service| {
        for kind in [CDS, LDS] {
            let world = World::with(&["a", "b", "c"].map(|name| Step::Put(kind, name, 1))).await?;
            let mut client = world.delta(service).await?;
            client.subscribe(kind, &[]).await?;
            let first = client.take(kind).await?;
            world.apply(&[Step::Put(kind, "a", 2)])?;
            let second = client.take(kind).await?;
            assert_eq!((second.names(), second.removed()), (vec!["a"], vec![]));
            assert_ne!(first.version("a"), second.version("a"));
            world.apply(&[Step::Remove(kind, "c")])?;
            let third = client.take(kind).await?;
            assert_eq!((third.names(), third.removed()), (vec![], vec!["c"]));
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_33_no_name_stands_twice_and_every_resource_has_the_type_of_its_response() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[Step::Put(EDS, "a", 1), Step::Put(EDS, "b", 1)]).await?;
        let mut client = world.delta(service).await?;
        client.subscribe(EDS, &["a", "a", "b", "nobody", "nobody"]).await?;
        let response = client.take(EDS).await?;
        assert_eq!((response.names(), response.removed()), (vec!["a", "b"], vec!["nobody"]));
        for resource in &response.message.resources {
            let any = resource.resource.as_ref().context("a resource without a body")?;
            assert_eq!(any.type_url, EDS.type_url());
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_34_a_wildcard_that_matches_nothing_is_answered_with_nothing() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[]).await?;
        for kind in [CDS, LDS] {
            let mut delta = world.delta(service).await?;
            delta.subscribe(kind, &[]).await?;
            let response = delta.take(kind).await?;
            assert_eq!((response.names(), response.removed()), (vec![], vec![]));
            let mut sotw = world.sotw(service).await?;
            sotw.subscribe(kind, &[]).await?;
            assert!(sotw.take(kind).await?.names().is_empty());
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_35_a_client_that_comes_back_gets_only_what_differs() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&["a", "b", "gone"].map(|name| Step::Put(CDS, name, 1))).await?;
        let mut before = world.delta(service).await?;
        before.subscribe(CDS, &[]).await?;
        let held = before.take(CDS).await?;
        let held: Vec<_> = ["a", "b", "gone"].iter().filter_map(|name| Some((*name, held.version(name)?))).collect();
        let mut unchanged = world.delta(service).await?;
        unchanged.resume(CDS, &[], &held).await?;
        unchanged.expect_silence(CDS, SILENCE).await?;
        world.apply(&[Step::Put(CDS, "b", 2), Step::Put(CDS, "new", 1), Step::Remove(CDS, "gone")])?;
        let mut client = world.delta(service).await?;
        client.resume(CDS, &[], &held).await?;
        let (mut names, mut removed) = (BTreeSet::new(), BTreeSet::new());
        while names.len() < 2 || removed.is_empty() {
            let response = client.take(CDS).await?;
            names.extend(response.names().into_iter().map(str::to_owned));
            removed.extend(response.removed().into_iter().map(str::to_owned));
        }
        assert_eq!(names, BTreeSet::from(["b".to_owned(), "new".to_owned()]));
        assert_eq!(removed, BTreeSet::from(["gone".to_owned()]));
        client.expect_silence(CDS, SILENCE).await
    })
    .await
}

#[tokio::test]
async fn rule_35_names_repeated_with_the_versions_held_are_not_sent_again() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[Step::Put(EDS, "a", 1), Step::Put(EDS, "b", 1)]).await?;
        let mut before = world.delta(service).await?;
        before.subscribe(EDS, &["a", "b"]).await?;
        let held = before.take(EDS).await?;
        let held = [("a", held.version("a").context("a")?), ("b", held.version("b").context("b")?)];
        world.apply(&[Step::Put(EDS, "b", 2)])?;
        let mut client = world.delta(service).await?;
        client.resume(EDS, &["a", "b"], &held).await?;
        assert_eq!(client.take(EDS).await?.names(), ["b"]);
        client.expect_silence(EDS, SILENCE).await
    })
    .await
}

#[tokio::test]
async fn rule_36_a_list_version_is_believed_only_for_a_pure_wildcard() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[Step::Put(CDS, "a", 1), Step::Put(EDS, "a", 1)]).await?;
        let mut before = world.sotw(service).await?;
        before.subscribe(CDS, &[]).await?;
        before.subscribe(EDS, &["a"]).await?;
        let (clusters, endpoints) = (before.take(CDS).await?, before.take(EDS).await?);
        let mut client = world.sotw(service).await?;
        client.resume(CDS, &[], clusters.version()).await?;
        client.expect_silence(CDS, SILENCE).await?;
        client.resume(EDS, &["a"], endpoints.version()).await?;
        assert_eq!(client.take(EDS).await?.names(), ["a"]);
        let mut named = world.sotw(service).await?;
        named.resume(CDS, &["a"], clusters.version()).await?;
        assert_eq!(named.take(CDS).await?.names(), ["a"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_37_delta_responses_are_split_and_add_up() -> anyhow::Result<()> {
    let running = Running::start(Limits { response_bytes: 4096, ..Limits::default() }).await?;
    let names: Vec<_> = (0..300).map(|index| format!("outbound|80||service-{index}.default.svc")).collect();
    running.view.apply(names.iter().map(|name| (CDS, Update::put(samples::resource(CDS, name, 1)))));
    let mut client = DeltaClient::connect(&running.address, Service::Aggregated).await?;
    client.subscribe(CDS, &[]).await?;
    let (mut got, mut responses) = (BTreeSet::new(), 0);
    while got.len() < names.len() {
        let response = client.take(CDS).await?;
        let bytes = prost::Message::encoded_len(&response.message);
        assert!(bytes < 5 * 1024, "{bytes} bytes in one response");
        assert!(response.names().into_iter().all(|name| got.insert(name.to_owned())), "a name came twice");
        responses += 1;
    }
    assert!(responses > 5, "{responses} responses");
    client.expect_silence(CDS, SILENCE).await
}

#[tokio::test]
async fn rule_37_a_request_of_sixteen_megabytes_is_taken() -> anyhow::Result<()> {
    let world = World::with(&[Step::Put(CDS, "a", 1)]).await?;
    let mut client = world.delta(Service::Aggregated).await?;
    let held: Vec<_> = (0..15_000).map(|index| format!("{index:0>1000}")).collect();
    let held: Vec<_> = held.iter().map(|name| (name.as_str(), "v")).collect();
    client.resume(CDS, &[], &held).await?;
    assert_eq!(client.take(CDS).await?.names(), ["a"]);
    Ok(())
}
