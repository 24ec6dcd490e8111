use super::Readiness;

#[test]
fn a_process_is_ready_when_nobody_holds_a_guard() {
    let readiness = Readiness::new();
    let store = readiness.pending("store");
    let server = readiness.pending("server");
    assert_eq!(readiness.waiting_for(), ["server", "store"]);
    drop(store);
    assert!(!readiness.is_ready());
    drop(server);
    assert!(readiness.is_ready());
}

#[test]
fn a_name_held_twice_is_waited_for_until_both_are_dropped() {
    let readiness = Readiness::new();
    let (first, second) = (readiness.pending("probe"), readiness.pending("probe"));
    drop(first);
    assert_eq!(readiness.waiting_for(), ["probe"]);
    drop(second);
    assert!(readiness.is_ready());
}

#[test]
fn readiness_can_be_lost_again() {
    let readiness = Readiness::new();
    drop(readiness.pending("envoy"));
    assert!(readiness.is_ready());
    let _again = readiness.pending("envoy");
    assert!(!readiness.is_ready());
}

#[tokio::test]
async fn those_who_wait_are_woken() {
    let readiness = Readiness::new();
    let guard = readiness.pending("envoy");
    let waiting = tokio::spawn({
        let readiness = readiness.clone();
        async move { readiness.ready().await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drop(guard);
    waiting.await.unwrap();
}
