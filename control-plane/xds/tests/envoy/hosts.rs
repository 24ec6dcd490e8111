//! Virtual hosts: M15 and rule 48.

use std::time::Duration;

use ferro_testkit::envoy::{Backend, Bootstrap, Envoy, XdsVariant, free_port, request};
use ferro_xds::{Limits, What};
use ferro_xds_protos::Kind;

use crate::{
    proxy::Proxy,
    resources::{cluster, endpoints, gone, listener, route_with_vhds, virtual_host},
    rig::{PROMPT, Rig},
};

/// A rig that serves `a.test` by VHDS, beside many hosts nobody asks for.
async fn rig(backend: &Backend) -> anyhow::Result<Rig> {
    let rig = Rig::start(Limits::default(), []).await?;
    rig.view.apply([
        cluster("c1", 1),
        endpoints("c1", &[backend.address()]),
        listener("l", rig.port, "r"),
        route_with_vhds("r", 1),
        virtual_host("r", "a", "a.test", "c1"),
    ]);
    rig.view.apply((0..1000).map(|index| virtual_host("r", &format!("h{index}"), &format!("h{index}.test"), "c1")));
    Ok(rig)
}

/// The rig, and an Envoy that serves by it.
async fn start(backend: &Backend) -> anyhow::Result<(Rig, Envoy)> {
    let rig = rig(backend).await?;
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
    let sent = |what: &What| matches!(what, What::Sent { kind: Kind::VirtualHost, .. });
    let (sent, _) = rig.next_event("a sent host", sent).await?;
    let What::Sent { bytes, items, .. } = sent else { anyhow::bail!("not a sent host") };
    assert_eq!(items.iter().map(|item| &*item.name).collect::<Vec<_>>(), ["r/h7"]);
    assert!(bytes < 1000, "{bytes} bytes");
    until_host(&rig, "renamed.test", 200).await
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
    let port = free_port()?;
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
async fn m15_hosts_survive_the_loss_of_the_stream_and_change_on_the_next() -> anyhow::Result<()> {
    let backend = Backend::start("one").await?;
    let mut rig = rig(&backend).await?;
    let proxy = Proxy::start(&rig.address).await?;
    let _envoy = Envoy::start(&Bootstrap::new(proxy.address().clone(), XdsVariant::Delta)).await?;
    until_host(&rig, "a.test", 200).await?;
    rig.history();
    proxy.cut();
    rig.next_event("end of the stream", |what| matches!(what, What::Closed { .. })).await?;
    assert_eq!(request(rig.traffic(), "a.test", "/").await?.status, 200);
    rig.view.apply([virtual_host("r", "h7", "renamed.test", "c1")]);
    until_host(&rig, "renamed.test", 200).await?;
    let sent = rig.history().into_iter().filter_map(|what| match what {
        What::Sent { items, .. } => Some(items.len()),
        _ => None,
    });
    assert_eq!(sent.sum::<usize>(), 1, "only the changed host is sent on the new stream");
    assert_eq!(request(rig.traffic(), "a.test", "/").await?.status, 200);
    Ok(())
}
