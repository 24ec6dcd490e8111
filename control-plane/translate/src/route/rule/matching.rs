//! What requests a rule takes.

use std::collections::BTreeMap;

use ferro_model::istio::{HeaderMatch, HttpMatchRequest, StringMatch};
use ferro_xds_protos::wkt;

use crate::finding::Code;
use crate::output::Output;
use crate::pb::route::header_matcher::HeaderMatchSpecifier;
use crate::pb::route::query_parameter_matcher::QueryParameterMatchSpecifier;
use crate::pb::route::{HeaderMatcher, QueryParameterMatcher, RouteMatch, route_match};
use crate::pb::types::matcher::v3::{RegexMatcher, StringMatcher, string_matcher};
use crate::route::every_path;
use crate::route::rule::Rule;

/// Claims of a verified token; nothing verifies tokens yet.
const CLAIMS: &str = "@request.auth.claims";

/// The match of a rule. `None` if it asks for something that is not built: the rule then takes nothing.
pub(super) fn of(rule: &Rule<'_>, matching: Option<&HttpMatchRequest>, out: &mut Output) -> Option<RouteMatch> {
    let Some(matching) = matching else { return Some(every_path()) };
    let mut names = matching.headers.keys().chain(matching.without_headers.keys());
    if let Some(claim) = names.find(|name| name.starts_with(CLAIMS)) {
        let message = format!("matching on {claim} is not supported yet; the route takes no request");
        out.find(Code::Unsupported, &rule.service.key, rule.field("match"), message);
        return None;
    }
    let path = matching.uri.as_ref().map(path);
    Some(RouteMatch {
        path_specifier: path.or_else(|| every_path().path_specifier),
        case_sensitive: Some(wkt::boolean(!matching.ignore_uri_case.unwrap_or(false))),
        headers: headers(matching),
        query_parameters: matching.query_params.iter().map(|(name, found)| query(name, found)).collect(),
        ..RouteMatch::default()
    })
}

fn path(uri: &StringMatch) -> route_match::PathSpecifier {
    match uri {
        StringMatch::Exact(path) => route_match::PathSpecifier::Path(path.clone()),
        StringMatch::Prefix(prefix) => route_match::PathSpecifier::Prefix(prefix.clone()),
        StringMatch::Regex(expression) => route_match::PathSpecifier::SafeRegex(regex(expression)),
    }
}

fn headers(matching: &HttpMatchRequest) -> Vec<HeaderMatcher> {
    let pseudo = [(":method", &matching.method), (":authority", &matching.authority), (":scheme", &matching.scheme)];
    let pseudo = pseudo.into_iter().filter_map(|(name, found)| Some(header(name, value(found.as_ref()?))));
    let wanted = matching.headers.iter().map(|(name, found)| header(name, specifier(found)));
    wanted.chain(unwanted(&matching.without_headers)).chain(pseudo).collect()
}

// A header that is missing does not have the unwanted value.
fn unwanted(headers: &BTreeMap<String, HeaderMatch>) -> impl Iterator<Item = HeaderMatcher> {
    headers.iter().map(|(name, found)| {
        let specifier = specifier(found);
        let present = matches!(specifier, HeaderMatchSpecifier::PresentMatch(_));
        HeaderMatcher { invert_match: true, treat_missing_header_as_empty: !present, ..header(name, specifier) }
    })
}

fn header(name: &str, specifier: HeaderMatchSpecifier) -> HeaderMatcher {
    HeaderMatcher { name: name.to_owned(), header_match_specifier: Some(specifier), ..HeaderMatcher::default() }
}

fn specifier(found: &HeaderMatch) -> HeaderMatchSpecifier {
    match found {
        HeaderMatch::Present => HeaderMatchSpecifier::PresentMatch(true),
        // A lone star is no expression; it has always meant "any value".
        HeaderMatch::Value(StringMatch::Regex(any)) if any == "*" => HeaderMatchSpecifier::PresentMatch(true),
        HeaderMatch::Value(found) => value(found),
    }
}

fn value(found: &StringMatch) -> HeaderMatchSpecifier {
    HeaderMatchSpecifier::StringMatch(string(found))
}

fn query(name: &str, found: &HeaderMatch) -> QueryParameterMatcher {
    let specifier = match specifier(found) {
        HeaderMatchSpecifier::StringMatch(found) => QueryParameterMatchSpecifier::StringMatch(found),
        _ => QueryParameterMatchSpecifier::PresentMatch(true),
    };
    QueryParameterMatcher { name: name.to_owned(), query_parameter_match_specifier: Some(specifier) }
}

/// A string match as Envoy writes it.
pub(super) fn string(found: &StringMatch) -> StringMatcher {
    let pattern = match found {
        StringMatch::Exact(text) => string_matcher::MatchPattern::Exact(text.clone()),
        StringMatch::Prefix(text) => string_matcher::MatchPattern::Prefix(text.clone()),
        StringMatch::Regex(expression) => string_matcher::MatchPattern::SafeRegex(regex(expression)),
    };
    StringMatcher { match_pattern: Some(pattern), ..StringMatcher::default() }
}

/// A regular expression over a whole string.
pub(super) fn regex(expression: &str) -> RegexMatcher {
    RegexMatcher { regex: expression.to_owned(), ..RegexMatcher::default() }
}
