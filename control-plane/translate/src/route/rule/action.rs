//! What becomes of the requests a rule takes.

use ferro_model::istio::{
    Destination, DirectResponse, HttpMatchRequest, HttpRedirect, Percent, RedirectPort, StringMatch,
};
use ferro_xds_protos::wkt;

use crate::destination::Resolved;
use crate::finding::Code;
use crate::output::Output;
use crate::parts::OFF;
use crate::pb::core::{DataSource, data_source};
use crate::pb::route::redirect_action::{PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier};
use crate::pb::route::weighted_cluster::{ClusterWeight, cluster_weight};
use crate::pb::route::{
    DirectResponseAction, RedirectAction, Route, RouteAction, WeightedCluster, route, route_action,
};
use crate::pb::types::matcher::v3::RegexMatchAndSubstitute;
use crate::route::rule::Rule;
use crate::route::rule::filters::runtime_share;
use crate::route::rule::headers::Changes;
use crate::route::rule::matching::regex;
use crate::route::rule::retry::{self, Choice};
use crate::route::{hash, timed};

/// What was written of a route's action.
pub(super) struct Written {
    pub(super) action: route::Action,
    /// Host and port of the destination, if there is one alone.
    pub(super) only: Option<(String, u16)>,
}

/// Writes the action of a rule, and into `route` what belongs to it there. `None` if there is none to be had.
pub(super) fn write(
    rule: &Rule<'_>,
    matching: Option<&HttpMatchRequest>,
    route: &mut Route,
    out: &mut Output,
) -> Option<Written> {
    let plain = |action| Some(Written { action, only: None });
    if let Some(redirect) = &rule.rule.redirect {
        put_headers(route, Changes::of(rule.rule.headers.as_ref()));
        return plain(route::Action::Redirect(redirection(rule, redirect, out)?));
    }
    if let Some(response) = &rule.rule.direct_response {
        put_headers(route, Changes::of(rule.rule.headers.as_ref()));
        return plain(route::Action::DirectResponse(direct(response)));
    }
    routed(rule, matching, route, out)
}

fn put_headers(route: &mut Route, changes: Changes) {
    route.request_headers_to_add = changes.request_add;
    route.request_headers_to_remove = changes.request_remove;
    route.response_headers_to_add = changes.response_add;
    route.response_headers_to_remove = changes.response_remove;
}

fn routed(
    rule: &Rule<'_>,
    matching: Option<&HttpMatchRequest>,
    route: &mut Route,
    out: &mut Output,
) -> Option<Written> {
    let mut changes = Changes::of(rule.rule.headers.as_ref());
    let mut action = timed(rule.rule.timeout.unwrap_or(OFF), RouteAction::default());
    let mut sole = None;
    let shares: Vec<_> = match &rule.rule.route[..] {
        [only] => vec![only],
        several => several.iter().filter(|share| share.weight.unwrap_or(0) > 0).collect(),
    };
    action.cluster_specifier = Some(match &shares[..] {
        [] => {
            let message = "the rule has no destination with a weight above 0; it takes no request";
            out.find(Code::Unservable, &rule.service.key, rule.field("route"), message);
            return None;
        }
        [only] => {
            changes.add(only.headers.as_ref());
            let found = Resolved::of(rule.view, &only.destination, rule.place.port);
            sole = Some((only.destination.host.clone(), found.port()));
            route_action::ClusterSpecifier::Cluster(claim(rule, &found, "route", out))
        }
        several => {
            let clusters = several.iter().map(|share| {
                let name = cluster(rule, &share.destination, "route", out);
                weighted(name, share.weight.unwrap_or(0), Changes::of(share.headers.as_ref()))
            });
            // Envoy's total is the sum; runtime keys may take its place under a prefix, which canaries will set.
            let clusters = WeightedCluster { clusters: clusters.collect(), ..WeightedCluster::default() };
            route_action::ClusterSpecifier::WeightedClusters(clusters)
        }
    });
    action.hash_policy =
        shares.iter().flat_map(|share| hash::policies(rule.view, &share.destination, rule.place.port)).collect();
    let choice = if action.hash_policy.is_empty() { Choice::Free } else { Choice::Hashed };
    action.retry_policy = retry::policy(rule.view.config(), rule.rule.retries.as_ref(), choice);
    mirrors(rule, &mut action, out);
    rewrite(rule, matching, &mut action);
    let rewritten = rule.rule.rewrite.as_ref().and_then(|rewrite| rewrite.authority.clone());
    let authority = rewritten.filter(|authority| !authority.is_empty()).or(changes.authority.take());
    action.host_rewrite_specifier = authority.map(route_action::HostRewriteSpecifier::HostRewriteLiteral);
    put_headers(route, changes);
    Some(Written { action: route::Action::Route(action), only: sole })
}

fn weighted(name: String, weight: i32, changes: Changes) -> ClusterWeight {
    ClusterWeight {
        name,
        weight: u32::try_from(weight).ok().map(wkt::uint32),
        request_headers_to_add: changes.request_add,
        request_headers_to_remove: changes.request_remove,
        response_headers_to_add: changes.response_add,
        response_headers_to_remove: changes.response_remove,
        host_rewrite_specifier: changes.authority.map(cluster_weight::HostRewriteSpecifier::HostRewriteLiteral),
        ..ClusterWeight::default()
    }
}

