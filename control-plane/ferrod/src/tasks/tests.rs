use std::sync::Arc;

use ferro_model::MeshConfig;
use ferro_model::mesh::{AddressKey, Mesh};
use ferro_store::address::{AddressBook, AddressRequest, REST_MILLIS};

use super::address_request;
use crate::testing::changes;

const ENTRY: &str = "{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: bank, namespace: shop}, spec: \
                     {hosts: [bank.example], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}}";

/// The mesh with the entry or without, and what is asked for it.
fn step(book: &AddressBook, there: bool, now: u64) -> (AddressRequest, AddressBook) {
    let empty = Mesh::new(Arc::new(MeshConfig::default()));
    let mesh = if there { empty.apply(&changes(ENTRY)) } else { empty };
    let request = address_request(&mesh.with_addresses(book.table().clone()), book);
    let book = book.assign(&request, now).book;
    (request, book)
}

#[test]
fn nothing_is_asked_for_hosts_whose_address_is_in_order() {
    let (_, given) = step(&AddressBook::default(), true, 0);
    assert_eq!(given.table().len(), 1);
    assert_eq!(step(&given, true, 1).0, AddressRequest::default());
    let (_, resting) = step(&given, false, 1);
    assert_eq!(step(&resting, false, 2).0, AddressRequest::default(), "it rests already");
}

#[test]
fn a_host_that_comes_back_has_its_address_for_longer_than_it_would_have_rested() {
    let key = AddressKey { namespace: "shop".into(), host: "bank.example".into() };
    let (_, given) = step(&AddressBook::default(), true, 0);
    let address = given.table().get(&key);
    let (_, resting) = step(&given, false, 1);
    let (_, back) = step(&resting, true, 2);
    assert_eq!(back.released_at(&key), None);
    // Rests end when somebody else needs an address.
    let other = AddressKey { namespace: "shop".into(), host: "other.example".into() };
    let request = AddressRequest { claim: [other].into(), ..AddressRequest::default() };
    assert_eq!(back.assign(&request, 3 + REST_MILLIS).book.table().get(&key), address);
}
