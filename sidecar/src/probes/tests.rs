use std::{
    cell::RefCell,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::time::{self, Instant};

use super::{
    probe_for_ever,
    spec::ProbeSpec,
    state::{Health, Outcome},
};

fn spec(json: &str) -> ProbeSpec {
    ProbeSpec::from_json(json).unwrap()
}

/// Probes for `seconds` of virtual time an application that lives only until the second `dies`.
async fn reports(spec: &ProbeSpec, dies: u64, seconds: u64) -> Vec<(u64, Health)> {
    let start = Instant::now();
    let reports = std::sync::Mutex::new(Vec::new());
    let attempts = || async move {
        if start.elapsed() < Duration::from_secs(dies) {
            Outcome::Success
        } else {
            Outcome::Failure("refused".to_owned())
        }
    };
    let report = |health: &Health| reports.lock().unwrap().push((start.elapsed().as_secs(), health.clone()));
    let _ = time::timeout(Duration::from_secs(seconds), probe_for_ever(spec, &report, attempts)).await;
    reports.into_inner().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_dead_application_is_reported_within_two_periods() {
    let spec = spec(r#"{"tcpSocket":{"port":1},"periodSeconds":5}"#);
    let unhealthy = Health::Unhealthy("refused".to_owned());
    assert_eq!(reports(&spec, 12, 60).await, [(0, Health::Healthy), (15, unhealthy)]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_tried_before_the_initial_delay() {
    let spec = spec(r#"{"tcpSocket":{"port":1},"initialDelaySeconds":7}"#);
    assert_eq!(reports(&spec, 1_000, 30).await, [(7, Health::Healthy)]);
}

#[tokio::test(start_paused = true)]
async fn tries_that_take_longer_than_a_period_do_not_pile_up() {
    let spec = spec(r#"{"tcpSocket":{"port":1},"periodSeconds":1,"timeoutSeconds":5}"#);
    let running = AtomicBool::new(false);
    let started = RefCell::new(0_u32);
    let attempt = || {
        assert!(!running.swap(true, Ordering::Relaxed), "two tries at once");
        *started.borrow_mut() += 1;
        async {
            time::sleep(Duration::from_secs(3)).await;
            running.store(false, Ordering::Relaxed);
            Outcome::Success
        }
    };
    let _ = time::timeout(Duration::from_secs(30), probe_for_ever(&spec, &|_: &Health| {}, attempt)).await;
    assert!((10..=11).contains(&started.take()));
}
