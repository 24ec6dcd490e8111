use super::LabelIndex;
use crate::mesh::service::Labels;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_selector_is_found_from_any_labels_that_hold_its_first_pair() {
    let mut index = LabelIndex::default();
    index.insert_selector("shop", &labels(&[("app", "a"), ("tier", "web")]), 1);
    let found = |namespace, pairs| index.selector_candidates(namespace, &labels(pairs)).copied().collect::<Vec<_>>();
    assert_eq!(found("shop", &[("app", "a"), ("version", "v1")]), [1]);
    assert!(found("shop", &[("app", "b")]).is_empty());
    assert!(found("other", &[("app", "a")]).is_empty());
}

#[test]
fn workloads_are_found_through_the_rarest_pair_of_a_selector() {
    let mut index = LabelIndex::default();
    for item in 0..10 {
        index.insert_workload("shop", &labels(&[("release", "main"), ("app", &item.to_string())]), &item);
    }
    let selector = labels(&[("release", "main"), ("app", "7")]);
    assert_eq!(index.workload_candidates("shop", &selector).copied().collect::<Vec<_>>(), [7]);
    let nowhere = labels(&[("release", "main"), ("app", "none")]);
    assert_eq!(index.workload_candidates("shop", &nowhere).count(), 0);
}

#[test]
fn what_is_taken_out_is_not_found_and_leaves_nothing_behind() {
    let mut index = LabelIndex::default();
    let pairs = labels(&[("app", "a"), ("version", "v1")]);
    index.insert_workload("shop", &pairs, &1);
    index.insert_selector("shop", &pairs, 2);
    index.remove_workload("shop", &pairs, &1);
    index.remove_selector("shop", &pairs, 2);
    assert!(index.by_pair.is_empty());
}
