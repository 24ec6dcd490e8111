use std::time::Duration;

use super::{Health, Outcome, ProbeState};
use crate::probes::spec::Timing;

fn state(success_threshold: u32, failure_threshold: u32) -> ProbeState {
    ProbeState::new(Timing {
        initial_delay: Duration::ZERO,
        period: Duration::from_secs(10),
        timeout: Duration::from_secs(1),
        success_threshold,
        failure_threshold,
    })
}

fn failure(reason: &str) -> Outcome {
    Outcome::Failure(reason.to_owned())
}

#[test]
fn nothing_is_known_before_a_threshold_is_reached() {
    let mut probe = state(2, 2);
    assert_eq!(probe.record(Outcome::Success), None);
    assert_eq!(probe.record(failure("refused")), None);
    assert_eq!(probe.record(Outcome::Success), None);
    assert_eq!(probe.health(), &Health::Unknown);
}

#[test]
fn successes_in_a_row_make_it_healthy_once() {
    let mut probe = state(2, 1);
    probe.record(Outcome::Success);
    assert_eq!(probe.record(Outcome::Success), Some(&Health::Healthy));
    assert_eq!(probe.record(Outcome::Success), None);
}

#[test]
fn failures_in_a_row_make_it_unhealthy_with_the_reason_of_the_last() {
    let mut probe = state(1, 3);
    probe.record(Outcome::Success);
    assert_eq!(probe.record(failure("one")), None);
    assert_eq!(probe.record(failure("two")), None);
    assert_eq!(probe.record(failure("three")), Some(&Health::Unhealthy("three".to_owned())));
}

#[test]
fn a_success_between_failures_starts_the_count_again() {
    let mut probe = state(1, 2);
    probe.record(Outcome::Success);
    for _ in 0..10 {
        assert_eq!(probe.record(failure("refused")), None);
        assert_eq!(probe.record(Outcome::Success), None);
    }
    assert_eq!(probe.health(), &Health::Healthy);
}

#[test]
fn another_reason_for_being_unhealthy_is_kept_but_is_no_change() {
    let mut probe = state(1, 1);
    probe.record(failure("refused"));
    assert_eq!(probe.record(failure("timed out")), None);
    assert_eq!(probe.health(), &Health::Unhealthy("timed out".to_owned()));
}

#[test]
fn it_recovers() {
    let mut probe = state(1, 1);
    probe.record(failure("refused"));
    assert_eq!(probe.record(Outcome::Success), Some(&Health::Healthy));
}
