use super::Multimap;

#[test]
fn a_key_has_its_items_in_order_and_those_of_no_other() {
    let mut map = Multimap::default();
    for (key, item) in [("b", 2), ("a", 3), ("b", 1), ("c", 0)] {
        map.insert(key, item, item * 10);
    }
    let of = |key| map.of(key).map(|(item, value)| (*item, *value)).collect::<Vec<_>>();
    assert_eq!(of("b"), [(1, 10), (2, 20)]);
    assert_eq!(of("a"), [(3, 30)]);
    assert!(of("d").is_empty());
}

#[test]
fn an_item_is_replaced_and_taken_out_alone() {
    let mut map = Multimap::default();
    map.insert("a", 1, "old");
    map.insert("a", 1, "new");
    map.insert("a", 2, "two");
    map.remove("a", 2);
    assert_eq!(map.of("a").collect::<Vec<_>>(), [(&1, &"new")]);
    map.remove("a", 1);
    assert!(map.is_empty());
}
