//! What passes through while everybody is there.

use ferro_xds::{Update, What, client::ClientEvent};
use ferro_xds_protos::{Kind, Resource, ferromesh::v1::NameTable as WireName};
use tokio::time::{sleep, timeout};

use super::{Agent, CLUSTERS_AND_LISTENERS, Envoy, Ferrod, LONG, SHORT, folder, listing};
use crate::relay::Health;

#[tokio::test]
async fn envoys_verdict_is_ferrods_answer() {
    let folder = folder();
    let ferrod = Ferrod::started(folder.path());
    ferrod.put(Kind::Cluster, "a", "v1");
    let _agent = Agent::start(folder.path());
    let mut envoy = Envoy::start(folder.path(), &CLUSTERS_AND_LISTENERS);
    let received = envoy.receives().await;
    assert_eq!(listing(&received), (Kind::Cluster, vec!["a@v1".into()], vec![]));
    sleep(SHORT).await;
    let acked = |what: &What| matches!(what, What::Acked { kind: Kind::Cluster, .. }).then_some(());
    assert!(ferrod.seen().iter().find_map(acked).is_none(), "Envoy has not said anything yet");
    envoy.handle.update(|session| session.ack(Kind::Cluster, &received.nonce));
    ferrod.sees(acked).await;

    ferrod.put(Kind::Cluster, "a", "v2");
    let received = loop {
        let received = envoy.receives().await;
        if received.kind == Kind::Cluster {
            break received;
        }
        envoy.handle.update(|session| session.ack(received.kind, &received.nonce));
    };
    envoy.refuse(&received, "Envoy's own words");
    let refusal = ferrod.sees(|what| match what {
        What::Nacked { status, .. } => Some(status.message.clone()),
        _ => None,
    });
    assert_eq!(refusal.await, "Envoy's own words");
}

#[tokio::test]
async fn ferrod_is_asked_for_exactly_what_envoy_asks_for_and_for_names() {
    let folder = folder();
    let ferrod = Ferrod::started(folder.path());
    let agent = Agent::start(folder.path());
    agent.connected().await;
    let subscribed = |ferrod: &Ferrod| -> Vec<(Kind, Vec<String>)> {
        let seen = ferrod.seen();
        let asked = seen.iter().filter_map(|what| match what {
            What::Subscribed { kind, added, .. } => Some((*kind, added.iter().map(ToString::to_string).collect())),
            _ => None,
        });
        asked.collect()
    };
    ferrod.sees(|what| matches!(what, What::Subscribed { .. }).then_some(())).await;
    assert_eq!(subscribed(&ferrod), [(Kind::NameTable, vec!["*".into()])]);
    let _envoy = Envoy::start(folder.path(), &[(Kind::Endpoint, "x"), (Kind::Endpoint, "y")]);
    ferrod.sees(|what| matches!(what, What::Subscribed { kind: Kind::Endpoint, .. }).then_some(())).await;
    assert_eq!(subscribed(&ferrod)[1..], [(Kind::Endpoint, vec!["x".into(), "y".into()])]);
}

#[tokio::test]
async fn health_reaches_ferrod_and_again_after_a_reconnect() {
    let folder = folder();
    let mut ferrod = Ferrod::started(folder.path());
    let agent = Agent::start(folder.path());
    agent.health.report(Health::Healthy);
    agent.health.report(Health::Unhealthy("the application is dead".into()));
    let unhealthy = |what: &What| match what {
        What::Health { error: Some(status) } => Some(status.message.clone()),
        _ => None,
    };
    assert_eq!(ferrod.sees(unhealthy).await, "the application is dead");
    ferrod.kill();
    ferrod.forget_what_was_seen();
    ferrod.start();
    assert_eq!(ferrod.sees(unhealthy).await, "the application is dead");
}

#[tokio::test]
async fn names_reach_the_agent_and_not_envoy() {
    let folder = folder();
    let ferrod = Ferrod::started(folder.path());
    let name = WireName {
        name: "product.shop.svc.cluster.local".into(),
        ips: vec!["240.240.0.7".into()],
        ..Default::default()
    };
    let host = name.name.clone();
    ferrod.apply([(Kind::NameTable, Update::put(Resource::encode(Kind::NameTable, host.as_str(), &name)))]);
    let mut agent = Agent::start(folder.path());
    let named = timeout(LONG, agent.names.wait_for(Option::is_some)).await.expect("names in time");
    let table = named.expect("the relay runs").clone().expect("a table");
    assert_eq!(table.get(&host).expect("the host").ips[0].to_string(), "240.240.0.7");
    ferrod.sees(|what| matches!(what, What::Acked { kind: Kind::NameTable, .. }).then_some(())).await;
    assert_eq!(agent.status.read().kinds[0].resources, 1);
}

#[tokio::test]
async fn only_one_stream_of_envoy_counts_and_it_is_the_newest() {
    let folder = folder();
    let ferrod = Ferrod::started(folder.path());
    ferrod.put(Kind::Cluster, "a", "v1");
    let _agent = Agent::start(folder.path());
    let mut first = Envoy::start(folder.path(), &CLUSTERS_AND_LISTENERS);
    first.accepts().await;
    let mut second = Envoy::start(folder.path(), &CLUSTERS_AND_LISTENERS);
    assert_eq!(second.accepts().await.1, ["a@v1"]);
    let ended = loop {
        match timeout(LONG, first.events.recv()).await.expect("the end in time") {
            Some(ClientEvent::Disconnected { .. }) => break true,
            Some(_) => {}
            None => break false,
        }
    };
    assert!(ended);
}
