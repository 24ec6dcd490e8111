//! Changes under way: M3, M7, M8, M11.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use ferro_testkit::envoy::{Backend, XdsVariant, get};
use ferro_xds::{Limits, What};
use ferro_xds_protos::Kind;

use crate::{
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
    let limits = Limits { drain: Duration::ZERO, ..Limits::default() };
    let mut rig = Rig::start(limits, []).await?;
    let backends = [backend.address()];
    let port = rig.port;
    rig.view.apply([
        cluster("c1", 1),
        cluster("c2", 1),
        endpoints("c1", &backends),
        endpoints("c2", &backends),
        crate::resources::listener("l", port, "r"),
        route("r", "c1"),
    ]);
    let proxy = Proxy::start(&rig.address).await?;
    let mut bootstrap = ferro_testkit::envoy::Bootstrap::new(proxy.address.clone(), XdsVariant::Delta);
    bootstrap.node.push('1');
    let envoy = ferro_testkit::envoy::Envoy::start(&bootstrap).await?;
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

/// Requests one after the other, on connections of their own, until stopped.
struct Load {
    stop: Arc<AtomicBool>,
    failed: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<u64>,
}

impl Load {
    fn start(address: std::net::SocketAddr) -> Self {
        let (stop, failed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, failures) = (Arc::clone(&stop), Arc::clone(&failed));
        let task = tokio::spawn(async move {
            let mut sent = 0;
            while !stopped.load(Ordering::Relaxed) {
                let status = get(address, "/").await.map(|reply| reply.status);
                failures.fetch_add(u64::from(!matches!(status, Ok(200))), Ordering::Relaxed);
                sent += 1;
            }
            sent
        });
        Self { stop, failed, task }
    }

    async fn stop(self) -> (u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        let sent = self.task.await.unwrap_or_default();
        (sent, self.failed.load(Ordering::Relaxed))
    }
}

/// A TCP relay whose connections can be cut.
struct Proxy {
    address: ferro_testkit::ads::Address,
    cut: tokio::sync::watch::Sender<u64>,
}

impl Proxy {
    async fn start(to: &ferro_testkit::ads::Address) -> anyhow::Result<Self> {
        let ferro_testkit::ads::Address::Tcp(upstream) = to.clone() else { anyhow::bail!("not a TCP address") };
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = ferro_testkit::ads::Address::Tcp(listener.local_addr()?.to_string());
        let cut = tokio::sync::watch::Sender::new(0);
        let cuts = cut.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (upstream, mut cut) = (upstream.clone(), cuts.subscribe());
                tokio::spawn(async move {
                    let Ok(mut server) = tokio::net::TcpStream::connect(upstream).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Ok(Self { address, cut })
    }

    fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }
}
