use std::time::Duration;

use tokio::time::Instant;

use super::Schedule;

#[test]
fn an_open_loop_has_fixed_times_however_late_it_is() {
    let start = Instant::now();
    let schedule = Schedule::new(start, Some(100.0), Some(3), None);
    let late = start + Duration::from_secs(5);
    let due: Vec<_> = std::iter::from_fn(|| schedule.next(late)).map(|due| due - start).collect();
    assert_eq!(due, [0, 10, 20].map(Duration::from_millis));
}

#[test]
fn a_closed_loop_is_due_at_once() {
    let start = Instant::now();
    let schedule = Schedule::new(start, None, Some(1), None);
    let now = start + Duration::from_secs(1);
    assert_eq!(schedule.next(now), Some(now));
    assert_eq!(schedule.next(now), None);
}

#[test]
fn no_request_is_due_after_the_duration() {
    let start = Instant::now();
    let open = Schedule::new(start, Some(2.0), None, Some(Duration::from_secs(1)));
    assert_eq!(std::iter::from_fn(|| open.next(start)).count(), 2);
    let closed = Schedule::new(start, None, None, Some(Duration::from_secs(1)));
    assert!(closed.next(start).is_some());
    assert_eq!(closed.next(start + Duration::from_secs(1)), None);
}
