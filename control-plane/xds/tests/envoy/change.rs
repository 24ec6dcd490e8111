//! Changes under way: M3, M7, M8, M11.

use std::time::Duration;

use anyhow::Context;
use ferro_testkit::envoy::{Backend, Bootstrap, Envoy, XdsVariant, get};
use ferro_xds::What;
use ferro_xds_protos::Kind;

use crate::{
    load::Load,
    proxy::Proxy,
    resources::{cluster, endpoints, gone, route},
    rig::{PROMPT, Rig, VARIANTS},
};

#[tokio::test]
async fn m3_a_changed_cluster_is_warm_at_once_because_its_endpoints_follow() -> anyhow::Result<()> {
    for variant in VARIANTS {
        let backend = Backend::start("one").await?;
        let mut rig = Rig::with_backend(&backend).await?;
        let envoy = rig.serving_envoy(variant).await?;
        rig.history();
        rig.view.apply([cluster("c1", 2)]);
        let took = rig.accepted(Kind::Cluster, "c1").await?;
        assert!(took < PROMPT, "{variant:?}: {took:?}");
        envoy.until_stat("cluster_manager.warming_clusters", |warming| warming == 0).await?;
        assert_eq!(get(rig.traffic(), "/").await?.status, 200);
    }
    Ok(())
}

#[tokio::test]
async fn m7_a_removed_cluster_answers_503_and_removed_endpoints_and_routes_stay_in_use() -> anyhow::Result<()> {
    let backend = Backend::start("one").await?;
    let mut rig = Rig::with_backend(&backend).await?;
    let envoy = rig.serving_envoy(XdsVariant::Delta).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    rig.view.apply([gone(Kind::Endpoint, "c1"), gone(Kind::Route, "r")]);
    rig.accepted(Kind::Route, "r").await?;
    assert_eq!(get(rig.traffic(), "/").await?.status, 200);
    rig.view.apply([gone(Kind::Cluster, "c1")]);
    envoy.until_serves(rig.traffic(), "/", 503).await?;
    Ok(())
}

#[tokio::test]
async fn m8_switching_routes_between_clusters_under_load_fails_no_request() -> anyhow::Result<()> {
    for variant in VARIANTS {
        let (one, two) = (Backend::start("one").await?, Backend::start("two").await?);
        let mut rig = Rig::with_backend(&one).await?;
        let _envoy = rig.serving_envoy(variant).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let load = Load::start(rig.traffic());
        let names = ["c1", "c2"];
        for turn in 1..=50 {
            let (old, new) = (names[(turn - 1) % 2], names[turn % 2]);
            let backend = if turn % 2 == 0 { &one } else { &two };
            rig.view.apply([
                cluster(new, 1),
                endpoints(new, &[backend.address()]),
                route("r", new),
                gone(Kind::Cluster, old),
                gone(Kind::Endpoint, old),
            ]);
            rig.accepted(Kind::Route, "r").await?;
            rig.accepted(Kind::Cluster, old).await.with_context(|| format!("{variant:?}, turn {turn}"))?;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (sent, failed) = load.stop().await;
        assert_eq!(failed, 0, "{variant:?}: {failed} of {sent} requests failed");
        assert!(sent > 100 && one.served() > 0 && two.served() > 0, "{variant:?}: {sent} requests");
    }
    Ok(())
}

#[tokio::test]
async fn m11_an_envoy_that_comes_back_is_sent_what_changed_and_nothing_else() -> anyhow::Result<()> {
    let backend = Backend::start("one").await?;
    let mut rig = Rig::with_backend(&backend).await?;
    rig.view.apply([cluster("c2", 1), endpoints("c2", &[backend.address()])]);
    let proxy = Proxy::start(&rig.address).await?;
    let envoy = Envoy::start(&Bootstrap::new(proxy.address().clone(), XdsVariant::Delta)).await?;
    envoy.until_serves(rig.traffic(), "/", 200).await?;
    rig.history();
    proxy.cut();
    rig.next_event("end of the stream", |what| matches!(what, What::Closed { .. })).await?;
    rig.view.apply([endpoints("c2", &[])]);
    rig.accepted(Kind::Endpoint, "c2").await?;
    let sent: Vec<_> = rig.history().into_iter().filter(|what| matches!(what, What::Sent { .. })).collect();
    assert!(sent.is_empty(), "{sent:?}");
    assert_eq!(get(rig.traffic(), "/").await?.status, 200);
    Ok(())
}
