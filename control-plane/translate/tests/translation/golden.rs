//! Every case: what is sent, what requests meet, what Envoy says.
//!
//! `UPDATE_GOLDEN=1 cargo test -p ferro-translate` writes the results; review them like code.

use std::collections::BTreeSet;
use std::path::Path;

use ferro_xds_protos::Kind;
use serde_json::{Map, Value, json};

use crate::case::{Case, Sent};
use crate::{dump, envoy, walk};

#[test]
fn every_case_yields_its_reviewed_output() {
    let mut stale = Vec::new();
    for case in Case::all() {
        let path = case.folder.join("out.yaml");
        let found = document(&case);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &found).expect("out.yaml is writable");
        }
        let reviewed = std::fs::read_to_string(&path).unwrap_or_default();
        if found != reviewed {
            stale.push(format!("{}:\n{}", case.name(), difference(&reviewed, &found)));
        }
    }
    assert!(stale.is_empty(), "other output than reviewed; UPDATE_GOLDEN=1 writes it\n{}", stale.join("\n"));
}

#[test]
fn every_request_meets_what_its_case_says() {
    for case in Case::all() {
        let sent = case.translate();
        for request in &case.settled.requests {
            let proxy = request.proxy.clone().unwrap_or_else(|| sent[0].proxy.clone());
            let sent = sent.iter().find(|sent| sent.proxy == proxy).unwrap_or_else(|| panic!("no proxy {proxy}"));
            let met = walk::walk(&sent.resources, request);
            assert_eq!(met, request.expect, "{}: {request:?}", case.name());
        }
    }
}

#[test]
fn envoy_accepts_every_case() {
    for case in Case::all() {
        for sent in case.translate() {
            if let Err(complaint) = envoy::validate(&sent.resources) {
                panic!("{}, proxy {}: {complaint}", case.name(), sent.proxy);
            }
        }
    }
}

#[test]
fn envoy_accepts_every_policy_of_the_sample_and_nothing_in_it_is_left_out() {
    let shop = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../istio-manifests/samples/shop");
    let services = std::fs::read_to_string(shop.join("services.yaml")).expect("services.yaml");
    let policies = std::fs::read_dir(shop.join("policies")).expect("policies");
    let policies: Vec<_> = policies.map(|entry| entry.expect("an entry").path()).collect();
    assert!(policies.len() > 5, "{policies:?}");
    for path in policies {
        let policy = std::fs::read_to_string(&path).expect("a policy");
        let case = Case::of_texts(&path, &[&services, &policy]);
        for sent in case.translate() {
            assert_eq!(sent.findings, [], "{}, proxy {}", path.display(), sent.proxy);
            assert_eq!(envoy::validate(&sent.resources), Ok(()), "{}, proxy {}", path.display(), sent.proxy);
        }
    }
}

#[test]
fn every_case_is_encoded_the_same_every_time() {
    for case in Case::all() {
        let first: Vec<_> = frames(&case.translate());
        for _ in 0..200 {
            assert_eq!(frames(&case.translate()), first, "{}", case.name());
        }
    }
}

fn frames(sent: &[Sent]) -> Vec<Vec<u8>> {
    sent.iter().flat_map(|sent| &sent.resources).map(|(_, resource)| resource.delta_frame().to_vec()).collect()
}

/// What the case adds to what every proxy has, by proxy and kind.
fn document(case: &Case) -> String {
    let mut document = Map::new();
    for (sent, baseline) in case.translate().into_iter().zip(case.baseline()) {
        let known: BTreeSet<(Kind, String)> = match case.settled.whole {
            true => BTreeSet::new(),
            false => baseline.resources.iter().map(|(kind, found)| (*kind, found.version().to_string())).collect(),
        };
        let mut kinds = Map::new();
        for (kind, resource) in &sent.resources {
            let wanted = case.settled.show.is_empty() || case.settled.show.iter().any(|shown| shown == kind.short());
            if wanted && !known.contains(&(*kind, resource.version().to_string())) {
                let entry = json!({ "name": &**resource.name(), "is": dump::json(*kind, resource) });
                let list = kinds.entry(kind.short()).or_insert_with(|| json!([]));
                list.as_array_mut().expect("a list").push(entry);
            }
        }
        let gone = |(kind, found): &&(Kind, ferro_xds_protos::Resource)| {
            !sent.resources.iter().any(|(other, now)| other == kind && now.name() == found.name())
        };
        let gone: Vec<String> = baseline
            .resources
            .iter()
            .filter(gone)
            .map(|(kind, found)| format!("{} {}", kind.short(), found.name()))
            .collect();
        if !gone.is_empty() {
            kinds.insert("without".to_owned(), json!(gone));
        }
        let findings: Vec<Value> = sent.findings.iter().map(|finding| json!(finding.to_string())).collect();
        if !findings.is_empty() {
            kinds.insert("findings".to_owned(), json!(findings));
        }
        document.insert(sent.proxy, Value::Object(kinds));
    }
    serde_saphyr::to_string(&document).expect("YAML")
}

fn difference(reviewed: &str, found: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (reviewed.lines().collect(), found.lines().collect());
    let at = old.iter().zip(&new).position(|(a, b)| a != b).unwrap_or(old.len().min(new.len()));
    let around =
        |lines: &[&str]| lines.iter().skip(at.saturating_sub(3)).take(8).copied().collect::<Vec<_>>().join("\n");
    format!("line {}, reviewed:\n{}\nfound:\n{}\n", at + 1, around(&old), around(&new))
}
