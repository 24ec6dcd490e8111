//! Rules 38 to 48: make before break.

use std::time::Duration;

use ferro_testkit::ads::{DeltaClient, Service};
use ferro_xds_protos::Kind;

use crate::world::{SILENCE, Step, World, on_every_service};

const CDS: Kind = Kind::Cluster;
const EDS: Kind = Kind::Endpoint;
const ECDS: Kind = Kind::ExtensionConfig;
const LDS: Kind = Kind::Listener;
const RDS: Kind = Kind::Route;
const VHDS: Kind = Kind::VirtualHost;

const WORLD: [Step; 6] = [
    Step::Put(CDS, "c1", 1),
    Step::Put(EDS, "c1", 1),
    Step::Put(LDS, "l", 1),
    Step::Put(RDS, "r", 1),
    Step::Put(VHDS, "r/a", 1),
    Step::Put(VHDS, "r/b", 1),
];

/// A client that has everything of [`WORLD`].
async fn settled(world: &World) -> anyhow::Result<DeltaClient> {
    let mut client = world.delta(Service::Aggregated).await?;
    client.subscribe(CDS, &[]).await?;
    client.take(CDS).await?;
    client.subscribe(EDS, &["c1"]).await?;
    client.take(EDS).await?;
    client.subscribe(LDS, &[]).await?;
    client.take(LDS).await?;
    client.subscribe(RDS, &["r"]).await?;
    client.take(RDS).await?;
    client.subscribe(VHDS, &[]).await?;
    assert_eq!(client.take(VHDS).await?.names(), ["r/a", "r/b"]);
    // Removals wait until a client has had time to name what it holds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    Ok(client)
}

#[tokio::test]
async fn rule_38_one_change_goes_out_clusters_first_and_hosts_last() -> anyhow::Result<()> {
    let world = World::with(&WORLD).await?;
    let mut client = settled(&world).await?;
    world.apply(&[
        Step::Put(VHDS, "r/a", 2),
        Step::Put(RDS, "r", 2),
        Step::Put(LDS, "l", 2),
        Step::Put(EDS, "c1", 2),
        Step::Put(CDS, "c1", 2),
    ])?;
    let mut stamps = Vec::new();
    for kind in [CDS, EDS, LDS, RDS, VHDS] {
        stamps.push(client.take(kind).await?.stamp);
    }
    assert!(stamps.is_sorted(), "{stamps:?}");
    Ok(())
}

#[tokio::test]
async fn rule_38_a_filter_configuration_goes_out_together_with_its_listener_and_before_it() -> anyhow::Result<()> {
    let world = World::with(&WORLD).await?;
    let mut client = settled(&world).await?;
    world.apply(&[Step::Put(LDS, "m", 1), Step::Put(ECDS, "f", 1)])?;
    client.take(LDS).await?;
    // A client asks for a filter when it meets a listener that refers to it.
    client.subscribe(ECDS, &["f"]).await?;
    assert_eq!(client.take(ECDS).await?.names(), ["f"]);
    // Until the answer has arrived, a type has nothing new to say.
    tokio::time::sleep(SILENCE).await;
    world.apply(&[Step::Put(LDS, "m", 2), Step::Put(ECDS, "f", 2)])?;
    let (filter, listener) = (client.take(ECDS).await?, client.take(LDS).await?);
    assert!(filter.stamp < listener.stamp, "{} before {}", filter.stamp, listener.stamp);
    Ok(())
}

#[tokio::test]
async fn rule_38_listeners_and_routes_wait_until_the_clusters_are_answered() -> anyhow::Result<()> {
    let world = World::with(&WORLD).await?;
    let mut client = settled(&world).await?;
    world.apply(&[
        Step::Put(CDS, "c2", 1),
        Step::Put(LDS, "l", 2),
        Step::Put(RDS, "r", 2),
        Step::Put(VHDS, "r/a", 2),
    ])?;
    let clusters = client.next(CDS).await?;
    for kind in [LDS, RDS, VHDS] {
        client.expect_silence(kind, SILENCE).await?;
    }
    client.ack(&clusters).await?;
    for kind in [LDS, RDS, VHDS] {
        client.take(kind).await?;
    }
    Ok(())
}

