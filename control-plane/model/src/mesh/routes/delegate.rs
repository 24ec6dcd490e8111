//! Merges delegate VirtualServices into the root that names them.
//!
//! A root's HTTP route with `delegate` becomes the delegate's routes, each narrowed by the root's matches and completed by the
//! root's settings. One level only. Every part of a delegate match must lie inside a match of the root; what does not is left
//! out and reported with the names of both objects, because a route that silently vanishes takes its users a day to find.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Location};
use crate::istio::{HeaderMatch, HttpMatchRequest, HttpRoute, StringMatch, VirtualService};
use crate::mesh::visibility::Visibility;
use crate::object::ObjectKey;

/// A VirtualService that a root delegates to, its names completed.
pub(super) struct Delegate {
    /// Who may see it.
    pub(super) export_to: Visibility,
    /// Its rules.
    pub(super) spec: VirtualService,
}

/// What came of the delegations of one root.
#[derive(Default)]
pub(super) struct Merged {
    /// The delegates it names.
    pub(super) delegates: Vec<ObjectKey>,
    /// What could not be merged.
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Replaces every delegation in `spec` by the routes it leads to.
pub(super) fn merge(
    root: &ObjectKey,
    spec: &mut VirtualService,
    find: impl Fn(&ObjectKey) -> Option<Delegate>,
) -> Merged {
    let mut merged = Merged::default();
    let mut http = Vec::with_capacity(spec.http.len());
    for (index, mut route) in std::mem::take(&mut spec.http).into_iter().enumerate() {
        let Some(reference) = route.delegate.take() else {
            http.push(route);
            continue;
        };
        let namespace = reference.namespace.as_deref().unwrap_or(&root.namespace);
        let key = super::route_key(namespace, reference.name.as_deref().unwrap_or_default());
        let mut report = |message: String| merged.diagnostics.push(refused(root, index, &key, &message));
        match usable(find(&key), &root.namespace) {
            Ok(delegate) => http.extend(merge_routes(&route, delegate.spec.http, &mut report)),
            Err(reason) => report(reason.into()),
        }
        if !merged.delegates.contains(&key) {
            merged.delegates.push(key);
        }
    }
    spec.http = http;
    merged
}

fn usable(found: Option<Delegate>, root_namespace: &str) -> Result<Delegate, &'static str> {
    let delegate = found.ok_or("there is no such VirtualService")?;
    if !delegate.spec.hosts.is_empty() {
        return Err("it has hosts of its own, so it is a root and no delegate");
    }
    if !delegate.spec.gateways.is_empty() {
        return Err("it names gateways, which only a root may");
    }
    if !delegate.export_to.allows(root_namespace) {
        return Err("its exportTo does not include the namespace of the root");
    }
    Ok(delegate)
}

fn merge_routes(root: &HttpRoute, delegate: Vec<HttpRoute>, report: &mut impl FnMut(String)) -> Vec<HttpRoute> {
    let mut merged = Vec::with_capacity(delegate.len());
    for (index, route) in delegate.into_iter().enumerate() {
        let label = route.name.clone().unwrap_or_else(|| format!("http[{index}]"));
        if route.delegate.is_some() {
            report(format!("its route {label} delegates again, and delegation has one level"));
            continue;
        }
        match merge_matches(&root.match_, &route.match_) {
            Some(matches) => merged.push(merge_route(root, route, matches)),
            None => report(format!("its route {label} matches requests that the root's route does not")),
        }
    }
    merged
}

// The delegate's settings win; the root fills what the delegate leaves open.
fn merge_route(root: &HttpRoute, delegate: HttpRoute, match_: Vec<HttpMatchRequest>) -> HttpRoute {
    let root = root.clone();
    HttpRoute {
        name: joined(root.name, delegate.name),
        match_,
        rewrite: delegate.rewrite.or(root.rewrite),
        direct_response: delegate.direct_response.or(root.direct_response),
        timeout: delegate.timeout.or(root.timeout),
        retries: delegate.retries.or(root.retries),
        fault: delegate.fault.or(root.fault),
        mirror: delegate.mirror.or(root.mirror),
        mirror_percent: delegate.mirror_percent.or(root.mirror_percent),
        mirror_percentage: delegate.mirror_percentage.or(root.mirror_percentage),
        mirrors: if delegate.mirrors.is_empty() { root.mirrors } else { delegate.mirrors },
        cors_policy: delegate.cors_policy.or(root.cors_policy),
        headers: delegate.headers.or(root.headers),
        ..delegate
    }
}

fn joined(root: Option<String>, leaf: Option<String>) -> Option<String> {
    match (root, leaf) {
        (Some(root), Some(leaf)) => Some(format!("{root}-{leaf}")),
        (root, leaf) => leaf.or(root),
    }
}

