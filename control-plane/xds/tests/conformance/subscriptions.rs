//! Rules 19 to 29: what a client asks for.

use ferro_testkit::ads::DeltaClient;
use ferro_xds_protos::{Kind, envoy::envoy::service::discovery::v3::DeltaDiscoveryRequest};

use crate::world::{SILENCE, Step, World, on_every_service};

const CDS: Kind = Kind::Cluster;
const EDS: Kind = Kind::Endpoint;
const LDS: Kind = Kind::Listener;

fn three(kind: Kind) -> [Step; 3] {
    ["a", "b", "c"].map(|name| Step::Put(kind, name, 1))
}

#[tokio::test]
async fn rule_19_a_first_request_without_names_is_a_wildcard_for_clusters_and_listeners() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[three(CDS), three(LDS)].concat()).await?;
        for kind in [CDS, LDS] {
            let mut delta = world.delta(service).await?;
            delta.subscribe(kind, &[]).await?;
            assert_eq!(delta.take(kind).await?.names(), ["a", "b", "c"]);
            let mut sotw = world.sotw(service).await?;
            sotw.subscribe(kind, &[]).await?;
            assert_eq!(sotw.take(kind).await?.names(), ["a", "b", "c"]);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_19_a_star_is_a_wildcard() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&three(CDS)).await?;
        let mut delta = world.delta(service).await?;
        delta.subscribe(CDS, &["*"]).await?;
        assert_eq!(delta.take(CDS).await?.names(), ["a", "b", "c"]);
        let mut sotw = world.sotw(service).await?;
        sotw.subscribe(CDS, &["*"]).await?;
        assert_eq!(sotw.take(CDS).await?.names(), ["a", "b", "c"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_19_a_first_request_without_names_is_nothing_for_endpoints() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&three(EDS)).await?;
        let mut delta = world.delta(service).await?;
        delta.subscribe(EDS, &[]).await?;
        delta.expect_silence(EDS, SILENCE).await?;
        let mut sotw = world.sotw(service).await?;
        sotw.subscribe(EDS, &[]).await?;
        sotw.expect_silence(EDS, SILENCE).await
    })
    .await
}

#[tokio::test]
async fn rule_20_a_list_goes_from_all_to_all_and_a_to_a_to_none() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&three(CDS)).await?;
        let mut client = world.sotw(service).await?;
        client.subscribe(CDS, &[]).await?;
        assert_eq!(client.take(CDS).await?.names(), ["a", "b", "c"]);
        client.subscribe(CDS, &["*", "a"]).await?;
        assert_eq!(client.take(CDS).await?.names(), ["a", "b", "c"]);
        client.subscribe(CDS, &["a"]).await?;
        world.apply(&[Step::Put(CDS, "b", 2)])?;
        client.expect_silence(CDS, SILENCE).await?;
        world.apply(&[Step::Put(CDS, "a", 2)])?;
        assert_eq!(client.take(CDS).await?.names(), ["a"]);
        client.subscribe(CDS, &[]).await?;
        world.apply(&[Step::Put(CDS, "a", 3), Step::Put(CDS, "b", 3)])?;
        client.expect_silence(CDS, SILENCE).await
    })
    .await
}

#[tokio::test]
async fn rule_21_delta_goes_from_all_to_all_and_a_to_a_to_none() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&three(CDS)).await?;
        let mut client = world.delta(service).await?;
        client.subscribe(CDS, &[]).await?;
        assert_eq!(client.take(CDS).await?.names(), ["a", "b", "c"]);
        client.subscribe(CDS, &["a"]).await?;
        assert_eq!(client.take(CDS).await?.names(), ["a"]);
        world.apply(&[Step::Put(CDS, "b", 2)])?;
        assert_eq!(client.take(CDS).await?.names(), ["b"]);
        client.unsubscribe(CDS, &["*"]).await?;
        world.apply(&[Step::Put(CDS, "b", 3)])?;
        client.expect_silence(CDS, SILENCE).await?;
        world.apply(&[Step::Put(CDS, "a", 2)])?;
        assert_eq!(client.take(CDS).await?.names(), ["a"]);
        client.unsubscribe(CDS, &["a"]).await?;
        world.apply(&[Step::Put(CDS, "a", 3)])?;
        client.expect_silence(CDS, SILENCE).await
    })
    .await
}