#[tokio::test]
async fn rule_38_a_refused_cluster_does_not_hold_routes_up_for_ever() -> anyhow::Result<()> {
    let world = World::with(&WORLD).await?;
    let mut client = settled(&world).await?;
    world.apply(&[Step::Put(CDS, "c2", 1), Step::Put(RDS, "r", 2)])?;
    let clusters = client.next(CDS).await?;
    client.expect_silence(RDS, SILENCE).await?;
    client.nack(&clusters, "no").await?;
    client.take(RDS).await?;
    Ok(())
}

#[tokio::test]
async fn rule_39_a_cluster_is_removed_after_the_route_that_dropped_it_is_accepted() -> anyhow::Result<()> {
    for dropping in [LDS, RDS, VHDS] {
        let name = if dropping == VHDS { "r/a" } else { ["l", "r"][usize::from(dropping == RDS)] };
        let world = World::with(&WORLD).await?;
        let mut client = settled(&world).await?;
        world.apply(&[
            Step::Put(CDS, "c2", 1),
            Step::Remove(CDS, "c1"),
            Step::Remove(EDS, "c1"),
            Step::Put(dropping, name, 2),
        ])?;
        let added = client.take(CDS).await?;
        assert_eq!((added.names(), added.removed()), (vec!["c2"], vec![]));
        let route = client.next(dropping).await?;
        client.expect_silence(CDS, SILENCE).await?;
        client.ack(&route).await?;
        let removed = client.take(CDS).await?;
        assert_eq!((removed.names(), removed.removed()), (vec![], vec!["c1"]));
        assert_eq!(client.take(EDS).await?.removed(), ["c1"]);
    }
    Ok(())
}

#[tokio::test]
async fn rule_39_full_lists_keep_a_cluster_until_the_route_that_dropped_it_is_accepted() -> anyhow::Result<()> {
    let world = World::with(&WORLD).await?;
    let mut client = world.sotw(Service::Aggregated).await?;
    client.subscribe(CDS, &[]).await?;
    client.take(CDS).await?;
    client.subscribe(RDS, &["r"]).await?;
    client.take(RDS).await?;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    world.apply(&[Step::Put(CDS, "c2", 1), Step::Remove(CDS, "c1"), Step::Put(RDS, "r", 2)])?;
    assert_eq!(client.take(CDS).await?.names(), ["c1", "c2"]);
    let route = client.next(RDS).await?;
    client.expect_silence(CDS, SILENCE).await?;
    client.ack(&route).await?;
    assert_eq!(client.take(CDS).await?.names(), ["c2"]);
    Ok(())
}

#[tokio::test]
async fn rule_39_a_cluster_stays_while_the_route_that_dropped_it_is_refused() -> anyhow::Result<()> {
    let world = World::with(&WORLD).await?;
    let mut client = settled(&world).await?;
    world.apply(&[Step::Remove(CDS, "c1"), Step::Put(RDS, "r", 2)])?;
    let route = client.next(RDS).await?;
    client.nack(&route, "no").await?;
    client.expect_silence(CDS, SILENCE).await?;
    world.apply(&[Step::Put(RDS, "r", 3)])?;
    client.take(RDS).await?;
    assert_eq!(client.take(CDS).await?.removed(), ["c1"]);
    Ok(())
}

#[tokio::test]
async fn rule_40_a_changed_cluster_is_followed_by_its_endpoints_unasked_though_they_did_not_change()
-> anyhow::Result<()> {
    let world = World::with(&WORLD).await?;
    let mut delta = settled(&world).await?;
    world.apply(&[Step::Put(CDS, "c1", 2)])?;
    let cluster = delta.next(CDS).await?;
    let endpoints = delta.take(EDS).await?;
    assert_eq!(endpoints.names(), ["c1"]);
    assert!(cluster.stamp < endpoints.stamp);
    delta.ack(&cluster).await?;
    delta.expect_silence(EDS, SILENCE).await
}

