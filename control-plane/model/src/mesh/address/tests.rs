use std::collections::BTreeSet;

use proptest::prelude::{Strategy, prop, prop_assert, prop_assert_eq, proptest};

use super::{AddressKey, AddressTable, SLOTS, address_of, allocate, slot_of};

fn key(host: &str) -> AddressKey {
    AddressKey { namespace: "shop".into(), host: host.into() }
}

fn keys() -> impl Strategy<Value = BTreeSet<AddressKey>> {
    prop::collection::btree_set("[a-c]{1,3}", 0..12).prop_map(|hosts| hosts.iter().map(|host| key(host)).collect())
}

#[test]
fn addresses_lie_in_the_reserved_range_and_leave_out_its_first_and_last() {
    assert_eq!(address_of(0).to_string(), "240.240.0.1");
    assert_eq!(address_of(SLOTS - 1).to_string(), "240.240.255.254");
}

#[test]
fn the_hash_that_places_names_never_changes() {
    assert_eq!(address_of(slot_of(&key("api.example.com"))).to_string(), "240.240.26.108");
}

#[test]
fn a_name_whose_slot_is_taken_gets_the_next_free_one() {
    let wanted = key("api.example.com");
    let mut table = AddressTable::default();
    assert!(table.insert(key("squatter"), address_of(slot_of(&wanted))));
    let table = allocate(&table, [wanted.clone()]).table;
    assert_eq!(table.get(&wanted), Some(address_of((slot_of(&wanted) + 1) % SLOTS)));
}

#[test]
fn an_address_that_is_taken_is_not_given_twice_until_its_owner_leaves() {
    let mut table = allocate(&AddressTable::default(), [key("a")]).table;
    let address = table.get(&key("a")).unwrap();
    assert!(!table.insert(key("b"), address));
    assert_eq!(table.remove(&key("a")), Some(address));
    assert!(table.insert(key("b"), address));
}

#[test]
fn a_full_range_refuses_by_name_and_keeps_the_rest() {
    let mut table = AddressTable::default();
    for slot in 0..SLOTS {
        table.insert(key(&format!("h{slot}")), address_of(slot));
    }
    let allocation = allocate(&table, [key("one-more"), key("h0")]);
    assert_eq!(allocation.refused, [key("one-more")]);
    assert_eq!(allocation.table, table);
}

proptest! {
    #[test]
    fn every_name_gets_one_address_and_no_address_two_names(first in keys(), second in keys()) {
        let table = allocate(&allocate(&AddressTable::default(), first.clone()).table, second.clone()).table;
        let all: BTreeSet<_> = first.union(&second).cloned().collect();
        prop_assert_eq!(table.len(), all.len());
        prop_assert!(all.iter().all(|key| table.get(key).is_some()));
        let addresses: BTreeSet<_> = table.iter().map(|(_, address)| address).collect();
        prop_assert_eq!(addresses.len(), all.len());
    }

    #[test]
    fn the_order_in_which_names_are_asked_for_does_not_matter(names in keys()) {
        let forwards = allocate(&AddressTable::default(), names.iter().cloned()).table;
        let backwards = allocate(&AddressTable::default(), names.iter().rev().cloned()).table;
        prop_assert_eq!(forwards, backwards);
    }

    #[test]
    fn names_keep_their_address_whatever_comes_later(first in keys(), second in keys()) {
        let before = allocate(&AddressTable::default(), first).table;
        let after = allocate(&before, second).table;
        prop_assert!(before.iter().all(|(key, address)| after.get(key) == Some(address)));
    }

    #[test]
    fn the_difference_of_two_tables_names_exactly_what_differs(first in keys(), second in keys()) {
        let before = allocate(&AddressTable::default(), first).table;
        let after = allocate(&AddressTable::default(), second).table;
        let changed: BTreeSet<_> = before.changed(&after).into_iter().collect();
        let all: BTreeSet<_> = before.iter().chain(after.iter()).map(|(key, _)| key.clone()).collect();
        let differing: BTreeSet<_> = all.into_iter().filter(|key| before.get(key) != after.get(key)).collect();
        prop_assert_eq!(changed, differing);
    }
}
