use std::{collections::BTreeSet, net::Ipv4Addr};

use ferro_model::mesh::AddressKey;

use super::{AddressBook, AddressRequest, Lease, REST_MILLIS};

fn key(host: &str) -> AddressKey {
    AddressKey { namespace: "shop".into(), host: host.into() }
}

fn claim(hosts: &[&str]) -> AddressRequest {
    AddressRequest { claim: hosts.iter().map(|host| key(host)).collect(), release: BTreeSet::new() }
}

fn release(hosts: &[&str]) -> AddressRequest {
    AddressRequest { claim: BTreeSet::new(), release: claim(hosts).claim }
}

fn address_of(host: &str) -> Ipv4Addr {
    let assignment = AddressBook::default().assign(&claim(&[host]), 0);
    assignment.book.table().get(&key(host)).expect("an empty book has free addresses")
}

#[test]
fn addresses_depend_on_the_hosts_and_not_on_the_replica_that_asks() {
    let request = claim(&["a.example", "b.example", "c.example"]);
    let one = AddressBook::default().assign(&request, 5);
    let other = AddressBook::default().assign(&request, 900);
    assert_eq!(one.book, other.book);
    assert_eq!(one.touched, request.claim);
    assert!(one.refused.is_empty());
}

#[test]
fn a_released_address_rests_for_a_day_and_then_serves_another_host() {
    let wanted = address_of("a.example");
    let lease = Lease { address: wanted, released_at: Some(1_000) };
    let book = AddressBook::from_leases([(key("gone.example"), lease)]);

    let resting = book.assign(&claim(&["a.example"]), 1_000 + REST_MILLIS - 1);
    assert_ne!(resting.book.table().get(&key("a.example")), Some(wanted));

    let rested = book.assign(&claim(&["a.example"]), 1_000 + REST_MILLIS);
    assert_eq!(rested.book.table().get(&key("a.example")), Some(wanted));
    assert_eq!(rested.book.lease(&key("gone.example")), None);
    assert_eq!(rested.touched, BTreeSet::from([key("a.example"), key("gone.example")]));
}

#[test]
fn a_host_that_comes_back_gets_the_address_it_had() {
    let first = AddressBook::default().assign(&claim(&["a.example"]), 0).book;
    let gone = first.assign(&release(&["a.example"]), 10).book;
    assert_eq!(gone.released_at(&key("a.example")), Some(10));
    let back = gone.assign(&claim(&["a.example"]), 20);
    assert_eq!(back.book, first);
    assert_eq!(back.touched, BTreeSet::from([key("a.example")]));
}

#[test]
fn claiming_and_releasing_what_changes_nothing_touches_nothing() {
    let book = AddressBook::default().assign(&claim(&["a.example"]), 0).book;
    let both = AddressRequest { release: claim(&["a.example"]).claim, ..claim(&["a.example"]) };
    assert!(book.assign(&both, 7).touched.is_empty());
    assert!(book.assign(&release(&["unknown.example"]), 7).touched.is_empty());
}

#[test]
fn a_host_without_a_free_address_is_named() {
    let full = (1_u32..65_535).map(|offset| {
        let [.., high, low] = offset.to_be_bytes();
        (key(&offset.to_string()), Lease { address: Ipv4Addr::new(240, 240, high, low), released_at: None })
    });
    let assignment = AddressBook::from_leases(full).assign(&claim(&["late.example"]), 0);
    assert_eq!(assignment.refused, [key("late.example")]);
    assert!(assignment.touched.is_empty());
}