#[tokio::test]
async fn rule_41_a_list_of_endpoints_repeated_after_a_cluster_change_is_answered() -> anyhow::Result<()> {
    let world = World::with(&WORLD).await?;
    let mut client = world.sotw(Service::Aggregated).await?;
    client.subscribe(CDS, &[]).await?;
    client.take(CDS).await?;
    client.subscribe(EDS, &["c1"]).await?;
    client.take(EDS).await?;
    world.apply(&[Step::Put(CDS, "c1", 2)])?;
    let clusters = client.next(CDS).await?;
    client.again(EDS).await?;
    assert_eq!(client.take(EDS).await?.names(), ["c1"]);
    client.ack(&clusters).await?;
    client.expect_silence(EDS, SILENCE).await
}

#[tokio::test]
async fn rule_42_endpoints_asked_for_before_clusters_on_a_new_stream_come_before_and_after() -> anyhow::Result<()> {
    let world = World::with(&WORLD).await?;
    let mut delta = world.delta(Service::Aggregated).await?;
    delta.resume(EDS, &["c1"], &[("c1", "old")]).await?;
    delta.take(EDS).await?;
    delta.resume(CDS, &[], &[("c1", "old")]).await?;
    delta.take(CDS).await?;
    assert_eq!(delta.take(EDS).await?.names(), ["c1"]);
    let mut sotw = world.sotw(Service::Aggregated).await?;
    sotw.resume(EDS, &["c1"], "old").await?;
    sotw.take(EDS).await?;
    sotw.resume(CDS, &[], "old").await?;
    sotw.take(CDS).await?;
    assert_eq!(sotw.take(EDS).await?.names(), ["c1"]);
    Ok(())
}

