use std::time::Duration;

use super::{Backoff, Policy};

fn seconds(base: u64, cap: u64) -> Policy {
    Policy { base: Duration::from_secs(base), cap: Duration::from_secs(cap) }
}

#[test]
fn the_ceiling_doubles_until_the_cap() {
    let mut backoff = Backoff::with_seed(seconds(1, 10), 1);
    let ceilings: Vec<u64> = (0..6)
        .map(|_| {
            let ceiling = backoff.ceiling().as_secs();
            backoff.next_delay();
            ceiling
        })
        .collect();
    assert_eq!(ceilings, [1, 2, 4, 8, 10, 10]);
}

#[test]
fn no_wait_exceeds_its_ceiling_and_waits_spread_over_the_whole_range() {
    let mut low = 0;
    for seed in 0..1_000 {
        let mut backoff = Backoff::with_seed(seconds(1, 10), seed);
        let delay = backoff.next_delay();
        assert!(delay < Duration::from_secs(1));
        low += u32::from(delay < Duration::from_millis(500));
    }
    assert!((400..600).contains(&low), "{low} of 1,000 waits lie in the lower half");
}

#[test]
fn a_reset_starts_from_the_base_again() {
    let mut backoff = Backoff::with_seed(seconds(1, 60), 7);
    for _ in 0..5 {
        backoff.next_delay();
    }
    backoff.reset();
    assert_eq!((backoff.attempts(), backoff.ceiling()), (0, Duration::from_secs(1)));
}

#[test]
fn many_attempts_neither_overflow_nor_leave_the_cap() {
    let mut backoff = Backoff::with_seed(Policy::default(), 3);
    for _ in 0..200 {
        assert!(backoff.next_delay() <= Duration::from_secs(30));
    }
}

#[test]
fn the_same_seed_yields_the_same_waits() {
    let waits = |seed| {
        let mut backoff = Backoff::with_seed(Policy::default(), seed);
        [backoff.next_delay(), backoff.next_delay(), backoff.next_delay()]
    };
    assert_eq!(waits(9), waits(9));
    assert_ne!(waits(9), waits(10));
}
