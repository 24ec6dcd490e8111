//! Rules in which time passes: 16, 17, the wait before removals, and what a partial snapshot keeps silent about.

use std::time::Duration;

use ferro_xds_protos::Kind;

use super::rig::{Rig, names, put, removed, versions};
use crate::{ResourceSet, TypeSet, Update, Variant};

const CDS: Kind = Kind::Cluster;
const EDS: Kind = Kind::Endpoint;
const LDS: Kind = Kind::Listener;
const RDS: Kind = Kind::Route;

const SUSPICION: Duration = Duration::from_secs(20);

fn world() -> ResourceSet {
    ResourceSet::whole().apply([put(CDS, "a", "1"), put(EDS, "a", "1"), put(LDS, "l", "1"), put(RDS, "r", "1")])
}

/// A client that has all of [`world`].
fn settled() -> Rig {
    let mut rig = Rig::new(Variant::Delta, world());
    rig.ask(CDS, &[], &[]);
    rig.ask(EDS, &["a"], &[]);
    rig.ask(LDS, &[], &[]);
    rig.ask(RDS, &["r"], &[]);
    rig.settle();
    rig.wait(Duration::from_secs(1));
    rig
}

#[test]
fn rule_16_clusters_unanswered_for_twenty_seconds_are_taken_back() {
    let mut rig = settled();
    rig.apply([put(CDS, "bad", "1"), put(CDS, "good", "1"), put(CDS, "a", "2")]);
    let clusters = rig.expect(CDS);
    let endpoints = rig.expect(EDS);
    rig.ack(&endpoints);
    rig.wait(SUSPICION - Duration::from_millis(1));
    assert!(rig.next().is_none());
    rig.wait(Duration::from_millis(1));
    assert_eq!(rig.suspected().iter().map(|name| &**name).collect::<Vec<_>>(), ["a", "bad", "good"]);
    let taken_back = rig.expect(CDS);
    assert_eq!((versions(&taken_back), removed(&taken_back)), (vec![("a", "1")], vec!["bad", "good"]));
    rig.nack(&clusters, "cluster bad: ring min > max");
    rig.ack(&taken_back);
    let again = rig.expect(CDS);
    assert_eq!(versions(&again), [("a", "2"), ("good", "1")], "the late refusal cleared them");
}

#[test]
fn rule_16_an_update_that_is_not_answered_is_undone_although_nothing_else_is_to_be_sent() {
    let mut rig = settled();
    rig.apply([put(CDS, "a", "2")]);
    let clusters = rig.expect(CDS);
    let endpoints = rig.expect(EDS);
    rig.ack(&endpoints);
    rig.wait(SUSPICION);
    assert_eq!(rig.suspected().len(), 1);
    let undone = rig.expect(CDS);
    assert_eq!(versions(&undone), [("a", "1")]);
    rig.nack(&clusters, "no");
    rig.ack(&undone);
    let endpoints = rig.expect(EDS);
    rig.ack(&endpoints);
    assert!(rig.next().is_none(), "it was the only one, so it is to blame");
    rig.apply([put(CDS, "a", "3")]);
    assert_eq!(versions(&rig.expect(CDS)), [("a", "3")]);
}

#[test]
fn rule_16_a_late_refusal_that_names_nothing_has_each_tried_alone() {
    let mut rig = settled();
    rig.apply([put(CDS, "bad", "1"), put(CDS, "good", "1")]);
    let clusters = rig.expect(CDS);
    rig.wait(SUSPICION);
    let taken_back = rig.expect(CDS);
    rig.nack(&clusters, "no");
    rig.ack(&taken_back);
    let alone = rig.expect(CDS);
    assert_eq!(names(&alone), ["bad"]);
    rig.nack(&alone, "no");
    assert_eq!(names(&rig.expect(CDS)), ["good"]);
}

#[test]
fn rule_17_what_was_taken_back_without_an_answer_is_still_in_doubt_on_the_next_stream() {
    let mut first = settled();
    first.apply([put(CDS, "bad", "1")]);
    first.expect(CDS);
    first.wait(SUSPICION);
    first.expect(CDS);
    first.wait(SUSPICION);
    assert_eq!(first.session.carry().unconfirmed.iter().map(|name| &**name).collect::<Vec<_>>(), ["bad"]);
}

#[test]
fn a_refusal_is_still_shown_to_people_after_the_client_came_back() {
    let mut first = settled();
    first.apply([put(CDS, "bad", "1")]);
    let refused = first.expect(CDS);
    first.nack(&refused, "no such thing");
    let mut back = Rig::resumed(Variant::Delta, first.resources.clone(), first.session.carry());
    let nack = |rig: &Rig| rig.session.status().kinds.into_iter().find_map(|kind| kind.nack);
    back.ask(CDS, &[], &[("a", "1")]);
    let shown = nack(&back).expect("a refusal");
    assert_eq!((shown.message.as_str(), shown.items.len()), ("no such thing", 1));
    back.apply([(CDS, Update::gone("bad"))]);
    assert!(nack(&back).is_none());
}