fn cluster(rule: &Rule<'_>, destination: &Destination, field: &str, out: &mut Output) -> String {
    claim(rule, &Resolved::of(rule.view, destination, rule.place.port), field, out)
}

fn claim(rule: &Rule<'_>, found: &Resolved<'_>, field: &str, out: &mut Output) -> String {
    found.claim(rule.view, &rule.service.key, &rule.field(field), out)
}

fn mirrors(rule: &Rule<'_>, action: &mut RouteAction, out: &mut Output) {
    let single = rule.rule.mirror.as_ref().map(|destination| {
        let share = rule.rule.mirror_percentage.as_ref().map(percent);
        (destination, share.or(rule.rule.mirror_percent.map(f64::from)), "mirror")
    });
    let several = rule.rule.mirrors.iter();
    let several = several.map(|mirror| (&mirror.destination, mirror.percentage.as_ref().map(percent), "mirrors"));
    for (destination, percent, field) in single.into_iter().chain(several) {
        let percent = percent.unwrap_or(100.0);
        if percent > 0.0 {
            action.request_mirror_policies.push(route_action::RequestMirrorPolicy {
                cluster: cluster(rule, destination, field, out),
                runtime_fraction: Some(runtime_share(percent)),
                trace_sampled: Some(wkt::boolean(false)),
                disable_shadow_host_suffix_append: true,
                ..Default::default()
            });
        }
    }
}

// A share that is there without a value is none at all; only a missing one means everything.
fn percent(share: &Percent) -> f64 {
    share.value.unwrap_or(0.0)
}

fn rewrite(rule: &Rule<'_>, matching: Option<&HttpMatchRequest>, action: &mut RouteAction) {
    let Some(rewrite) = &rule.rule.rewrite else { return };
    if let Some(uri) = rewrite.uri.as_deref().filter(|uri| !uri.is_empty()) {
        match matching.and_then(|matching| matching.uri.as_ref()) {
            // Envoy replaces what was matched; of an expression that is the whole path.
            Some(StringMatch::Exact(_) | StringMatch::Prefix(_) | StringMatch::Regex(_)) | None => {
                uri.clone_into(&mut action.prefix_rewrite);
            }
        }
    }
    if let Some(by_regex) = &rewrite.uri_regex_rewrite {
        action.regex_rewrite = Some(RegexMatchAndSubstitute {
            pattern: Some(regex(by_regex.match_.as_deref().unwrap_or_default())),
            substitution: by_regex.rewrite.clone().unwrap_or_default(),
        });
    }
}

fn redirection(rule: &Rule<'_>, redirect: &HttpRedirect, out: &mut Output) -> Option<RedirectAction> {
    let code = match redirect.redirect_code.unwrap_or(0) {
        0 | 301 => RedirectResponseCode::MovedPermanently,
        302 => RedirectResponseCode::Found,
        303 => RedirectResponseCode::SeeOther,
        307 => RedirectResponseCode::TemporaryRedirect,
        308 => RedirectResponseCode::PermanentRedirect,
        other => {
            let message = format!(
                "Envoy cannot redirect with {other}, only with 301, 302, 303, 307 or 308; the rule takes no request"
            );
            out.find(Code::Unservable, &rule.service.key, rule.field("redirect.redirectCode"), message);
            return None;
        }
    };
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let uri = given(&redirect.uri).map(PathRewriteSpecifier::PathRedirect);
    let prefix = given(&redirect.prefix_rewrite).map(PathRewriteSpecifier::PrefixRewrite);
    Some(RedirectAction {
        host_redirect: redirect.authority.clone().unwrap_or_default(),
        port_redirect: redirected_port(redirect, rule.place.port),
        response_code: code.into(),
        scheme_rewrite_specifier: given(&redirect.scheme).map(SchemeRewriteSpecifier::SchemeRedirect),
        path_rewrite_specifier: uri.or(prefix),
        ..RedirectAction::default()
    })
}

// A scheme's own port is not written out.
fn redirected_port(redirect: &HttpRedirect, listener: u16) -> u32 {
    let port = match redirect.derive_port {
        Some(RedirectPort::Request) => u32::from(listener),
        Some(RedirectPort::ProtocolDefault) | None => redirect.port.unwrap_or(0),
    };
    match (port, redirect.scheme.as_deref().unwrap_or("http")) {
        (80, "http") | (443, "https") => 0,
        (port, _) => port,
    }
}

fn direct(response: &DirectResponse) -> DirectResponseAction {
    let body = response.body.as_ref().and_then(|body| {
        let text = body.string.clone().map(data_source::Specifier::InlineString);
        let bytes = || body.bytes.as_deref().and_then(decode_base64).map(data_source::Specifier::InlineBytes);
        text.or_else(bytes)
    });
    DirectResponseAction {
        status: response.status,
        body: body.map(|body| DataSource { specifier: Some(body), ..DataSource::default() }),
        ..DirectResponseAction::default()
    }
}

// RFC 4648 §4; `None` for what is no base64, which validation refuses before it comes here.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.trim().trim_end_matches('=');
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut bits, mut count) = (0u32, 0);
    for digit in digits.bytes() {
        let value = u32::try_from(ALPHABET.iter().position(|letter| *letter == digit)?).ok()?;
        bits = (bits << 6 | value) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(bytes)
}
