//! How Envoy starts: M1, M2, and a runtime layer.

use ferro_testkit::envoy::{Backend, Bootstrap, Envoy, XdsVariant};
use ferro_xds::{Limits, What};
use ferro_xds_protos::Kind;

use crate::{
    resources::{cluster, listener, route},
    rig::{PROMPT, Rig, VARIANTS},
};

#[tokio::test]
async fn m1_envoy_asks_for_endpoints_before_it_accepts_clusters_and_for_listeners_after() -> anyhow::Result<()> {
    let backend = Backend::start("one").await?;
    let mut rig = Rig::with_backend(&backend).await?;
    let _envoy = rig.serving_envoy(XdsVariant::Delta).await?;
    let history = rig.history();
    let at = |wanted: &dyn Fn(&What) -> bool| history.iter().position(wanted);
    let asked = |kind: Kind| at(&|what| matches!(what, What::Subscribed { kind: found, .. } if *found == kind));
    let accepted = at(&|what| matches!(what, What::Acked { kind: Kind::Cluster, .. }));
    assert!(asked(Kind::Cluster) < asked(Kind::Endpoint), "{history:?}");
    assert!(asked(Kind::Endpoint) < accepted, "{history:?}");
    assert!(accepted < asked(Kind::Listener), "{history:?}");
    assert!(asked(Kind::Listener) < asked(Kind::Route), "{history:?}");
    Ok(())
}

#[tokio::test]
async fn m2_a_cluster_whose_endpoints_do_not_exist_does_not_hold_the_start_up() -> anyhow::Result<()> {
    for variant in VARIANTS {
        let rig = Rig::start(Limits::default(), []).await?;
        rig.view.apply([cluster("c1", 1), listener("l", rig.port, "r"), route("r", "c1")]);
        let envoy = rig.envoy(variant).await?;
        let took = envoy.until_serves(rig.traffic(), "/", 503).await?;
        assert!(took < PROMPT, "{variant:?}: {took:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_runtime_layer_that_does_not_exist_is_answered_empty_and_listeners_open() -> anyhow::Result<()> {
    for variant in VARIANTS {
        let backend = Backend::start("one").await?;
        let rig = Rig::with_backend(&backend).await?;
        let mut bootstrap = Bootstrap::new(rig.address.clone(), variant);
        bootstrap.runtime_layer = Some("ferro-faults".to_owned());
        let envoy = Envoy::start(&bootstrap).await?;
        let took = envoy.until_serves(rig.traffic(), "/", 200).await?;
        assert!(took < PROMPT, "{variant:?}: {took:?}");
    }
    Ok(())
}
