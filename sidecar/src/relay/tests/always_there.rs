//! What Envoy notices of a ferrod, an Envoy and an agent that come and go: nothing.

use std::{path::Path, time::Duration};

use ferro_xds::{What, client::ClientEvent};
use ferro_xds_protos::{Kind, envoy::google::protobuf::value::Kind as ValueKind, node::FERRO_CACHE_AGE};
use tokio::time::{Instant, sleep, timeout};

use super::{Agent, CLUSTERS_AND_LISTENERS, Envoy, Ferrod, LONG, SHORT, folder, key};

fn mesh(ferrod: &Ferrod) {
    for (kind, name) in [(Kind::Cluster, "a"), (Kind::Cluster, "b"), (Kind::Listener, "l")] {
        ferrod.put(kind, name, "v1");
    }
}

/// Everything runs, Envoy has accepted all, and the file is written.
async fn settled(folder: &Path) -> (Ferrod, Agent, Envoy) {
    let ferrod = Ferrod::started(folder);
    mesh(&ferrod);
    let agent = Agent::start(folder);
    let mut envoy = Envoy::start(folder, &CLUSTERS_AND_LISTENERS);
    envoy.accepts_all(&[Kind::Cluster, Kind::Listener]).await;
    agent.saved().await;
    (ferrod, agent, envoy)
}

#[tokio::test]
async fn a_ferrod_that_dies_and_returns_with_less_takes_away_only_that() {
    let folder = folder();
    let (mut ferrod, agent, mut envoy) = settled(folder.path()).await;
    ferrod.kill();
    agent.disconnected().await;
    ferrod.remove(Kind::Cluster, "b");
    envoy.hears_nothing().await;
    ferrod.forget_what_was_seen();
    ferrod.start();
    assert_eq!(envoy.accepts().await, (Kind::Cluster, vec![], vec!["b".into()]));
    let claims = ferrod.sees(|what| match what {
        What::Subscribed { kind: Kind::Cluster, initial: Some(initial), .. } => Some(initial.clone()),
        _ => None,
    });
    let expected = [("a".into(), "v1".into()), ("b".into(), "v1".into())];
    assert_eq!(*claims.await, expected.into_iter().collect());
    envoy.hears_nothing().await;
}

#[tokio::test]
async fn a_ferrod_restarted_in_mid_response_completes_it() {
    let folder = folder();
    let mut ferrod = Ferrod::new(folder.path());
    // Every resource is a response of its own.
    ferrod.limits.response_bytes = 1;
    for number in 0..5 {
        ferrod.put(Kind::Cluster, &number.to_string(), "v1");
    }
    ferrod.start();
    let agent = Agent::start(folder.path());
    let mut envoy = Envoy::start(folder.path(), &CLUSTERS_AND_LISTENERS);
    assert_eq!(envoy.accepts().await.1.len(), 1);
    let under_way = envoy.receives().await;
    ferrod.kill();
    agent.disconnected().await;
    envoy.handle.update(|session| session.ack(under_way.kind, &under_way.nonce));
    ferrod.remove(Kind::Cluster, "0");
    ferrod.start();
    while envoy.holds(Kind::Cluster) != ["1", "2", "3", "4"] {
        envoy.accepts().await;
    }
}

#[tokio::test]
async fn an_envoy_restarted_while_ferrod_is_away_is_served_at_once() {
    let folder = folder();
    let (mut ferrod, agent, envoy) = settled(folder.path()).await;
    ferrod.kill();
    agent.disconnected().await;
    envoy.kill(&agent).await;
    let started = Instant::now();
    let mut envoy = Envoy::start(folder.path(), &CLUSTERS_AND_LISTENERS);
    let served = envoy.accepts_all(&[Kind::Cluster, Kind::Listener]).await;
    assert!(started.elapsed() < SHORT, "{:?}", started.elapsed());
    assert_eq!(served[0].1, ["a@v1", "b@v1"]);
    assert_eq!(served[1].1, ["l@v1"]);
    assert!(agent.status.read().cache.serving_age_seconds.is_some());
    ferrod.put(Kind::Cluster, "a", "v2");
    ferrod.remove(Kind::Cluster, "b");
    ferrod.start();
    while envoy.holds(Kind::Cluster) != ["a"] {
        envoy.accepts().await;
    }
    agent.until("served by ferrod", |status| status.cache.serving_age_seconds.is_none()).await;
}