// Every match of the delegate must lie inside at least one match of the root; `None` if one does not.
fn merge_matches(root: &[HttpMatchRequest], delegate: &[HttpMatchRequest]) -> Option<Vec<HttpMatchRequest>> {
    if root.is_empty() || delegate.is_empty() {
        return Some(if root.is_empty() { delegate.to_vec() } else { root.to_vec() });
    }
    let mut merged = Vec::new();
    for leaf in delegate {
        let before = merged.len();
        merged.extend(root.iter().filter(|root| lies_within(root, leaf)).map(|root| merge_match(root, leaf)));
        if merged.len() == before {
            return None;
        }
    }
    Some(merged)
}

fn merge_match(root: &HttpMatchRequest, leaf: &HttpMatchRequest) -> HttpMatchRequest {
    let (root, leaf) = (root.clone(), leaf.clone());
    HttpMatchRequest {
        name: joined(root.name, leaf.name),
        uri: leaf.uri.or(root.uri),
        scheme: leaf.scheme.or(root.scheme),
        method: leaf.method.or(root.method),
        authority: leaf.authority.or(root.authority),
        headers: overlaid(root.headers, leaf.headers),
        without_headers: overlaid(root.without_headers, leaf.without_headers),
        query_params: overlaid(root.query_params, leaf.query_params),
        port: leaf.port.or(root.port),
        source_labels: overlaid(root.source_labels, leaf.source_labels),
        source_namespace: leaf.source_namespace.or(root.source_namespace),
        gateways: if leaf.gateways.is_empty() { root.gateways } else { leaf.gateways },
        stat_prefix: leaf.stat_prefix.or(root.stat_prefix),
        ignore_uri_case: leaf.ignore_uri_case,
    }
}

fn overlaid<V>(mut root: BTreeMap<String, V>, leaf: BTreeMap<String, V>) -> BTreeMap<String, V> {
    root.extend(leaf);
    root
}

fn lies_within(root: &HttpMatchRequest, leaf: &HttpMatchRequest) -> bool {
    let texts = [
        (&root.uri, &leaf.uri),
        (&root.scheme, &leaf.scheme),
        (&root.method, &leaf.method),
        (&root.authority, &leaf.authority),
    ];
    texts.into_iter().all(|(root, leaf)| narrows(root.as_ref(), leaf.as_ref()))
        && all_narrow(&root.headers, &leaf.headers)
        && all_narrow(&root.without_headers, &leaf.without_headers)
        && all_narrow(&root.query_params, &leaf.query_params)
        && root.ignore_uri_case.unwrap_or(false) == leaf.ignore_uri_case.unwrap_or(false)
        && agree(root.port, leaf.port)
        && (root.source_namespace.is_none() || root.source_namespace == leaf.source_namespace)
        && leaf.source_labels.iter().all(|(key, value)| root.source_labels.get(key).is_none_or(|root| root == value))
        && gateways_within(&root.gateways, &leaf.gateways)
}

fn agree<T: PartialEq>(root: Option<T>, leaf: Option<T>) -> bool {
    match (root, leaf) {
        (Some(root), Some(leaf)) => root == leaf,
        _ => true,
    }
}

fn gateways_within(root: &[String], leaf: &[String]) -> bool {
    let root: BTreeSet<&String> = root.iter().collect();
    root.is_empty() || leaf.iter().all(|gateway| root.contains(gateway))
}

fn all_narrow(root: &BTreeMap<String, HeaderMatch>, leaf: &BTreeMap<String, HeaderMatch>) -> bool {
    leaf.iter().all(|(name, leaf)| match (root.get(name), leaf) {
        (None | Some(HeaderMatch::Present), _) => true,
        (Some(HeaderMatch::Value(_)), HeaderMatch::Present) => false,
        (Some(HeaderMatch::Value(root)), HeaderMatch::Value(leaf)) => narrows(Some(root), Some(leaf)),
    })
}

// Regular expressions cannot be compared: one on either side, with anything on the other, counts as a conflict.
fn narrows(root: Option<&StringMatch>, leaf: Option<&StringMatch>) -> bool {
    match (root, leaf) {
        (None, _) | (_, None) => true,
        (Some(StringMatch::Exact(root)), Some(StringMatch::Exact(leaf))) => root == leaf,
        (Some(StringMatch::Prefix(root)), Some(StringMatch::Prefix(leaf) | StringMatch::Exact(leaf))) => {
            leaf.starts_with(root.as_str())
        }
        (Some(StringMatch::Exact(_)), Some(StringMatch::Prefix(_))) => false,
        (Some(StringMatch::Regex(_)), Some(_)) | (Some(_), Some(StringMatch::Regex(_))) => false,
    }
}

fn refused(root: &ObjectKey, route: usize, delegate: &ObjectKey, reason: &str) -> Diagnostic {
    let message = format!("cannot take routes from {delegate}: {reason}; requests that match go to the next route");
    Diagnostic::warning("delegate-not-merged", Location::default(), message)
        .about(root.clone())
        .at_field(format!("spec.http[{route}].delegate"))
}
