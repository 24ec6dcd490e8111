//! Which DestinationRule is in force for whom, and what several merge to.

use super::fixture::{Doc, changes, deleted, destination_rule, labels, mesh, service};
use crate::mesh::{EffectiveDestinationRule, Mesh};

const REVIEWS: &str = "reviews.shop.svc.cluster.local";

fn world(rules: &[Doc]) -> Mesh {
    let mut documents = vec![service("shop/reviews", "{ports: [{name: http, port: 80}, {name: tcp, port: 81}]}")];
    documents.extend(rules.iter().cloned());
    mesh(&documents)
}

fn rule<'a>(mesh: &'a Mesh, client: &str, pairs: &str) -> Option<&'a EffectiveDestinationRule> {
    let service = mesh.service(REVIEWS, client).unwrap();
    mesh.destination_rule_for(client, &labels(pairs), service).map(|rule| &**rule)
}

/// The objects that the rule in force was merged from, leading one first.
fn sources(mesh: &Mesh, client: &str, pairs: &str) -> Vec<String> {
    let sources = rule(mesh, client, pairs).map(|rule| rule.sources.clone()).unwrap_or_default();
    sources.iter().map(|key| format!("{}/{}", key.namespace, key.name)).collect()
}

fn subset_names(mesh: &Mesh, client: &str, pairs: &str) -> Vec<String> {
    let rule = rule(mesh, client, pairs).unwrap();
    rule.subsets.iter().map(|subset| subset.name.clone()).collect()
}

fn for_host(name: &str, host: &str, rest: &str) -> Doc {
    destination_rule(name, &format!("{{host: '{host}', {rest}}}"))
}

#[test]
fn the_client_namespace_is_asked_first_then_the_service_namespace_then_the_root() {
    let rules = [
        for_host("istio-system/root", REVIEWS, ""),
        for_host("shop/service", "reviews", ""),
        for_host("client/own", REVIEWS, ""),
    ];
    let all = world(&rules);
    assert_eq!(sources(&all, "client", ""), ["client/own"]);
    assert_eq!(sources(&all, "other", ""), ["shop/service"]);
    assert_eq!(sources(&world(&rules[..1]), "other", ""), ["istio-system/root"]);
}

#[test]
fn the_first_level_with_a_rule_wins_whole_and_nothing_is_merged_across_levels() {
    let all = world(&[
        for_host("shop/service", "reviews", "subsets: [{name: v1}]"),
        for_host("client/own", "*.local", "trafficPolicy: {tls: {mode: DISABLE}}"),
    ]);
    let own = rule(&all, "client", "").unwrap();
    assert_eq!(own.host.as_str(), "*.local");
    assert!(own.subsets.is_empty());
}

#[test]
fn within_a_level_the_most_specific_host_wins() {
    let all = world(&[
        for_host("shop/all", "*", ""),
        for_host("shop/near", "*.shop.svc.cluster.local", ""),
        for_host("shop/exact", "reviews", ""),
    ]);
    assert_eq!(sources(&all, "shop", ""), ["shop/exact"]);
    let without = all.apply(&[deleted("DestinationRule", "shop/exact")]);
    assert_eq!(sources(&without, "shop", ""), ["shop/near"]);
}

#[test]
fn rules_that_are_not_exported_to_the_client_do_not_count() {
    let all = world(&[
        for_host("shop/private", "reviews", "exportTo: ['.']"),
        for_host("istio-system/named", REVIEWS, "exportTo: [friend]"),
    ]);
    assert_eq!(sources(&all, "shop", ""), ["shop/private"]);
    assert_eq!(sources(&all, "friend", ""), ["istio-system/named"]);
    assert!(sources(&all, "stranger", "").is_empty());
}

#[test]
fn in_the_root_namespace_only_private_rules_come_before_those_of_the_service() {
    let rules = [
        for_host("istio-system/wide", "*.local", ""),
        for_host("shop/service", "reviews", ""),
        for_host("istio-system/own", "*.local", "exportTo: ['.']"),
    ];
    assert_eq!(sources(&world(&rules[..2]), "istio-system", ""), ["shop/service"]);
    assert_eq!(sources(&world(&rules), "istio-system", ""), ["istio-system/own"]);
}

#[test]
fn rules_of_one_host_in_one_namespace_merge_subsets_and_keep_the_first_policy() {
    let all = world(&[
        for_host("shop/a", "reviews", "subsets: [{name: v1, labels: {version: v1}}]"),
        for_host("shop/b", REVIEWS, "subsets: [{name: v2}, {name: v1}], trafficPolicy: {tls: {mode: DISABLE}}"),
        for_host("shop/c", "reviews", "trafficPolicy: {tls: {mode: SIMPLE}}"),
    ]);
    assert_eq!(sources(&all, "shop", ""), ["shop/a", "shop/b", "shop/c"]);
    assert_eq!(subset_names(&all, "shop", ""), ["v1", "v2"]);
    let merged = rule(&all, "shop", "").unwrap();
    assert_eq!(merged.subset("v1").unwrap().labels, labels("{version: v1}"));
    assert_eq!(merged.traffic_policy, only_policy("{tls: {mode: DISABLE}}"));
    assert_eq!(merged.dropped_subsets.len(), 1);
    assert_eq!(merged.dropped_subsets[0].1, "v1");
}

