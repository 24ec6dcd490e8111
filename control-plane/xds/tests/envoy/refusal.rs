//! What Envoy refuses, and how: M4, M5, rules 13, 16, 17.

use std::time::Duration;

use ferro_testkit::envoy::{Backend, Bootstrap, Envoy, XdsVariant, get};
use ferro_xds::{Limits, What};
use ferro_xds_protos::Kind;

use crate::{
    proxy::Proxy,
    resources::{cluster, endpoints, gone, impossible_cluster, listener, malformed_cluster, route},
    rig::{PROMPT, Rig, VARIANTS},
};

#[tokio::test]
async fn m4_a_malformed_cluster_takes_none_of_its_neighbours_down() -> anyhow::Result<()> {
    let backend = Backend::start("one").await?;
    let mut rig = Rig::with_backend(&backend).await?;
    rig.view.apply([malformed_cluster("bad"), cluster("c2", 1), endpoints("c2", &[backend.address()])]);
    let envoy = rig.envoy(XdsVariant::Delta).await?;
    let took = envoy.until_serves(rig.traffic(), "/", 200).await?;
    assert!(took < PROMPT, "{took:?}");
    let refused = |what: &What| matches!(what, What::Nacked { held_back, .. } if !held_back.is_empty());
    let history = rig.history();
    let Some(What::Nacked { held_back, status, .. }) = history.iter().find(|what| refused(what)) else {
        anyhow::bail!("nothing was held back: {history:?}")
    };
    assert_eq!(held_back.iter().map(|name| &**name).collect::<Vec<_>>(), ["bad"], "{}", status.message);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!rig.history().iter().any(|what| matches!(what, What::Nacked { .. })), "it was sent again");
    Ok(())
}

#[tokio::test]
async fn m4_a_refused_list_is_not_repeated_and_the_repaired_one_is_taken() -> anyhow::Result<()> {
    let backend = Backend::start("one").await?;
    let mut rig = Rig::with_backend(&backend).await?;
    let envoy = rig.serving_envoy(XdsVariant::Sotw).await?;
    rig.history();
    rig.view.apply([malformed_cluster("bad")]);
    rig.next_event("refusal", |what| matches!(what, What::Nacked { .. })).await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!rig.history().iter().any(|what| matches!(what, What::Nacked { .. })), "it was sent again");
    rig.view.apply([cluster("bad", 1)]);
    rig.accepted(Kind::Cluster, "bad").await?;
    envoy.until_stat("cluster_manager.warming_clusters", |warming| warming == 0).await?;
    Ok(())
}

#[tokio::test]
async fn m5_a_cluster_refused_silently_is_taken_back_and_its_neighbour_stays() -> anyhow::Result<()> {
    let backend = Backend::start("one").await?;
    let limits = Limits { suspect_after: Duration::from_secs(2), ..Limits::default() };
    let mut rig = Rig::start(limits, []).await?;
    let backends = [backend.address()];
    let port = rig.port;
    rig.view.apply([cluster("c1", 1), endpoints("c1", &backends), listener("l", port, "r"), route("r", "c1")]);
    let envoy = rig.serving_envoy(XdsVariant::Delta).await?;
    rig.history();
    rig.view.apply([
        impossible_cluster("bad"),
        endpoints("bad", &backends),
        cluster("c2", 1),
        endpoints("c2", &backends),
    ]);
    // Envoy says nothing until the names are taken back (rule 16). Then it says which was bad, and the other comes back.
    let suspected = rig.next_event("suspicion", |what| matches!(what, What::Suspected { .. })).await?.0;
    let What::Suspected { items, .. } = suspected else { anyhow::bail!("not a suspicion") };
    assert_eq!(items.iter().map(|item| &*item.name).collect::<Vec<_>>(), ["bad", "c2"]);
    let refused = rig.next_event("late refusal", |what| matches!(what, What::Nacked { .. })).await?.0;
    let What::Nacked { held_back, .. } = refused else { anyhow::bail!("not a refusal") };
    assert_eq!(held_back.iter().map(|name| &**name).collect::<Vec<_>>(), ["bad"]);
    rig.accepted(Kind::Cluster, "c2").await?;
    rig.view.apply([route("r", "c2")]);
    rig.accepted(Kind::Route, "r").await?;
    envoy.until_serves(rig.traffic(), "/", 200).await?;
    envoy.until_stat("cluster_manager.warming_clusters", |warming| warming == 0).await?;
    rig.view.apply([cluster("bad", 1)]);
    rig.accepted(Kind::Cluster, "bad").await?;
    Ok(())
}

