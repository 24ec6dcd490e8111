use ferro_model::object::{ObjectKey, ObjectKind};

use super::{Candidate, Chains};
use crate::output::Output;
use crate::parts::range;
use crate::pb::listener::{FilterChain, FilterChainMatch};

fn candidate(object: &str, ranges: &[(&str, u8)], names: &[&str]) -> Candidate {
    let ranges = ranges.iter().map(|(first, prefix)| range(first.parse().expect("an address"), *prefix));
    let found = FilterChainMatch {
        prefix_ranges: ranges.collect(),
        server_names: names.iter().map(|name| (*name).to_owned()).collect(),
        ..FilterChainMatch::default()
    };
    let chain = FilterChain { name: object.to_owned(), filter_chain_match: Some(found), ..FilterChain::default() };
    let key = ObjectKey::new(ObjectKind::ServiceEntry, "ns", object);
    Candidate { chain, object: key, field: String::new(), behind: None }
}

/// `chain: ranges; names` for every chain, and the findings.
fn put(candidates: Vec<Candidate>) -> (Vec<String>, Vec<String>) {
    let (mut chains, mut out) = (Chains::default(), Output::default());
    candidates.into_iter().for_each(|candidate| chains.add(candidate, &mut out));
    let shown = chains.into_vec().into_iter().map(|chain| {
        let found = chain.filter_chain_match.expect("a match");
        let ranges = found.prefix_ranges.iter().map(|range| {
            format!("{}/{}", range.address_prefix, range.prefix_len.as_ref().map_or(0, |length| length.value))
        });
        format!("{}: {}; {}", chain.name, ranges.collect::<Vec<_>>().join(" "), found.server_names.join(" "))
    });
    (shown.collect(), out.findings.into_iter().map(|finding| finding.to_string()).collect())
}

#[test]
fn of_two_chains_with_one_range_the_first_has_it_and_the_other_is_told() {
    let wide = candidate("a", &[("10.0.0.0", 8), ("11.0.0.0", 8)], &[]);
    let (chains, findings) = put(vec![wide, candidate("b", &[("10.1.2.3", 8)], &[])]);
    assert_eq!(chains, ["a: 10.0.0.0/8 11.0.0.0/8; "]);
    let [finding] = &findings[..] else { panic!("one finding, got {findings:?}") };
    assert!(finding.contains("10.0.0.0/8 go where ServiceEntry ns/a says"), "{finding}");
    assert!(finding.starts_with("conflict: ServiceEntry ns/b: "), "{finding}");
}

#[test]
fn a_later_chain_keeps_what_nobody_claimed() {
    let first = candidate("a", &[("10.0.0.0", 8)], &["x"]);
    let second = candidate("b", &[("10.0.0.0", 8), ("11.0.0.0", 8), ("12.0.0.0", 8)], &["x", "y"]);
    let (chains, findings) = put(vec![first, second]);
    assert_eq!(chains, ["a: 10.0.0.0/8; x", "b: 11.0.0.0/8 12.0.0.0/8; x y", "b: 10.0.0.0/8; y"]);
    assert_eq!(findings.len(), 1);
}

#[test]
fn what_a_chain_says_twice_counts_once() {
    let (chains, findings) = put(vec![candidate("a", &[("10.0.0.0", 8), ("10.9.9.9", 8)], &["x", "x"])]);
    assert_eq!((&*chains, findings.len()), (&["a: 10.0.0.0/8; x".to_owned()][..], 0));
}

#[test]
fn a_rule_for_a_service_goes_before_the_service_without_a_word() {
    let rule = candidate("rule", &[], &["a"]);
    let service = Candidate { behind: Some(rule.object.clone()), ..candidate("a", &[], &["a"]) };
    let (chains, findings) = put(vec![rule.clone(), rule, service]);
    assert_eq!((&*chains, findings.len()), (&["rule: ; a".to_owned()][..], 0));
}

#[test]
fn a_chain_of_millions_of_conditions_is_left_out() {
    let names: Vec<String> = (0..1000).map(|n| format!("n{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let firsts: Vec<String> = (0..250).flat_map(|a| (0..4).map(move |b| format!("10.{a}.{b}.0"))).collect();
    let ranges: Vec<(&str, u8)> = firsts.iter().map(|first| (first.as_str(), 24)).collect();
    let (chains, findings) = put(vec![candidate("a", &ranges, &names)]);
    assert_eq!(chains, Vec::<String>::new());
    assert!(findings.iter().all(|finding| finding.contains("1000000 conditions")), "{findings:?}");
}