#[tokio::test]
async fn rule_43_endpoints_that_do_not_exist_are_answered_at_once() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[]).await?;
        let mut delta = world.delta(service).await?;
        delta.subscribe(EDS, &["nobody"]).await?;
        assert_eq!(delta.take(EDS).await?.removed(), ["nobody"]);
        let mut sotw = world.sotw(service).await?;
        sotw.subscribe(EDS, &["nobody"]).await?;
        assert_eq!(sotw.take(EDS).await?.names(), ["nobody"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_44_routes_wait_for_the_endpoints_of_a_changed_cluster_too() -> anyhow::Result<()> {
    let world = World::with(&WORLD).await?;
    let mut client = settled(&world).await?;
    world.apply(&[Step::Put(CDS, "c1", 2), Step::Put(RDS, "r", 2)])?;
    client.take(CDS).await?;
    let endpoints = client.next(EDS).await?;
    client.expect_silence(RDS, SILENCE).await?;
    client.ack(&endpoints).await?;
    client.take(RDS).await?;
    Ok(())
}

#[tokio::test]
async fn rule_45_a_route_that_a_sent_listener_names_is_answered_while_newer_clusters_are_on_their_way()
-> anyhow::Result<()> {
    let world = World::with(&WORLD).await?;
    let mut client = settled(&world).await?;
    world.apply(&[Step::Put(RDS, "s", 1), Step::Put(LDS, "l", 2)])?;
    client.take(LDS).await?;
    world.apply(&[Step::Put(CDS, "c2", 1), Step::Put(RDS, "s", 2)])?;
    let _unanswered = client.next(CDS).await?;
    client.subscribe(RDS, &["s"]).await?;
    assert_eq!(client.take(RDS).await?.names(), ["s"]);
    Ok(())
}

#[tokio::test]
async fn rule_46_a_filter_configuration_is_never_deleted_from_a_client_that_has_it() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let ecds = Kind::ExtensionConfig;
        let world = World::with(&[Step::Put(ecds, "f", 1)]).await?;
        let mut client = world.delta(service).await?;
        client.subscribe(ecds, &["f"]).await?;
        let held = client.take(ecds).await?;
        world.apply(&[Step::Remove(ecds, "f")])?;
        client.expect_silence(ecds, SILENCE).await?;
        let mut back = world.delta(service).await?;
        back.resume(ecds, &["f"], &[("f", held.version("f").unwrap_or_default())]).await?;
        back.expect_silence(ecds, SILENCE).await?;
        world.apply(&[Step::Put(ecds, "f", 2)])?;
        assert_eq!(client.take(ecds).await?.names(), ["f"]);
        assert_eq!(back.take(ecds).await?.names(), ["f"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_48_one_changed_host_is_sent_alone() -> anyhow::Result<()> {
    let world = World::with(&WORLD).await?;
    let mut client = settled(&world).await?;
    world.apply(&[Step::Put(VHDS, "r/a", 2)])?;
    let response = client.take(VHDS).await?;
    assert_eq!((response.names(), response.removed()), (vec!["r/a"], vec![]));
    Ok(())
}

#[tokio::test]
async fn rule_48_a_renamed_host_goes_as_one_response() -> anyhow::Result<()> {
    let world = World::with(&WORLD).await?;
    let mut client = settled(&world).await?;
    world.apply(&[Step::Remove(VHDS, "r/b"), Step::Put(VHDS, "r/c", 1)])?;
    let response = client.take(VHDS).await?;
    assert_eq!((response.names(), response.removed()), (vec!["r/c"], vec!["r/b"]));
    Ok(())
}

#[tokio::test]
async fn rule_48_hosts_of_a_new_route_configuration_follow_it_unasked_and_not_before() -> anyhow::Result<()> {
    let world = World::with(&WORLD).await?;
    let mut client = settled(&world).await?;
    world.apply(&[Step::Put(RDS, "s", 1), Step::Put(VHDS, "s/a", 1), Step::Put(VHDS, "s/b", 1)])?;
    client.expect_silence(VHDS, SILENCE).await?;
    client.subscribe(RDS, &["s"]).await?;
    let route = client.next(RDS).await?;
    let hosts = client.take(VHDS).await?;
    assert_eq!(hosts.names(), ["s/a", "s/b"]);
    assert!(route.stamp < hosts.stamp);
    Ok(())
}

#[tokio::test]
async fn rule_48_a_changed_route_configuration_keeps_its_hosts() -> anyhow::Result<()> {
    let world = World::with(&WORLD).await?;
    let mut client = settled(&world).await?;
    world.apply(&[Step::Put(RDS, "r", 2)])?;
    client.take(RDS).await?;
    client.expect_silence(VHDS, SILENCE).await
}

#[tokio::test]
async fn rule_48_hosts_follow_a_route_configuration_that_comes_back() -> anyhow::Result<()> {
    let world = World::with(&WORLD).await?;
    let mut client = settled(&world).await?;
    client.unsubscribe(RDS, &["r"]).await?;
    client.subscribe(RDS, &["r"]).await?;
    client.take(RDS).await?;
    assert_eq!(client.take(VHDS).await?.names(), ["r/a", "r/b"]);
    Ok(())
}

#[tokio::test]
async fn rule_48_a_client_that_comes_back_with_its_hosts_gets_the_changed_one() -> anyhow::Result<()> {
    let world = World::with(&WORLD).await?;
    let mut before = settled(&world).await?;
    world.apply(&[Step::Put(VHDS, "r/a", 2), Step::Put(VHDS, "r/b", 2), Step::Put(RDS, "r", 2)])?;
    let (route, hosts) = (before.take(RDS).await?, before.take(VHDS).await?);
    let held = |name| hosts.version(name).unwrap_or_default();
    world.apply(&[Step::Put(VHDS, "r/a", 3)])?;
    let mut client = world.delta(Service::Aggregated).await?;
    client.resume(RDS, &["r"], &[("r", route.version("r").unwrap_or_default())]).await?;
    client.resume(VHDS, &[], &[("r/a", held("r/a")), ("r/b", held("r/b"))]).await?;
    assert_eq!(client.take(VHDS).await?.names(), ["r/a"]);
    client.expect_silence(RDS, SILENCE).await
}
