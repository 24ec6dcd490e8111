use super::{HostIndex, HostPattern, resolve_short_name};

fn resolved(host: &str) -> String {
    resolve_short_name(host, "shop", "cluster.local").to_string()
}

#[test]
fn a_name_without_a_dot_is_completed_with_the_namespace_of_its_object() {
    assert_eq!(resolved("reviews"), "reviews.shop.svc.cluster.local");
}

#[test]
fn dotted_names_wildcards_and_addresses_stay_as_they_are() {
    for host in ["reviews.default", "example.com", "*", "*.example.com", "10.0.0.1", "2001:db8::1", ""] {
        assert_eq!(resolved(host), host);
    }
}

#[test]
fn a_wildcard_covers_names_with_its_ending_and_narrower_wildcards() {
    let pattern = HostPattern::new("*.example.com");
    for inside in ["a.example.com", "a.b.example.com", "*.b.example.com", "*.example.com"] {
        assert!(pattern.covers(inside), "{inside}");
    }
    for outside in ["example.com", "example.org", "*.com", "*"] {
        assert!(!pattern.covers(outside), "{outside}");
    }
    assert!(HostPattern::new("*").covers("anything"));
    assert!(!HostPattern::new("a.example.com").covers("*.example.com"));
}

#[test]
fn patterns_overlap_when_either_covers_the_other() {
    assert!(HostPattern::new("a.example.com").overlaps("*.example.com"));
    assert!(HostPattern::new("*.example.com").overlaps("a.example.com"));
    assert!(!HostPattern::new("*.example.com").overlaps("*.example.org"));
}

#[test]
fn the_index_finds_exact_names_first_and_then_the_longest_ending() {
    let mut index = HostIndex::default();
    for pattern in ["*", "*.com", "a.b.com", "*.b.com", "*b.com", "c.b.com"] {
        index.set(pattern, Some(pattern.to_owned()));
    }
    let found = |host| index.most_specific(host).map(String::as_str).collect::<Vec<_>>();
    assert_eq!(found("a.b.com"), ["a.b.com", "*.b.com", "*b.com", "*.com", "*"]);
    assert_eq!(found("*.b.com"), ["*.b.com", "*b.com", "*.com", "*"]);
    assert_eq!(found("x.org"), ["*"]);
}

#[test]
fn the_index_forgets_a_pattern_that_is_taken_out() {
    let mut index = HostIndex::default();
    index.set("*.com", Some(1));
    index.set("a.com", Some(2));
    index.set("*.com", None);
    assert_eq!(index.most_specific("a.com").copied().collect::<Vec<_>>(), [2]);
    index.set("a.com", None);
    assert!(index.is_empty());
}

#[test]
fn names_outside_of_ascii_are_looked_up_without_harm() {
    let mut index = HostIndex::default();
    index.set("*.com", Some(1));
    assert_eq!(index.most_specific("bücher.com").copied().collect::<Vec<_>>(), [1]);
}
