use ferro_model::ObjectKind;
use ferro_model::mesh::AddressOrigin;

use super::{changes, deleted, labels, mesh, mesh_from_yaml, pod, service};

#[test]
fn a_mesh_of_documents_answers_like_any_other() {
    let mesh = mesh(&[
        service("shop/reviews", "{selector: {app: reviews}, ports: [{name: http, port: 9080}]}"),
        pod("shop/reviews-1", "{app: reviews}", "10.0.0.1"),
    ]);
    let reviews = mesh.service("reviews.shop.svc.cluster.local", "shop").expect("the service");
    assert_eq!(reviews.address_origin, AddressOrigin::Allocated);
    assert_eq!(mesh.endpoints(reviews).len(), 1);
    let fewer = mesh.apply(&[deleted(ObjectKind::Pod, "shop/reviews-1")]);
    assert!(fewer.endpoints(reviews).is_empty());
}

#[test]
fn documents_without_a_time_are_as_old_as_they_stand_early() {
    let mesh = mesh_from_yaml(
        "{apiVersion: v1, kind: Service, metadata: {name: b, namespace: shop}, spec: {ports: [{port: 80}]}}\n---\n
         {apiVersion: v1, kind: Service, metadata: {name: a, namespace: shop}, spec: {ports: [{port: 80}]}}",
    );
    let age = |name: &str| {
        mesh.service(&format!("{name}.shop.svc.cluster.local"), "shop").expect("the service").precedence.created
    };
    assert!(age("b") < age("a"));
}

#[test]
fn labels_are_read_from_a_mapping() {
    assert_eq!(labels("{app: reviews}")["app"], "reviews");
    assert!(labels("").is_empty());
}

#[test]
#[should_panic(expected = "spec.ports[0].port")]
fn a_document_that_is_not_accepted_fails_the_test_with_its_diagnostics() {
    changes(&[service("shop/reviews", "{ports: [{port: none}]}")]);
}
