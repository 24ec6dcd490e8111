use std::time::Duration;

use super::{Drain, Outcome};

#[tokio::test(start_paused = true)]
async fn a_drain_ends_when_the_last_guard_is_dropped() {
    let (drain, guard) = Drain::new();
    let mut work = guard.clone();
    drop(guard);
    let worker = tokio::spawn(async move {
        work.draining().await;
        tokio::time::sleep(Duration::from_secs(3)).await;
    });
    let started = tokio::time::Instant::now();
    assert_eq!(drain.finish(Duration::from_secs(10)).await, Outcome::Clean);
    assert_eq!(started.elapsed().as_secs(), 3);
    worker.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_drain_whose_time_is_up_says_how_many_guards_are_held() {
    let (drain, guard) = Drain::new();
    let second = guard.clone();
    assert_eq!(drain.finish(Duration::from_secs(1)).await, Outcome::TimedOut { left: 2 });
    drop((guard, second));
}

#[tokio::test]
async fn a_guard_taken_before_the_drain_learns_of_it() {
    let (drain, mut guard) = Drain::new();
    assert!(!guard.is_draining());
    let finishing = tokio::spawn(drain.finish(Duration::from_secs(5)));
    guard.draining().await;
    assert!(guard.is_draining());
    drop(guard);
    assert_eq!(finishing.await.unwrap(), Outcome::Clean);
}

#[tokio::test]
async fn a_dropped_owner_releases_those_who_wait() {
    let (drain, mut guard) = Drain::new();
    drop(drain);
    guard.draining().await;
}
