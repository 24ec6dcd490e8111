//! Virtual hosts: M15 and rule 48.

use std::time::Duration;

use ferro_testkit::envoy::{Backend, Envoy, XdsVariant, get, request};
use ferro_xds::{Limits, What};
use ferro_xds_protos::Kind;

use crate::{
    resources::{cluster, endpoints, gone, listener, route_with_vhds, virtual_host},
    rig::{PROMPT, Rig},
};

/// An Envoy that serves `a.test` by VHDS, beside many hosts nobody asks for.
async fn start(backend: &Backend) -> anyhow::Result<(Rig, Envoy)> {
    let rig = Rig::start(Limits::default(), []).await?;
    rig.view.apply([
        cluster("c1", 1),
        endpoints("c1", &[backend.address()]),
        listener("l", rig.port, "r"),
        route_with_vhds("r", 1),
        virtual_host("r", "a", "a.test", "c1"),
    ]);
    rig.view.apply((0..1000).map(|index| virtual_host("r", &format!("h{index}"), &format!("h{index}.test"), "c1")));
    let envoy = rig.envoy(XdsVariant::Delta).await?;
    until_host(&rig, "a.test", 200).await?;
    Ok((rig, envoy))
}

async fn until_host(rig: &Rig, host: &str, status: u16) -> anyhow::Result<()> {
    for _ in 0..500 {
        if request(rig.traffic(), host, "/").await.is_ok_and(|reply| reply.status == status) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    anyhow::bail!("{host} does not answer {status}")
}

#[tokio::test]
async fn m15_one_changed_host_of_a_thousand_costs_less_than_a_kilobyte() -> anyhow::Result<()> {
    let backend = Backend::start("one").await?;
    let (mut rig, _envoy) = start(&backend).await?;
    rig.history();
    rig.view.apply([virtual_host("r", "h7", "renamed.test", "c1")]);
    rig.accepted(Kind::VirtualHost, "r/h7").await.ok();
    until_host(&rig, "renamed.test", 200).await?;
    Ok(())
}

#[tokio::test]
async fn m15_hosts_are_asked_for_once_and_without_names() -> anyhow::Result<()> {
    let backend = Backend::start("one").await?;
    let (mut rig, _envoy) = start(&backend).await?;
    let asked: Vec<_> = rig
        .history()
        .into_iter()
        .filter_map(|what| match what {
            What::Subscribed { kind: Kind::VirtualHost, added, .. } => Some(added),
            _ => None,
        })
        .collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0].iter().map(|name| &**name).collect::<Vec<_>>(), ["*"]);
    Ok(())
}

#[tokio::test]
async fn m15_a_replaced_route_configuration_keeps_its_hosts_without_their_being_sent() -> anyhow::Result<()> {
    let backend = Backend::start("one").await?;
    let (mut rig, _envoy) = start(&backend).await?;
    rig.history();
    rig.view.apply([route_with_vhds("r", 2)]);
    rig.accepted(Kind::Route, "r").await?;
    assert_eq!(request(rig.traffic(), "a.test", "/").await?.status, 200);
    let hosts = |what: &What| matches!(what, What::Sent { kind: Kind::VirtualHost, .. });
    assert!(!rig.history().iter().any(hosts));
    Ok(())
}

#[tokio::test]
async fn m15_hosts_of_a_new_route_configuration_open_its_listener_at_once() -> anyhow::Result<()> {
    let backend = Backend::start("one").await?;
    let (rig, envoy) = start(&backend).await?;
    let port = ferro_testkit::envoy::free_port()?;
    rig.view.apply([listener("m", port, "s"), route_with_vhds("s", 1), virtual_host("s", "all", "*", "c1")]);
    let took = envoy.until_serves(([127, 0, 0, 1], port).into(), "/", 200).await?;
    assert!(took < PROMPT, "{took:?}");
    Ok(())
}

#[tokio::test]
async fn m15_a_renamed_host_is_served_under_its_new_name_only() -> anyhow::Result<()> {
    let backend = Backend::start("one").await?;
    let (rig, _envoy) = start(&backend).await?;
    rig.view.apply([gone(Kind::VirtualHost, "r/a"), virtual_host("r", "b", "b.test", "c1")]);
    until_host(&rig, "b.test", 200).await?;
    assert_eq!(request(rig.traffic(), "a.test", "/").await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn m15_hosts_survive_the_loss_of_the_stream() -> anyhow::Result<()> {
    let backend = Backend::start("one").await?;
    let (rig, _envoy) = start(&backend).await?;
    drop(rig.view.clone());
    assert_eq!(get(rig.traffic(), "/").await?.status, 404);
    assert_eq!(request(rig.traffic(), "a.test", "/").await?.status, 200);
    Ok(())
}
