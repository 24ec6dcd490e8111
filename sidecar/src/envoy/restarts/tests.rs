use std::time::Duration;

use super::{Restarts, SOUND_AFTER, WAITS};

const AT_ONCE: Duration = Duration::from_millis(5);

/// How often the wait had doubled after each of these lives, and none was longer than that allows.
fn doublings(lives: &[Duration]) -> Vec<u32> {
    let mut restarts = Restarts::default();
    let mut after = |lived: &Duration| {
        let delay = restarts.delay_after(*lived);
        let doublings = restarts.0.attempts() - 1;
        let longest = WAITS.base.saturating_mul(1 << doublings).min(WAITS.cap);
        assert!(delay <= longest, "{delay:?} after {doublings} doublings");
        doublings
    };
    lives.iter().map(&mut after).collect()
}

#[test]
fn an_envoy_that_dies_again_and_again_is_started_ever_later() {
    assert_eq!(doublings(&[AT_ONCE; 12]), (0..12).collect::<Vec<_>>());
}

#[test]
fn the_death_of_an_envoy_that_lived_for_half_a_minute_is_not_held_against_it() {
    let almost = SOUND_AFTER - Duration::from_millis(1);
    let lives = [AT_ONCE, AT_ONCE, AT_ONCE, SOUND_AFTER, AT_ONCE, almost, AT_ONCE, SOUND_AFTER * 100];
    assert_eq!(doublings(&lives), [0, 1, 2, 0, 1, 2, 3, 0]);
}