fn only_policy(policy: &str) -> Option<crate::istio::TrafficPolicy> {
    let mesh = world(&[for_host("shop/x", "reviews", &format!("trafficPolicy: {policy}"))]);
    rule(&mesh, "shop", "").unwrap().traffic_policy.clone()
}

#[test]
fn the_oldest_rule_leads_the_merge() {
    let all = world(&[
        for_host("shop/young", "reviews", "subsets: [{name: v1}]").created("2026-02-01T00:00:00Z"),
        for_host("shop/old", "reviews", "subsets: [{name: v2}]").created("2026-01-01T00:00:00Z"),
    ]);
    assert_eq!(subset_names(&all, "shop", ""), ["v2", "v1"]);
}

#[test]
fn a_rule_with_a_selector_is_for_the_clients_it_selects_in_its_namespace() {
    let all = world(&[
        for_host("shop/plain", "reviews", "subsets: [{name: v1}]"),
        for_host("shop/picky", "reviews", "workloadSelector: {matchLabels: {app: a}}, subsets: [{name: v2}]"),
    ]);
    assert_eq!(subset_names(&all, "shop", "{app: a}"), ["v2", "v1"]);
    assert_eq!(subset_names(&all, "shop", "{app: b}"), ["v1"]);
    assert_eq!(subset_names(&all, "other", "{app: a}"), ["v1"]);
}

#[test]
fn rules_with_different_selectors_stay_apart_and_equal_ones_merge() {
    let all = world(&[
        for_host("shop/a", "reviews", "workloadSelector: {matchLabels: {app: a}}, subsets: [{name: a}]"),
        for_host("shop/b", "reviews", "workloadSelector: {matchLabels: {app: b}}, subsets: [{name: b}]"),
        for_host("shop/c", "reviews", "workloadSelector: {matchLabels: {app: a}}, subsets: [{name: c}]"),
    ]);
    assert_eq!(subset_names(&all, "shop", "{app: a}"), ["a", "c"]);
    assert_eq!(subset_names(&all, "shop", "{app: b}"), ["b"]);
    assert!(rule(&all, "shop", "{app: c}").is_none());
}

#[test]
fn a_rule_merges_into_an_earlier_one_only_if_all_who_see_that_see_it_too() {
    let all = world(&[
        for_host("shop/private", "reviews", "exportTo: ['.'], subsets: [{name: p}]"),
        for_host("shop/public", "reviews", "subsets: [{name: q}]"),
        for_host("shop/named", "reviews", "exportTo: [friend], subsets: [{name: m}]"),
    ]);
    assert_eq!(subset_names(&all, "shop", ""), ["p", "q"]);
    assert_eq!(subset_names(&all, "other", ""), ["q"]);
}

#[test]
fn settings_are_taken_block_by_block_from_subset_port_subset_port_and_host() {
    let all = world(&[for_host(
        "shop/a",
        "reviews",
        "trafficPolicy: {loadBalancer: {simple: RANDOM}, tls: {mode: DISABLE}, outlierDetection: {interval: 1s},
            portLevelSettings: [{port: {number: 81}, loadBalancer: {simple: ROUND_ROBIN}}]},
         subsets: [{name: plain}, {name: v1, trafficPolicy: {loadBalancer: {simple: LEAST_REQUEST},
            portLevelSettings: [{port: {number: 81}, tls: {mode: SIMPLE}}]}}]",
    )]);
    let rule = rule(&all, "shop", "").unwrap();
    let host = rule.policy(None, 80);
    assert!(host.load_balancer.is_some() && host.tls.is_some() && host.outlier_detection.is_some());

    let port = rule.policy(None, 81);
    assert_ne!(port.load_balancer, host.load_balancer);
    assert!(port.tls.is_none() && port.outlier_detection.is_none(), "port settings replace wholesale");

    let subset = rule.policy(Some("v1"), 80);
    assert_ne!(subset.load_balancer, host.load_balancer);
    assert_eq!((subset.tls, subset.outlier_detection), (host.tls, host.outlier_detection));

    let subset_port = rule.policy(Some("v1"), 81);
    assert!(subset_port.load_balancer.is_none());
    assert!(subset_port.tls.is_some() && subset_port.tls != host.tls);

    assert_eq!(rule.policy(Some("plain"), 81), port);
    assert_eq!(rule.policy(Some("unknown"), 80), host);
}

#[test]
fn a_rule_whose_host_changes_leaves_its_old_host() {
    let first = world(&[for_host("shop/a", "reviews", "")]);
    let then = first.apply(&changes(&[for_host("shop/a", "ratings", "")]));
    assert!(sources(&then, "shop", "").is_empty());
    assert_eq!(sources(&first, "shop", ""), ["shop/a"]);
}