#[tokio::test]
async fn m5_an_impossible_update_beside_a_new_cluster_is_undone_and_serves_as_before() -> anyhow::Result<()> {
    let backend = Backend::start("one").await?;
    let limits = Limits { suspect_after: Duration::from_secs(2), ..Limits::default() };
    let mut rig = Rig::start(limits, []).await?;
    let backends = [backend.address()];
    let port = rig.port;
    rig.view.apply([cluster("c1", 1), endpoints("c1", &backends), listener("l", port, "r"), route("r", "c1")]);
    let envoy = rig.serving_envoy(XdsVariant::Delta).await?;
    rig.history();
    rig.view.apply([impossible_cluster("c1"), cluster("c2", 1), endpoints("c2", &backends)]);
    rig.next_event("suspicion", |what| matches!(what, What::Suspected { .. })).await?;
    envoy.until_serves(rig.traffic(), "/", 200).await?;
    rig.accepted(Kind::Cluster, "c2").await?;
    rig.view.apply([route("r", "c2")]);
    rig.accepted(Kind::Route, "r").await?;
    envoy.until_serves(rig.traffic(), "/", 200).await?;
    envoy.until_stat("cluster_manager.warming_clusters", |warming| warming == 0).await?;
    rig.view.apply([cluster("c1", 2)]);
    rig.accepted(Kind::Cluster, "c1").await?;
    Ok(())
}

#[tokio::test]
async fn m5_an_envoy_that_comes_back_without_asking_for_clusters_is_freed_unasked() -> anyhow::Result<()> {
    let backend = Backend::start("one").await?;
    let limits =
        Limits { suspect_after: Duration::from_secs(60), silent_cds: Duration::from_secs(1), ..Limits::default() };
    let mut rig = Rig::start(limits, []).await?;
    let backends = [backend.address()];
    rig.view.apply([cluster("c1", 1), endpoints("c1", &backends), listener("l", rig.port, "r"), route("r", "c1")]);
    let proxy = Proxy::start(&rig.address).await?;
    let envoy = Envoy::start(&Bootstrap::new(proxy.address().clone(), XdsVariant::Delta)).await?;
    envoy.until_serves(rig.traffic(), "/", 200).await?;
    rig.history();
    rig.view.apply([
        impossible_cluster("bad"),
        endpoints("bad", &backends),
        cluster("c2", 1),
        endpoints("c2", &backends),
    ]);
    rig.accepted(Kind::Endpoint, "c2").await?;
    proxy.cut();
    rig.next_event("suspicion", |what| matches!(what, What::Suspected { .. })).await?;
    rig.accepted(Kind::Cluster, "c2").await?;
    rig.view.apply([cluster("c3", 1), endpoints("c3", &backends), route("r", "c3")]);
    rig.accepted(Kind::Cluster, "c3").await?;
    rig.accepted(Kind::Route, "r").await?;
    envoy.until_serves(rig.traffic(), "/", 200).await?;
    Ok(())
}

#[tokio::test]
async fn m5_a_cluster_refused_alone_does_not_hold_the_next_one_up() -> anyhow::Result<()> {
    for variant in VARIANTS {
        let backend = Backend::start("one").await?;
        let mut rig = Rig::with_backend(&backend).await?;
        let _envoy = rig.serving_envoy(variant).await?;
        rig.history();
        rig.view.apply([impossible_cluster("bad")]);
        rig.next_event("refusal", |what| matches!(what, What::Nacked { .. })).await?;
        rig.view.apply([cluster("c2", 1), endpoints("c2", &[backend.address()])]);
        let took = rig.accepted(Kind::Cluster, "c2").await?;
        assert!(took < PROMPT, "{variant:?}: {took:?}");
        rig.view.apply([impossible_cluster("worse")]);
        rig.next_event("refusal", |what| matches!(what, What::Nacked { .. })).await?;
        rig.view.apply([gone(Kind::Cluster, "worse")]);
        rig.view.apply([cluster("c3", 1), endpoints("c3", &[backend.address()])]);
        let took = rig.accepted(Kind::Cluster, "c3").await?;
        assert!(took < PROMPT, "{variant:?}, after its removal: {took:?}");
    }
    Ok(())
}

#[tokio::test]
async fn m5_an_update_refused_alone_does_not_hold_the_next_cluster_up() -> anyhow::Result<()> {
    for variant in VARIANTS {
        let backend = Backend::start("one").await?;
        let mut rig = Rig::with_backend(&backend).await?;
        let _envoy = rig.serving_envoy(variant).await?;
        rig.history();
        rig.view.apply([impossible_cluster("c1")]);
        rig.next_event("refusal", |what| matches!(what, What::Nacked { .. })).await?;
        assert_eq!(get(rig.traffic(), "/").await?.status, 200);
        rig.view.apply([cluster("c2", 1), endpoints("c2", &[backend.address()])]);
        let took = rig.accepted(Kind::Cluster, "c2").await?;
        assert!(took < PROMPT, "{variant:?}: {took:?}");
        assert_eq!(get(rig.traffic(), "/").await?.status, 200);
    }
    Ok(())
}

#[tokio::test]
async fn a_refused_route_keeps_the_last_good_one_serving() -> anyhow::Result<()> {
    for variant in VARIANTS {
        let backend = Backend::start("one").await?;
        let mut rig = Rig::with_backend(&backend).await?;
        let _envoy = rig.serving_envoy(variant).await?;
        rig.history();
        rig.view.apply([route("r", "")]);
        rig.next_event("refusal", |what| matches!(what, What::Nacked { kind: Kind::Route, .. })).await?;
        assert_eq!(get(rig.traffic(), "/").await?.status, 200);
        rig.view.apply([cluster("c2", 1), endpoints("c2", &[backend.address()])]);
        rig.accepted(Kind::Cluster, "c2").await?;
    }
    Ok(())
}