#[test]
fn a_refused_change_that_was_undone_does_not_cost_the_client_its_cluster() {
    let mut rig = settled();
    rig.apply([put(CDS, "a", "2")]);
    let refused = rig.expect(CDS);
    rig.settle();
    rig.nack(&refused, "no");
    rig.apply([put(CDS, "a", "1")]);
    assert!(rig.next().is_none(), "it has that one");
    rig.apply([put(CDS, "b", "1")]);
    let response = rig.expect(CDS);
    assert_eq!((versions(&response), removed(&response)), (vec![("b", "1"), ("a", "1")], vec![]));
}

#[test]
fn an_agent_sees_to_its_silent_envoy_itself() {
    let mut rig = settled();
    rig.ask(Kind::NameTable, &["*"], &[]);
    rig.settle();
    rig.apply([put(CDS, "b", "1")]);
    rig.expect(CDS);
    rig.wait(10 * SUSPICION);
    assert!(rig.suspected().is_empty() && rig.next().is_none());
}

#[test]
fn rule_16_a_late_acceptance_brings_everything_back() {
    let mut rig = settled();
    rig.apply([put(CDS, "slow", "1")]);
    let clusters = rig.expect(CDS);
    rig.wait(SUSPICION);
    let taken_back = rig.expect(CDS);
    rig.ack(&clusters);
    rig.ack(&taken_back);
    assert_eq!(names(&rig.expect(CDS)), ["slow"]);
}

#[test]
fn rule_16_waits_while_endpoints_it_needs_are_unanswered() {
    let mut rig = settled();
    rig.apply([put(CDS, "a", "2")]);
    rig.expect(CDS);
    rig.expect(EDS);
    rig.wait(10 * SUSPICION);
    assert!(rig.suspected().is_empty());
}

#[test]
fn rule_16_waits_while_the_transport_has_not_taken_the_response() {
    let mut rig = settled();
    rig.apply([put(CDS, "b", "1")]);
    let response = rig.session.next_response(rig.now).expect("clusters");
    rig.wait(10 * SUSPICION);
    assert!(rig.suspected().is_empty());
    rig.session.on_written(CDS, &response.nonce, rig.now);
    assert_eq!(rig.session.deadline(), Some(rig.now + SUSPICION));
}

#[test]
fn rule_16_repaired_content_follows_when_what_is_suspected_was_taken_back() {
    let mut rig = settled();
    rig.apply([put(CDS, "bad", "1")]);
    rig.expect(CDS);
    rig.apply([put(CDS, "bad", "2")]);
    assert!(rig.next().is_none(), "one response of a type at a time");
    rig.wait(SUSPICION);
    let taken_back = rig.expect(CDS);
    assert_eq!(removed(&taken_back), ["bad"]);
    rig.ack(&taken_back);
    assert_eq!(names(&rig.expect(CDS)), ["bad"]);
}

#[test]
fn rule_16_routes_are_not_held_up_for_longer_than_the_suspicion() {
    let mut rig = settled();
    rig.apply([put(CDS, "b", "1"), put(RDS, "r", "2")]);
    rig.expect(CDS);
    assert!(rig.next().is_none());
    rig.wait(SUSPICION);
    let taken_back = rig.expect(CDS);
    rig.ack(&taken_back);
    assert_eq!(names(&rig.expect(RDS)), ["r"]);
}

#[test]
fn rule_17_a_stream_without_clusters_is_told_to_drop_what_the_last_one_left_in_doubt() {
    let mut first = settled();
    first.apply([put(CDS, "bad", "1"), put(CDS, "good", "1")]);
    first.expect(CDS);
    let carried = first.session.carry();
    let mut rig = Rig::resumed(Variant::Delta, first.resources.clone(), carried);
    rig.ask(LDS, &[], &[("l", "1")]);
    rig.wait(Duration::from_millis(4999));
    assert!(rig.next().is_none());
    rig.wait(Duration::from_millis(1));
    let freed = rig.expect(CDS);
    assert_eq!(removed(&freed), ["bad", "good"]);
    rig.ask(CDS, &[], &[("a", "1")]);
    rig.ack(&freed);
    let alone = rig.expect(CDS);
    assert_eq!(names(&alone), ["bad"], "each is tried alone");
    rig.nack(&alone, "no");
    assert_eq!(names(&rig.expect(CDS)), ["good"]);
}

#[test]
fn rule_17_says_nothing_to_a_client_that_asks_for_clusters_in_time() {
    let mut first = settled();
    first.apply([put(CDS, "b", "1")]);
    first.expect(CDS);
    let mut rig = Rig::resumed(Variant::Delta, first.resources.clone(), first.session.carry());
    rig.ask(CDS, &[], &[("a", "1")]);
    rig.wait(Duration::from_secs(60));
    let response = rig.expect(CDS);
    assert_eq!((names(&response), removed(&response)), (vec!["b"], vec![]));
}

