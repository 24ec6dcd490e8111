use std::time::{Duration, UNIX_EPOCH};

use super::Clock;

#[tokio::test(start_paused = true)]
async fn a_made_up_date_advances_with_paused_time() {
    let clock = Clock::starting_at(UNIX_EPOCH + Duration::from_secs(1_000));
    let start = clock.now();
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(clock.unix_millis(), 1_005_000);
    assert_eq!(clock.now() - start, Duration::from_secs(5));
}

#[test]
fn the_system_clock_shows_a_date_of_this_century() {
    assert!(Clock::system().unix_millis() > 1_700_000_000_000);
}

#[tokio::test]
async fn a_date_before_1970_reads_as_zero() {
    assert_eq!(Clock::starting_at(UNIX_EPOCH - Duration::from_secs(60)).unix_millis(), 0);
}
