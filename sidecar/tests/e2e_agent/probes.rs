//! A dead application under a live agent.

use std::time::{Duration, Instant};

use crate::{
    fake_ferrod::FakeFerrod,
    mesh::{Agent, application, eventually, get, own_address},
    resources::serve_inbound,
};

#[tokio::test]
async fn an_application_that_dies_is_reported_within_two_periods() {
    let ferrod = FakeFerrod::start().await;
    let (app, serving) = application("", Duration::ZERO).await;
    let ip = own_address();
    serve_inbound(&ferrod, ip, app);
    let mapping = format!("--app-port=8080={}", app.port());
    let probe = r#"--probe={"httpGet":{"path":"/healthz","port":8080},"periodSeconds":1}"#;
    let agent = Agent::start(&ferrod, ip, &[&mapping, probe]);
    agent.ready().await;
    eventually("healthy is reported", async || ferrod.heard().health == [None]).await;

    serving.abort();
    let died = Instant::now();
    eventually("unhealthy is reported", async || ferrod.heard().health.len() == 2).await;
    let took = died.elapsed();
    assert!(took < Duration::from_millis(2_500), "{took:?} for a period of 1 s");
    let reason = ferrod.heard().health.pop().unwrap().unwrap();
    assert!(reason.contains("cannot connect"), "{reason}");
    let answer = get(agent.at(15021), "/healthz/ready").await.unwrap();
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("the application is unhealthy"), "{}", answer.body);
}