#[test]
fn rule_13_what_was_refused_is_remembered_for_a_client_that_comes_back_and_not_for_one_that_starts_anew() {
    let mut first = settled();
    first.apply([put(CDS, "bad", "1")]);
    let refused = first.expect(CDS);
    first.nack(&refused, "no");
    let carried = first.session.carry();
    let mut back = Rig::resumed(Variant::Delta, first.resources.clone(), carried.clone());
    back.ask(CDS, &[], &[("a", "1")]);
    assert!(back.next().is_none());
    let mut anew = Rig::resumed(Variant::Delta, first.resources.clone(), carried);
    anew.ask(CDS, &[], &[]);
    assert_eq!(names(&anew.expect(CDS)), ["a", "bad"]);
}

#[test]
fn an_agent_whose_new_envoy_has_nothing_is_told_everything_also_what_the_last_envoy_refused_and_what_is_gone() {
    let mut first = settled();
    first.apply([put(LDS, "l", "2")]);
    let refused = first.expect(LDS);
    first.nack(&refused, "no");
    let mut anew = Rig::resumed(Variant::Delta, first.resources.clone(), first.session.carry());
    anew.ask(LDS, &[], &[("l", ""), ("gone", "")]);
    let response = anew.expect(LDS);
    assert_eq!((versions(&response), removed(&response)), (vec![("l", "2")], vec!["gone"]));
}

#[test]
fn a_client_that_asks_for_a_refused_name_and_has_nothing_of_it_is_answered() {
    let mut first = Rig::new(Variant::Delta, world());
    first.ask(RDS, &["r"], &[]);
    let refused = first.expect(RDS);
    first.nack(&refused, "no");
    let mut back = Rig::resumed(Variant::Delta, first.resources.clone(), first.session.carry());
    back.ask(CDS, &[], &[("a", "1")]);
    back.ask(RDS, &["r"], &[]);
    assert_eq!(names(&back.expect(RDS)), ["r"]);
}

#[test]
fn removals_wait_until_a_client_that_comes_back_has_named_what_it_holds() {
    let mut rig = Rig::new(Variant::Delta, world());
    rig.ask(CDS, &[], &[("a", "1"), ("gone", "1")]);
    assert!(rig.next().is_none());
    rig.ask(LDS, &[], &[("l", "1")]);
    rig.ask(RDS, &["r"], &[("r", "0")]);
    let route = rig.expect(RDS);
    rig.wait(Duration::from_secs(1));
    assert!(rig.next().is_none(), "the route that may still use it is not accepted");
    rig.ack(&route);
    assert_eq!(removed(&rig.expect(CDS)), ["gone"]);
}

#[test]
fn a_partial_snapshot_says_nothing_of_what_it_was_not_told() {
    let mut rig = Rig::new(Variant::Delta, ResourceSet::partial());
    rig.ask(CDS, &[], &[("held", "1")]);
    rig.ask(EDS, &["a", "b"], &[]);
    rig.wait(Duration::from_secs(2));
    assert!(rig.next().is_none());
    rig.apply([put(EDS, "a", "1"), (EDS, Update::gone("b"))]);
    let endpoints = rig.expect(EDS);
    assert_eq!((names(&endpoints), removed(&endpoints)), (vec!["a"], vec!["b"]));
    rig.ack(&endpoints);
    assert!(rig.next().is_none());
}

#[test]
fn rule_34_a_partial_snapshot_answers_an_empty_wildcard_once_it_knows() {
    let mut rig = Rig::new(Variant::Delta, ResourceSet::partial());
    rig.ask(CDS, &[], &[]);
    assert!(rig.next().is_none());
    let answered = TypeSet::partial().with_answered(true);
    let resources = rig.resources.clone().with(CDS, answered);
    rig.resources = resources;
    rig.apply([]);
    assert_eq!(names(&rig.expect(CDS)), Vec::<&str>::new());
}

#[test]
fn a_name_a_partial_snapshot_forgets_is_not_removed_from_the_client() {
    let mut rig = Rig::new(Variant::Delta, ResourceSet::partial().apply([put(EDS, "a", "1")]));
    rig.ask(EDS, &["a"], &[]);
    rig.settle();
    let forgotten = rig.resources.of(EDS).forget(["a"]);
    rig.resources = rig.resources.clone().with(EDS, forgotten);
    rig.apply([]);
    rig.wait(Duration::from_secs(2));
    assert!(rig.next().is_none());
    rig.apply([put(EDS, "a", "1")]);
    assert!(rig.next().is_none(), "it has that version already");
    rig.apply([put(EDS, "a", "2")]);
    assert_eq!(names(&rig.expect(EDS)), ["a"]);
}

#[test]
fn a_carried_nothing_is_nothing() {
    let mut rig = settled();
    assert!(rig.session.carry().is_empty());
    rig.wait(Duration::from_secs(3600));
    assert!(rig.next().is_none() && rig.session.deadline().is_none());
}
