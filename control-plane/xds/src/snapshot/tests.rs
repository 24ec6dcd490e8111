use std::{collections::BTreeSet, sync::Arc};

use ferro_xds_protos::{Kind, Resource};

use super::{Lookup, ResourceSet, Snapshot, TypeSet, Update};

const CDS: Kind = Kind::Cluster;

fn put(name: &str, version: &str) -> Update {
    Update::put(Resource::from_parts(CDS.type_url(), name.into(), version.into(), b""))
}

fn snapshot(types: TypeSet) -> Snapshot {
    Snapshot::new(vec![Arc::new(ResourceSet::whole().with(CDS, types))])
}

fn changed(before: &TypeSet, after: &TypeSet) -> BTreeSet<Arc<str>> {
    Snapshot::changed(CDS, &snapshot(before.clone()), &snapshot(after.clone()))
}

fn names(names: &[&str]) -> BTreeSet<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

#[test]
fn the_log_names_exactly_what_changed_since() {
    let first = TypeSet::whole().apply((0..100).map(|index| put(&format!("n{index}"), "1")));
    let second = first.apply([put("n1", "2"), put("n2", "1")]);
    let third = second.apply([Update::gone("n3")]);
    assert_eq!(changed(&first, &third), names(&["n1", "n3"]));
    assert_eq!(changed(&second, &third), names(&["n3"]));
    assert!(changed(&third, &third).is_empty());
}

#[test]
fn two_sets_made_from_one_are_compared_in_full() {
    let base = TypeSet::whole().apply([put("a", "1"), put("b", "1")]);
    let (left, right) = (base.apply([put("a", "2")]), base.apply([put("b", "2")]));
    assert_eq!(changed(&left, &right), names(&["a", "b"]));
}

#[test]
fn a_set_too_far_behind_is_compared_in_full() {
    let base = TypeSet::whole().apply([put("a", "1")]);
    let many = (0..5000).fold(base.clone(), |set, turn| set.apply([put("b", &turn.to_string())]));
    assert_eq!(changed(&base, &many), names(&["b"]));
}

#[test]
fn the_digest_depends_on_content_and_not_on_how_it_came_about() {
    let one = TypeSet::whole().apply([put("a", "1"), put("b", "1")]);
    let other = TypeSet::whole().apply([put("b", "2"), put("c", "1")]).apply([put("b", "1"), put("a", "1")]);
    assert_ne!(one.digest(), other.digest());
    assert_eq!(one.digest(), other.apply([Update::gone("c")]).digest());
}

#[test]
fn a_partial_set_tells_absent_from_unknown() {
    let set = TypeSet::partial().apply([put("a", "1"), Update::gone("b")]);
    assert!(matches!(set.lookup("a"), Lookup::Found(_)));
    assert!(matches!(set.lookup("b"), Lookup::Absent));
    assert!(matches!(set.lookup("c"), Lookup::Unknown));
    assert!(matches!(set.forget(["b"]).lookup("b"), Lookup::Unknown));
    assert!(!set.answered() && set.with_answered(true).answered());
}

#[test]
fn an_update_that_changes_nothing_leaves_the_set_as_it_was() {
    let set = ResourceSet::whole().apply([(CDS, put("a", "1"))]);
    let same = set.apply([(CDS, put("a", "1")), (CDS, Update::gone("nobody"))]);
    assert!(Arc::ptr_eq(set.of(CDS), same.of(CDS)));
}

#[test]
fn resources_are_found_by_prefix() {
    let set = TypeSet::whole().apply(["r/a", "r/b", "r2/a", "q"].map(|name| put(name, "1")));
    let found: Vec<_> = set.with_prefix("r/").map(|resource| resource.name().to_string()).collect();
    assert_eq!(found, ["r/a", "r/b"]);
}
