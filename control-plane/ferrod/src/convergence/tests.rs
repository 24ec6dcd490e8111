use std::time::{Duration, Instant};

use ferro_xds::StreamId;

use super::{Convergence, FORGET, QUIET};

const STREAM: StreamId = StreamId(1);

fn at(start: Instant, millis: u64) -> Instant {
    start + Duration::from_millis(millis)
}

#[test]
fn a_change_lasts_until_the_last_answer_to_it() {
    let (mut all, start) = (Convergence::default(), Instant::now());
    all.changed(STREAM, start);
    assert_eq!(all.sent(STREAM, at(start, 2)), Some(Duration::from_millis(2)));
    all.answered(STREAM, at(start, 10));
    // Listeners go out when clusters were accepted.
    assert_eq!(all.sent(STREAM, at(start, 11)), Some(Duration::from_millis(11)));
    all.answered(STREAM, at(start, 30));
    assert!(all.take(at(start, 40)).is_empty(), "more may follow");
    assert_eq!(all.take(at(start, 30) + QUIET * 2), [Duration::from_millis(30)]);
    assert!(all.take(at(start, 30) + QUIET * 3).is_empty(), "once");
}

#[test]
fn a_change_that_meets_another_under_way_counts_from_the_first() {
    let (mut all, start) = (Convergence::default(), Instant::now());
    all.changed(STREAM, start);
    all.sent(STREAM, at(start, 1));
    all.changed(STREAM, at(start, 5));
    assert_eq!(all.sent(STREAM, at(start, 6)), Some(Duration::from_millis(6)));
    all.answered(STREAM, at(start, 7));
    all.answered(STREAM, at(start, 8));
    all.changed(STREAM, at(start, 20));
    assert_eq!(all.take(at(start, 20)), [Duration::from_millis(8)]);
}

#[test]
fn what_is_sent_without_a_change_is_no_sample() {
    let (mut all, start) = (Convergence::default(), Instant::now());
    assert_eq!(all.sent(STREAM, start), None);
    all.answered(STREAM, start);
    // A change of the view that this stream has no subscription for.
    all.changed(STREAM, start);
    assert_eq!(all.sent(STREAM, start + FORGET * 2), None);
    assert!(all.take(start + FORGET * 4).is_empty());
}

#[test]
fn a_stream_that_ends_in_the_middle_is_no_sample() {
    let (mut all, start) = (Convergence::default(), Instant::now());
    all.changed(STREAM, start);
    all.sent(STREAM, start);
    all.gone(STREAM);
    assert!(all.take(start + FORGET).is_empty());
}
