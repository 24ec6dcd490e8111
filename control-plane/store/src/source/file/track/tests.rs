use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{Arrival, GRACE, Look, SETTLE, Signal, Tracker};

const PATH: &str = "/mesh/a.yaml";

struct World {
    tracker: Tracker,
    now: Instant,
}

impl World {
    fn after(signals: &[Signal]) -> Self {
        let mut world = Self { tracker: Tracker::default(), now: Instant::now() };
        world.signal(signals);
        world
    }

    fn signal(&mut self, signals: &[Signal]) {
        for signal in signals {
            assert!(self.tracker.signal(PathBuf::from(PATH), *signal, self.now));
        }
    }

    fn looks(&mut self, wait: Duration) -> Vec<Look> {
        self.now += wait;
        self.tracker.take_due(self.now).into_iter().map(|(_, look)| look).collect()
    }
}

#[test]
fn a_file_that_was_renamed_into_place_is_read_at_once() {
    assert_eq!(World::after(&[Signal::MovedIn]).looks(Duration::ZERO), [Look::Read(Arrival::Renamed)]);
}

#[test]
fn a_file_is_read_when_its_writer_closes_it_and_not_before() {
    let mut world = World::after(&[Signal::Created, Signal::Written, Signal::Touched]);
    assert_eq!(world.looks(Duration::from_secs(3_600)), []);
    world.signal(&[Signal::Written, Signal::Closed]);
    assert_eq!(world.looks(Duration::ZERO), [Look::Read(Arrival::Written)]);
}

#[test]
fn a_file_that_is_opened_again_before_it_was_read_waits_for_the_next_close() {
    let mut world = World::after(&[Signal::Written, Signal::Closed, Signal::Written]);
    assert_eq!(world.looks(SETTLE * 2), []);
}

#[test]
fn a_created_file_that_nobody_writes_settles_first() {
    let mut world = World::after(&[Signal::Created]);
    assert_eq!(world.looks(SETTLE / 2), []);
    assert_eq!(world.looks(SETTLE / 2), [Look::ReadIfStill(None)]);
}

#[test]
fn a_removed_file_departs_after_its_grace() {
    let mut world = World::after(&[Signal::Removed]);
    assert!(world.tracker.is_departing(Path::new(PATH)));
    assert_eq!(world.looks(GRACE / 2), []);
    assert_eq!(world.looks(GRACE / 2), [Look::Depart]);
    assert!(!world.tracker.is_departing(Path::new(PATH)));
}

#[test]
fn a_file_that_is_unlinked_and_written_again_never_departs() {
    let mut world = World::after(&[Signal::Removed, Signal::Created, Signal::Written]);
    assert_eq!(world.looks(GRACE * 3), []);
    world.signal(&[Signal::Closed]);
    assert_eq!(world.looks(Duration::ZERO), [Look::Read(Arrival::Written)]);
}

#[test]
fn a_touched_file_is_read_unless_something_is_known_about_it() {
    assert_eq!(World::after(&[Signal::Touched]).looks(Duration::ZERO), [Look::Read(Arrival::Written)]);
    assert_eq!(World::after(&[Signal::Created, Signal::Touched]).looks(Duration::ZERO), []);
}

#[test]
fn what_the_kernel_says_comes_before_what_a_walk_saw() {
    let mut world = World::after(&[Signal::Written]);
    world.tracker.settle(Path::new(PATH), None, world.now);
    world.tracker.ready(Path::new(PATH), Arrival::Renamed);
    assert_eq!(world.looks(SETTLE * 2), []);
}

#[test]
fn a_file_that_vanished_while_it_was_written_departs() {
    let mut world = World::after(&[Signal::Written]);
    world.tracker.depart(Path::new(PATH), world.now);
    assert_eq!(world.looks(GRACE), [Look::Depart]);
}

#[test]
fn after_lost_signals_a_written_file_settles() {
    let mut world = World::after(&[Signal::Written]);
    world.tracker.forget_writers(Path::new("/other"), world.now);
    assert_eq!(world.looks(SETTLE), []);
    world.tracker.forget_writers(Path::new("/mesh"), world.now);
    assert_eq!(world.looks(SETTLE), [Look::ReadIfStill(None)]);
}

#[test]
fn long_writes_are_told_from_their_first_signal_on() {
    let mut world = World::after(&[Signal::Written]);
    let began = world.now;
    world.now += Duration::from_secs(9);
    world.signal(&[Signal::Written]);
    let writing: Vec<_> = world.tracker.writing(Duration::from_secs(9), world.now).collect();
    assert_eq!(writing, [(Path::new(PATH), began)]);
    assert!(world.tracker.is_calm());
}

#[test]
fn the_number_of_paths_is_bounded() {
    let mut world = World::after(&[]);
    let now = world.now;
    let taken = (0..30_000)
        .filter(|number| world.tracker.signal(PathBuf::from(format!("/{number}.yaml")), Signal::Written, now))
        .count();
    assert_eq!(taken, super::MAX_PATHS);
    assert!(world.tracker.signal(PathBuf::from("/0.yaml"), Signal::Closed, now));
}
