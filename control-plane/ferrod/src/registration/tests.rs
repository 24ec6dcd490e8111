use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferro_xds::StreamId;

use super::{Action, Announcement, GRACE, GRACE_AFTER_RESTART, Health, Registrations};

fn product() -> Announcement {
    Announcement {
        group: Arc::from("product"),
        namespace: Arc::from("shop"),
        address: Arc::from("127.77.0.2"),
        node: Arc::from("sidecar~127.77.0.2~product.shop~shop.svc.cluster.local"),
        labels: BTreeMap::new(),
        locality: None,
    }
}

const FIRST: StreamId = StreamId(1);
const SECOND: StreamId = StreamId(2);

#[test]
fn a_workload_without_probe_is_healthy_when_it_connects() {
    let mut all = Registrations::default();
    all.connected(FIRST, product(), false);
    assert_eq!(all.take_pending(), [Action::Put(product(), Health::Healthy)]);
}

#[test]
fn a_workload_with_a_probe_waits_for_its_first_good_report() {
    let mut all = Registrations::default();
    all.connected(FIRST, product(), true);
    assert_eq!(all.take_pending(), [Action::Put(product(), Health::Unknown)]);
    all.reported(FIRST, Health::Healthy);
    assert_eq!(all.take_pending(), [Action::Put(product(), Health::Healthy)]);
    all.reported(FIRST, Health::Healthy);
    assert_eq!(all.take_pending(), [], "the same report twice is written once");
}

#[test]
fn a_workload_that_disconnects_leaves_after_the_grace_period() {
    let (mut all, now) = (Registrations::default(), Instant::now());
    all.connected(FIRST, product(), false);
    all.take_pending();
    all.disconnected(FIRST, now);
    assert_eq!(all.next_expiry(), Some(now + GRACE));
    all.expire(now + GRACE - Duration::from_millis(1));
    assert_eq!(all.take_pending(), []);
    all.expire(now + GRACE);
    assert_eq!(all.take_pending(), [Action::Remove(product().entry(), product().node)]);
    assert_eq!(all.next_expiry(), None);
}

#[test]
fn a_workload_that_reconnects_in_time_is_not_written_again() {
    let (mut all, now) = (Registrations::default(), Instant::now());
    all.connected(FIRST, product(), false);
    all.take_pending();
    all.disconnected(FIRST, now);
    all.connected(SECOND, product(), false);
    all.expire(now + GRACE * 2);
    assert_eq!(all.take_pending(), []);
}

#[test]
fn the_end_of_an_old_stream_does_not_remove_a_workload_with_a_newer_one() {
    let (mut all, now) = (Registrations::default(), Instant::now());
    all.connected(FIRST, product(), false);
    all.connected(SECOND, product(), false);
    all.disconnected(FIRST, now);
    assert_eq!(all.next_expiry(), None);
}

#[test]
fn after_a_restart_of_the_control_plane_agents_have_their_longest_backoff_to_return() {
    let (mut all, now) = (Registrations::default(), Instant::now());
    all.resume([(product().entry(), product().node, Health::Healthy)]);
    all.expire(now + 10 * GRACE_AFTER_RESTART);
    assert_eq!(all.take_pending(), [], "as long as agents are not served, none can come back");
    all.expect_back(now);
    all.expire(now + GRACE);
    assert_eq!(all.take_pending(), []);
    all.expire(now + GRACE_AFTER_RESTART);
    assert_eq!(all.take_pending().len(), 1);
}

#[test]
fn a_restart_of_the_control_plane_makes_no_workload_healthy() {
    let mut all = Registrations::default();
    let sick = Health::Unhealthy("connection refused".to_owned());
    all.resume([(product().entry(), product().node, sick.clone())]);
    all.connected(FIRST, product(), true);
    assert_eq!(all.take_pending(), [Action::Put(product(), sick.clone())]);
    all.reported(FIRST, sick);
    assert_eq!(all.take_pending(), []);
}

#[test]
fn a_report_of_a_stream_that_registered_nothing_is_ignored() {
    let mut all = Registrations::default();
    all.reported(FIRST, Health::Healthy);
    assert_eq!(all.take_pending(), []);
}

