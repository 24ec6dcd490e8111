//! Envoy's life beside its agent.

use std::time::{Duration, Instant};

use ferro_xds_protos::Kind;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    fake_ferrod::FakeFerrod,
    mesh::{Agent, application, eventually, exchange, get, is_alive, own_address, signal},
    resources::serve_inbound,
};

/// A workload that is ready, with an application that answers `hello`.
async fn ready_workload() -> (FakeFerrod, Agent) {
    let ferrod = FakeFerrod::start().await;
    let (app, _) = application("hello", Duration::from_secs(2)).await;
    let ip = own_address();
    serve_inbound(&ferrod, ip, app);
    let agent = Agent::start(&ferrod, ip, &[]);
    agent.ready().await;
    (ferrod, agent)
}

async fn serves(agent: &Agent) -> bool {
    get(agent.at(8080), "/").await.is_some_and(|answer| answer.status == 200 && answer.body == "hello")
}

#[tokio::test]
async fn a_workload_is_ready_when_its_listeners_have_arrived_and_not_before() {
    let ferrod = FakeFerrod::start().await;
    let (app, _) = application("hello", Duration::ZERO).await;
    let ip = own_address();
    serve_inbound(&ferrod, ip, app);
    ferrod.hold(Kind::Listener);
    let agent = Agent::start(&ferrod, ip, &[]);
    agent.answers(15021, "/healthz/ready", 503).await;
    eventually("Envoy waits for its listeners", async || {
        get(agent.at(15000), "/ready").await.is_some_and(|answer| answer.body.trim() == "INITIALIZING")
    })
    .await;
    let answer = get(agent.at(15021), "/healthz/ready").await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (503, "not ready: Envoy is INITIALIZING\n"));

    ferrod.release(Kind::Listener);
    agent.ready().await;
    assert!(serves(&agent).await);
    assert_eq!(ferrod.heard().nacks, Vec::<String>::new());
    let node = ferrod.heard().node.unwrap();
    assert_eq!(node.id, format!("sidecar~{ip}~product-v1.shop~shop.svc.cluster.local"));
    assert_eq!(node.user_agent_name, "envoy");
}

#[tokio::test]
async fn an_envoy_that_is_killed_is_started_again_and_serves() {
    let (_ferrod, agent) = ready_workload().await;
    let first = agent.envoy_pid().await;
    signal(first, "-KILL");
    eventually("another Envoy serves", async || serves(&agent).await).await;
    agent.ready().await;
    assert_ne!(agent.envoy_pid().await, first);
    let metrics = get(agent.at(15020), "/stats/prometheus").await.unwrap().body;
    assert!(metrics.contains("\nferro_agent_envoy_restarts_total 1\n"));
}

/// The file is written at most once a second.
async fn cache_is_written(agent: &Agent) {
    let cache = agent.state.path().join("last-known-good");
    eventually("the cache is written", async || cache.exists()).await;
}

#[tokio::test]
async fn an_agent_that_starts_anew_while_ferrod_is_away_serves_what_the_last_one_had() {
    let (ferrod, mut first) = ready_workload().await;
    cache_is_written(&first).await;
    first.signal("-KILL");
    first.exited().await;
    ferrod.go_away();
    let state = format!("--state-dir={}", first.state.path().display());
    let second = Agent::start(&ferrod, first.ip, &[&state]);
    second.ready().await;
    assert!(serves(&second).await);
}

#[tokio::test]
async fn an_envoy_that_is_killed_while_ferrod_is_away_serves_what_it_had() {
    let (ferrod, agent) = ready_workload().await;
    cache_is_written(&agent).await;
    ferrod.go_away();
    eventually("the agent notices", async || {
        let metrics = get(agent.at(15020), "/stats/prometheus").await;
        metrics.is_some_and(|page| page.body.contains("\nferro_agent_xds_connected 0\n"))
    })
    .await;
    assert!(serves(&agent).await, "losing ferrod costs no request");
    signal(agent.envoy_pid().await, "-KILL");
    eventually("another Envoy serves", async || serves(&agent).await).await;
    agent.ready().await;
}

