use super::{MOST, exceeded};

#[test]
fn what_is_beyond_the_limit_is_said_with_its_numbers() {
    assert_eq!(exceeded((MOST, "hosts"), (1, "routes"), "routes"), None);
    let found = exceeded((MOST, "hosts"), (2, "routes"), "routes").expect("too many");
    assert_eq!(found, "50000 hosts and 2 routes make 100000 routes, and at most 50000 are made");
    assert!(exceeded((usize::MAX, "hosts"), (2, "routes"), "routes").is_some());
}