#[test]
fn an_entry_is_named_after_group_and_address() {
    assert_eq!(&*product().entry().name, "product-127.77.0.2");
    let v6 = Announcement { address: Arc::from("fd00::1"), ..product() };
    assert_eq!(&*v6.entry().name, "product-fd00--1");
}

#[test]
fn what_could_not_be_written_does_not_replace_something_newer() {
    let mut all = Registrations::default();
    all.connected(FIRST, product(), true);
    let old = all.take_pending();
    all.reported(FIRST, Health::Healthy);
    old.into_iter().for_each(|action| all.put_back(action));
    assert_eq!(all.take_pending(), [Action::Put(product(), Health::Healthy)]);
}

#[test]
fn a_changed_group_writes_its_entries_anew_and_no_others() {
    let mut all = Registrations::default();
    all.connected(FIRST, product(), false);
    all.take_pending();
    all.group_changed("shop", "order", false);
    assert_eq!(all.take_pending(), []);
    all.group_changed("shop", "product", false);
    assert_eq!(all.take_pending(), [Action::Put(product(), Health::Healthy)]);
}

#[test]
fn a_workload_that_came_before_its_group_is_healthy_when_the_group_turns_out_to_have_no_probe() {
    let mut all = Registrations::default();
    // The group is not there to say whether it has a probe.
    all.connected(FIRST, product(), true);
    assert_eq!(all.take_pending(), [Action::Put(product(), Health::Unknown)]);
    all.group_changed("shop", "product", false);
    assert_eq!(all.take_pending(), [Action::Put(product(), Health::Healthy)]);
}

#[test]
fn a_workload_that_came_before_its_group_waits_for_a_report_when_the_group_has_a_probe() {
    let mut all = Registrations::default();
    all.connected(FIRST, product(), true);
    all.group_changed("shop", "product", true);
    assert_eq!(all.take_pending(), [Action::Put(product(), Health::Unknown)]);
}

#[test]
fn a_report_that_came_before_the_group_counts_when_the_group_comes() {
    let mut all = Registrations::default();
    all.connected(FIRST, product(), true);
    all.reported(FIRST, Health::Healthy);
    all.take_pending();
    all.group_changed("shop", "product", true);
    assert_eq!(all.take_pending(), [Action::Put(product(), Health::Healthy)]);
}

#[test]
fn a_probe_added_to_a_group_takes_out_no_workload_that_runs_without_one() {
    let mut all = Registrations::default();
    all.connected(FIRST, product(), false);
    all.take_pending();
    all.group_changed("shop", "product", true);
    assert_eq!(all.take_pending(), [Action::Put(product(), Health::Healthy)]);
    // Nor when its agent reconnects.
    all.connected(SECOND, product(), true);
    assert_eq!(all.take_pending(), []);
    // What it reports counts nevertheless.
    all.reported(SECOND, Health::Unhealthy("draining".to_owned()));
    assert_eq!(all.take_pending(), [Action::Put(product(), Health::Unhealthy("draining".to_owned()))]);
}

#[test]
fn a_workload_that_drained_and_is_back_is_healthy_again_by_its_own_report() {
    let mut all = Registrations::default();
    all.connected(FIRST, product(), false);
    all.reported(FIRST, Health::Unhealthy("draining".to_owned()));
    all.disconnected(FIRST, Instant::now());
    all.connected(SECOND, product(), false);
    all.take_pending();
    all.reported(SECOND, Health::Healthy);
    assert_eq!(all.take_pending(), [Action::Put(product(), Health::Healthy)]);
}

#[test]
fn what_is_written_again_is_the_entry_as_it_is_now_and_nothing_once_it_left() {
    let (mut all, now) = (Registrations::default(), Instant::now());
    all.connected(FIRST, product(), true);
    all.take_pending();
    all.reported(FIRST, Health::Healthy);
    all.take_pending();
    all.write_again(&product().entry());
    assert_eq!(all.take_pending(), [Action::Put(product(), Health::Healthy)]);
    all.disconnected(FIRST, now);
    all.expire(now + GRACE);
    assert_eq!(all.take_pending().len(), 1);
    all.write_again(&product().entry());
    assert_eq!(all.take_pending(), []);
}