#[tokio::test]
async fn ferrod_is_told_how_old_the_cache_is_that_envoy_runs_with_and_no_longer_when_it_does_not() {
    let folder = folder();
    let (mut ferrod, agent, envoy) = settled(folder.path()).await;
    let age = |ferrod: &Ferrod| {
        let opened = ferrod.seen().into_iter().rev().find_map(|what| match what {
            What::Opened { node, .. } => Some(node),
            _ => None,
        });
        let age = opened?.metadata.as_ref()?.fields.get(FERRO_CACHE_AGE)?.kind.clone()?;
        Some(age)
    };
    let is_opened = |what: &What| matches!(what, What::Opened { .. }).then_some(());
    assert_eq!(age(&ferrod), None, "nothing comes from a cache");
    ferrod.kill();
    agent.disconnected().await;
    envoy.kill(&agent).await;
    let mut envoy = Envoy::start(folder.path(), &CLUSTERS_AND_LISTENERS);
    envoy.accepts_all(&[Kind::Cluster, Kind::Listener]).await;
    // Long enough to be counted in seconds.
    sleep(Duration::from_millis(1_100)).await;
    ferrod.forget_what_was_seen();
    ferrod.start();
    ferrod.sees(is_opened).await;
    let Some(ValueKind::NumberValue(seconds)) = age(&ferrod) else { panic!("no age: {:?}", ferrod.seen()) };
    assert!((1.0..60.0).contains(&seconds), "{seconds}");

    agent.until("served by ferrod", |status| status.cache.serving_age_seconds.is_none()).await;
    ferrod.kill();
    agent.disconnected().await;
    ferrod.forget_what_was_seen();
    ferrod.start();
    ferrod.sees(is_opened).await;
    assert_eq!(age(&ferrod), None);
    drop(envoy);
}

#[tokio::test]
async fn an_envoy_restarted_beside_a_living_ferrod_gets_the_newest() {
    let folder = folder();
    let (ferrod, agent, envoy) = settled(folder.path()).await;
    envoy.kill(&agent).await;
    ferrod.put(Kind::Cluster, "a", "v2");
    ferrod.remove(Kind::Cluster, "b");
    let mut envoy = Envoy::start(folder.path(), &CLUSTERS_AND_LISTENERS);
    // ferrod removes last, and only what Envoy was said to hold.
    while envoy.holds(Kind::Cluster) != ["a"] || envoy.holds(Kind::Listener) != ["l"] {
        envoy.accepts().await;
    }
    assert_eq!(agent.status.read().cache.fills, 0);
}

#[tokio::test]
async fn agent_and_envoy_restarted_while_ferrod_is_away_serve_from_the_file_and_catch_up_later() {
    let folder = folder();
    let (mut ferrod, agent, envoy) = settled(folder.path()).await;
    ferrod.kill();
    drop(envoy);
    let agent = agent.restart().await;
    let mut envoy = Envoy::start(folder.path(), &CLUSTERS_AND_LISTENERS);
    let served = envoy.accepts_all(&[Kind::Cluster, Kind::Listener]).await;
    assert_eq!(served[0].1, ["a@v1", "b@v1"]);
    assert_eq!(served[1].1, ["l@v1"]);
    ferrod.remove(Kind::Cluster, "b");
    ferrod.start();
    assert_eq!(envoy.accepts().await, (Kind::Cluster, vec![], vec!["b".into()]));
    agent.connected().await;
}