#[tokio::test]
async fn sigterm_tells_ferrod_lets_requests_finish_and_ends_both() {
    let (ferrod, mut agent) = ready_workload().await;
    let (agent_pid, envoy_pid) = (agent.pid(), agent.envoy_pid().await);
    // It has no probe: it is healthy when it is ready.
    eventually("ferrod learns that it is ready", async || ferrod.heard().health == [None]).await;
    let slow = tokio::spawn(exchange(agent.at(8080), http::Method::GET, "/slow"));
    tokio::time::sleep(Duration::from_millis(300)).await;
    agent.signal("-TERM");
    agent.answers(15021, "/healthz/ready", 503).await;
    eventually("ferrod learns of it", async || ferrod.heard().health == [None, Some("draining".to_owned())]).await;
    let answer = slow.await.unwrap().expect("a request in flight is answered");
    assert_eq!((answer.status, answer.body.as_str()), (200, "hello"));
    assert!(agent.exited().await.success());
    assert!(!is_alive(agent_pid) && !is_alive(envoy_pid));
    assert!(ferrod.heard().closed >= 1, "the stream to ferrod is closed, not left to time out");
}

#[tokio::test]
async fn a_drain_ends_with_the_last_connection_and_not_with_its_time() {
    let (_ferrod, mut agent) = ready_workload().await;
    let start = Instant::now();
    agent.signal("-TERM");
    assert!(agent.exited().await.success());
    assert!(start.elapsed() < Duration::from_secs(8), "took {:?} of 10 s", start.elapsed());
}

#[tokio::test]
async fn a_scraper_that_keeps_its_connection_does_not_hold_up_a_drain() {
    let (_ferrod, mut agent) = ready_workload().await;
    let mut scraper = TcpStream::connect(agent.at(15090)).await.unwrap();
    scraper.write_all(b"GET /stats/prometheus HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut status = [0; 12];
    scraper.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
    let start = Instant::now();
    agent.signal("-TERM");
    assert!(agent.exited().await.success());
    assert!(start.elapsed() < Duration::from_secs(8), "took {:?} of 10 s", start.elapsed());
}

#[tokio::test]
async fn an_agent_that_is_killed_takes_its_envoy_along() {
    let (_ferrod, mut agent) = ready_workload().await;
    let envoy = agent.envoy_pid().await;
    agent.signal("-KILL");
    agent.exited().await;
    eventually("Envoy is gone", async || !is_alive(envoy)).await;
}

#[tokio::test]
async fn quitquitquit_ends_the_agent_as_sigterm_does() {
    let (_ferrod, mut agent) = ready_workload().await;
    let refused = get(agent.at(15020), "/quitquitquit").await.unwrap();
    assert_eq!(refused.status, 405, "a GET, which any page can cause, is not enough");
    let accepted = exchange(agent.at(15020), http::Method::POST, "/quitquitquit").await.unwrap();
    assert_eq!(accepted.status, 200);
    assert!(agent.exited().await.success());
}

#[tokio::test]
async fn a_port_that_is_taken_ends_the_agent_at_once() {
    let ferrod = FakeFerrod::start().await;
    let ip = own_address();
    let _taken = TcpListener::bind((ip, 15020)).await.unwrap();
    let mut agent = Agent::start(&ferrod, ip, &[]);
    assert!(!agent.exited().await.success());
}

#[tokio::test]
async fn a_second_agent_in_the_same_state_folder_leaves_the_first_ones_envoy_alone() {
    let (ferrod, first) = ready_workload().await;
    let envoy = first.envoy_pid().await;
    let state = format!("--state-dir={}", first.state.path().display());
    let mut second = Agent::start(&ferrod, own_address(), &[&state]);
    assert!(!second.exited().await.success());
    assert!(serves(&first).await);
    assert_eq!(first.envoy_pid().await, envoy);
}

#[tokio::test]
async fn what_envoy_prints_is_in_the_state_folder() {
    let (_ferrod, agent) = ready_workload().await;
    let log = agent.state.path().join("envoy.log");
    assert!(log.exists());
    let bootstrap = std::fs::read_to_string(agent.state.path().join("bootstrap.json")).unwrap();
    assert!(bootstrap.contains("sidecar~127.78."));
}