#[tokio::test]
async fn rule_22_unsubscribing_a_name_the_wildcard_covers_is_answered_with_it_or_its_absence() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&three(CDS)).await?;
        let mut client = world.delta(service).await?;
        client.subscribe(CDS, &["*", "a", "nobody"]).await?;
        let first = client.take(CDS).await?;
        assert_eq!((first.names(), first.removed()), (vec!["a", "b", "c"], vec!["nobody"]));
        client.unsubscribe(CDS, &["a", "nobody"]).await?;
        let answer = client.take(CDS).await?;
        assert_eq!((answer.names(), answer.removed()), (vec!["a"], vec!["nobody"]));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_23_unsubscribing_is_not_answered_and_unknown_names_are_ignored() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&three(EDS)).await?;
        let mut client = world.delta(service).await?;
        client.subscribe(EDS, &["a"]).await?;
        client.take(EDS).await?;
        client.unsubscribe(EDS, &["b", "nobody"]).await?;
        client.unsubscribe(EDS, &["a"]).await?;
        client.expect_silence(EDS, SILENCE).await
    })
    .await
}

#[tokio::test]
async fn rule_24_a_name_subscribed_again_is_sent_again() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&three(EDS)).await?;
        let mut client = world.delta(service).await?;
        client.subscribe(EDS, &["a", "b"]).await?;
        client.take(EDS).await?;
        client.subscribe(EDS, &["a"]).await?;
        assert_eq!(client.take(EDS).await?.names(), ["a"]);
        client.unsubscribe(EDS, &["b"]).await?;
        client.subscribe(EDS, &["b"]).await?;
        assert_eq!(client.take(EDS).await?.names(), ["b"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_25_an_added_name_is_answered_though_the_version_is_the_same_and_a_dropped_one_is_not()
-> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&three(EDS)).await?;
        let mut client = world.sotw(service).await?;
        client.subscribe(EDS, &["a"]).await?;
        client.take(EDS).await?;
        client.subscribe(EDS, &["a", "b"]).await?;
        assert!(client.take(EDS).await?.names().contains(&"b".to_owned()));
        client.subscribe(EDS, &["b"]).await?;
        client.expect_silence(EDS, SILENCE).await
    })
    .await
}

#[tokio::test]
async fn rule_26_a_wildcard_subscribed_and_unsubscribed_in_the_first_message_is_nothing() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&three(CDS)).await?;
        let mut client = world.delta(service).await?;
        let request = DeltaDiscoveryRequest {
            resource_names_subscribe: vec!["*".to_owned()],
            resource_names_unsubscribe: vec!["*".to_owned()],
            ..Default::default()
        };
        client.send(CDS, request).await?;
        client.expect_silence(CDS, SILENCE).await?;
        client.subscribe(CDS, &["b"]).await?;
        assert_eq!(client.take(CDS).await?.names(), ["b"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_27_delta_says_at_once_that_a_name_is_absent_and_sends_it_when_it_is_made() -> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[]).await?;
        for kind in [EDS, Kind::Route, Kind::Secret, Kind::ExtensionConfig] {
            let mut client = world.delta(service).await?;
            client.subscribe(kind, &["later"]).await?;
            let absent = client.take(kind).await?;
            assert_eq!((absent.names(), absent.removed()), (vec![], vec!["later"]));
            world.apply(&[Step::Put(kind, "later", 1)])?;
            assert_eq!(client.take(kind).await?.names(), ["later"]);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rule_27_state_of_the_world_is_silent_about_absent_names_and_sends_them_when_they_are_made()
-> anyhow::Result<()> {
    on_every_service(async |service| {
        let world = World::with(&[]).await?;
        for kind in [Kind::Route, Kind::Secret, Kind::ExtensionConfig] {
            let mut client = world.sotw(service).await?;
            client.subscribe(kind, &["later"]).await?;
            client.expect_silence(kind, SILENCE).await?;
            world.apply(&[Step::Put(kind, "later", 1)])?;
            assert_eq!(client.take(kind).await?.names(), ["later"]);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_virtual_host_subscription_without_names_is_a_wildcard() -> anyhow::Result<()> {
    let world = World::with(&[Step::Put(Kind::VirtualHost, "r/a", 1)]).await?;
    let mut client = DeltaClient::connect(&world.address, ferro_testkit::ads::Service::SingleType).await?;
    client.subscribe(Kind::VirtualHost, &[]).await?;
    assert_eq!(client.take(Kind::VirtualHost).await?.names(), ["r/a"]);
    Ok(())
}