#[tokio::test]
async fn ferrod_is_given_time_before_the_file_is_used() {
    let folder = folder();
    let (ferrod, agent, envoy) = settled(folder.path()).await;
    drop(envoy);
    ferrod.remove(Kind::Cluster, "b");
    let agent = agent.restart().await;
    let mut envoy = Envoy::start(folder.path(), &CLUSTERS_AND_LISTENERS);
    let served = envoy.accepts_all(&[Kind::Cluster, Kind::Listener]).await;
    assert_eq!(served[0].1, ["a@v1"]);
    assert_eq!(agent.status.read().cache.fills, 0);
}

#[tokio::test]
async fn a_damaged_file_is_reported_and_not_served() {
    let folder = folder();
    let (mut ferrod, agent, envoy) = settled(folder.path()).await;
    ferrod.kill();
    drop(envoy);
    let path = folder.path().join("lkg");
    let mut file = std::fs::read(&path).expect("the file");
    file.pop();
    std::fs::write(&path, file).expect("a shorter file");
    let agent = agent.restart().await;
    assert!(agent.status.read().cache.discarded.is_some_and(|reason| reason.contains("damaged")));
    serves_only_what_ferrod_says(folder.path(), ferrod).await;
}

#[tokio::test]
async fn the_file_of_another_identity_is_not_served() {
    let folder = folder();
    let (mut ferrod, agent, envoy) = settled(folder.path()).await;
    ferrod.kill();
    drop((envoy, agent));
    let agent = Agent::start_as(folder.path(), key("order"));
    assert!(agent.status.read().cache.discarded.is_some_and(|reason| reason.contains("identity")));
    serves_only_what_ferrod_says(folder.path(), ferrod).await;
}

async fn serves_only_what_ferrod_says(folder: &Path, mut ferrod: Ferrod) {
    let mut envoy = Envoy::start(folder, &CLUSTERS_AND_LISTENERS);
    let connected = timeout(LONG, envoy.events.recv()).await;
    assert!(matches!(connected, Ok(Some(ClientEvent::Connected))), "{connected:?}");
    sleep(SHORT).await;
    envoy.hears_nothing().await;
    ferrod.start();
    assert_eq!(envoy.accepts().await.1, ["a@v1", "b@v1"]);
}

#[tokio::test]
async fn refused_content_is_not_what_the_next_envoy_gets() {
    let folder = folder();
    let (mut ferrod, agent, mut envoy) = settled(folder.path()).await;
    ferrod.put(Kind::Cluster, "a", "bad");
    let received = envoy.receives().await;
    envoy.refuse(&received, "no");
    ferrod.sees(|what| matches!(what, What::Nacked { .. }).then_some(())).await;
    ferrod.kill();
    agent.disconnected().await;
    envoy.kill(&agent).await;
    let mut envoy = Envoy::start(folder.path(), &CLUSTERS_AND_LISTENERS);
    assert_eq!(envoy.accepts_all(&[Kind::Cluster]).await[0].1, ["a@v1", "b@v1"]);
}

#[tokio::test]
async fn status_tells_who_is_there_and_what_was_refused() {
    let folder = folder();
    let (mut ferrod, agent, mut envoy) = settled(folder.path()).await;
    ferrod.put(Kind::Cluster, "a", "bad");
    let received = envoy.receives().await;
    envoy.refuse(&received, "ring too small");
    agent.until("refused", |status| status.kinds[0].nacks == 1).await;
    let status = agent.status.read();
    let clusters = &status.kinds[0];
    assert_eq!((clusters.kind, clusters.wildcard, clusters.resources, clusters.accepted), ("CDS", true, 2, 2));
    assert_eq!(clusters.refused.get("a").map(String::as_str), Some("ring too small"));
    assert_eq!(clusters.last_nack.as_ref().map(|nack| nack.reason.as_str()), Some("ring too small"));
    assert!(status.cache.file_age_seconds.is_some_and(|age| age < 60));
    ferrod.kill();
    agent.disconnected().await;
    assert!(agent.status.read().upstream.error.is_some());
}
