use std::{future::pending, io, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{Chain, Ended, Supervisor};

const GRACE: Duration = Duration::from_secs(5);

fn supervisor() -> Supervisor {
    Supervisor::new(CancellationToken::new())
}

fn stops_when_told(supervisor: &mut Supervisor, name: &'static str) {
    let shutdown = supervisor.shutdown().clone();
    supervisor.spawn(name, async move {
        shutdown.cancelled().await;
        Ok::<(), io::Error>(())
    });
}

#[tokio::test(start_paused = true)]
async fn a_task_that_returns_ends_the_process_by_name() {
    let mut tasks = supervisor();
    stops_when_told(&mut tasks, "server");
    tasks.spawn("watcher", async { Ok::<(), io::Error>(()) });
    let ended = tasks.run(GRACE).await.unwrap_err();
    assert_eq!(ended.to_string(), "essential task `watcher` returned before the shutdown");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_fails_ends_the_process_with_its_reason() {
    let mut tasks = supervisor();
    stops_when_told(&mut tasks, "server");
    tasks.spawn("store", async { Err(io::Error::other("disk is full")) });
    let ended = tasks.run(GRACE).await.unwrap_err();
    assert_eq!(Chain(&ended).to_string(), "essential task `store` failed: disk is full");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_ends_the_process_with_its_message() {
    let mut tasks = supervisor();
    tasks.spawn("parser", async {
        assert_eq!(1, 2, "sums");
        Ok::<(), io::Error>(())
    });
    let ended = tasks.run(GRACE).await.unwrap_err();
    assert!(matches!(&ended, Ended::Panicked { task: "parser", message } if message.contains("sums")), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_that_every_task_heeds_is_clean() {
    let mut tasks = supervisor();
    stops_when_told(&mut tasks, "one");
    stops_when_told(&mut tasks, "two");
    tasks.shutdown().cancel();
    tasks.run(GRACE).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_task_that_asks_for_the_shutdown_and_ends_is_clean() {
    let mut tasks = supervisor();
    let shutdown = tasks.shutdown().clone();
    tasks.spawn("drainer", async move {
        shutdown.cancel();
        Ok::<(), io::Error>(())
    });
    stops_when_told(&mut tasks, "server");
    tasks.run(GRACE).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn tasks_that_do_not_stop_are_named() {
    let mut tasks = supervisor();
    for name in ["deaf", "blind"] {
        tasks.spawn(name, pending::<Result<(), io::Error>>());
    }
    tasks.shutdown().cancel();
    let ended = tasks.run(GRACE).await.unwrap_err();
    assert!(matches!(&ended, Ended::StillRunning { tasks, .. } if tasks == &["blind", "deaf"]), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn an_error_while_stopping_is_reported() {
    let mut tasks = supervisor();
    let shutdown = tasks.shutdown().clone();
    tasks.spawn("journal", async move {
        shutdown.cancelled().await;
        Err(io::Error::other("no space for the last record"))
    });
    tasks.shutdown().cancel();
    let ended = tasks.run(GRACE).await.unwrap_err();
    assert!(matches!(ended, Ended::Failed { task: "journal", .. }), "{ended:?}");
}
