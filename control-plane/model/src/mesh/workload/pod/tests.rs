use super::controller;
use crate::mesh::service::Labels;

fn labelled(key: &str, value: &str) -> Labels {
    Labels::from([(key.to_owned(), value.to_owned())])
}

#[test]
fn a_pod_of_a_deployment_is_called_after_the_deployment() {
    let labels = labelled("pod-template-hash", "5d4f7c");
    assert_eq!(controller("reviews-v1-5d4f7c-abcde", &labels), "reviews-v1");
    assert_eq!(controller("odd", &labels), "odd");
}

#[test]
fn a_pod_of_a_stateful_set_is_called_after_the_set() {
    assert_eq!(controller("db-0", &labelled("statefulset.kubernetes.io/pod-name", "db-0")), "db");
}

#[test]
fn any_other_pod_is_called_as_it_is() {
    assert_eq!(controller("batch-job-1", &Labels::new()), "batch-job-1");
}
