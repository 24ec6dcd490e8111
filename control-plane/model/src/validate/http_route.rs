//! HTTP routes.

use super::{common, fault, headers, http_match, names, re2, retry};
use crate::context::Context;
use crate::istio::{
    CorsPolicy, DirectResponse, HttpMatchRequest, HttpMirror, HttpRedirect, HttpRewrite, HttpRoute,
    HttpRouteDestination, StringMatch,
};

/// Larger bodies belong into a service.
const BODY_REFUSED: usize = 1 << 20;
/// Every proxy of the view holds the body.
const BODY_LARGE: usize = 100 << 10;
/// Redirects that Envoy can answer with; others of the range are accepted, as in Istio, and do nothing.
const REDIRECTS: [u32; 5] = [301, 302, 303, 307, 308];

/// Whether the VirtualService is one that others delegate to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Root,
    Delegate,
}

/// One route.
pub(super) fn check(context: &mut Context<'_>, route: &HttpRoute, role: Role) {
    actions(context, route, role);
    context.each("match", &route.match_, http_match::check);
    context.inside("headers", route.headers.as_ref(), headers::operations);
    headers::one_authority(context, route.rewrite.as_ref(), route.headers.as_ref());
    destinations(context, &route.route);
    context.inside("redirect", route.redirect.as_ref(), |context, value| redirect(context, value, route));
    context.inside("directResponse", route.direct_response.as_ref(), direct_response);
    context.inside("rewrite", route.rewrite.as_ref(), rewrite);
    context.inside("timeout", route.timeout.as_ref(), common::duration_or_off);
    context.inside("retries", route.retries.as_ref(), retry);
    context.inside("fault", route.fault.as_ref(), fault::check);
    context.inside("corsPolicy", route.cors_policy.as_ref(), cors);
    mirrors(context, route);
}

/// What a route does: exactly one thing.
fn actions(context: &mut Context<'_>, route: &HttpRoute, role: Role) {
    if let Some(delegate) = &route.delegate {
        return delegation(context, route, role, delegate.name.as_deref());
    }
    let chosen = [!route.route.is_empty(), route.redirect.is_some(), route.direct_response.is_some()];
    match chosen.iter().filter(|chosen| **chosen).count() {
        0 => context.refuse("missing-field", "does nothing; give one of route, redirect, directResponse, delegate"),
        1 => {}
        _ => context.refuse("conflict", "does several things; keep one of route, redirect, directResponse"),
    }
    if route.route.is_empty() {
        let answers = "needs a destination: a redirect or direct response answers at once";
        context.inside("fault", route.fault.as_ref(), |context, _| context.refuse("conflict", answers));
        context.inside("rewrite", route.rewrite.as_ref(), |context, _| context.refuse("conflict", answers));
    }
}

fn delegation(context: &mut Context<'_>, route: &HttpRoute, role: Role, name: Option<&str>) {
    context.within("delegate", |context| {
        if role == Role::Delegate {
            // One level, so delegates cannot form a cycle.
            context.refuse("conflict", "a delegate cannot delegate again; name the last VirtualService in the root");
        }
        if name.unwrap_or_default().is_empty() {
            context.refuse("missing-field", "wants the `name` of a VirtualService");
        }
    });
    if !route.route.is_empty() || route.redirect.is_some() || route.direct_response.is_some() {
        context.refuse("conflict", "delegates and does something itself; keep `delegate` alone");
    }
    if let Some(index) = route.match_.iter().position(|alternative| *alternative == HttpMatchRequest::default()) {
        context.within("match", |context| {
            context.item(index, |context| {
                context.refuse("conflict", "an empty match cannot be combined with the delegate's; leave it out");
            });
        });
    }
}

fn destinations(context: &mut Context<'_>, destinations: &[HttpRouteDestination]) {
    context.each("route", destinations, |context, entry| {
        context.within("destination", |context| common::destination(context, &entry.destination));
        context.inside("headers", entry.headers.as_ref(), headers::operations);
    });
    weights(context, destinations.iter().map(|entry| entry.weight));
}

/// Weights of destinations: none negative, not more in sum than Envoy counts, and with several destinations not all 0.
pub(super) fn weights(context: &mut Context<'_>, weights: impl ExactSizeIterator<Item = Option<i32>>) {
    let several = weights.len() > 1;
    let mut total = 0_i64;
    context.within("route", |context| {
        for (index, weight) in weights.enumerate() {
            let weight = weight.unwrap_or_default();
            total += i64::from(weight);
            if weight < 0 {
                context.item(index, |context| context.within("weight", |context| common::limit(context, &weight)));
            }
        }
        if total > i64::from(u32::MAX) {
            let message = format!("the weights add up to {total}, allowed: at most {}; scale them down", u32::MAX);
            context.refuse("out-of-range", message);
        }
        if several && total == 0 {
            context.refuse(
                "out-of-range",
                "the weights add up to 0; with several destinations at least one needs a weight",
            );
        }
    });
}

fn redirect(context: &mut Context<'_>, redirect: &HttpRedirect, route: &HttpRoute) {
    let says = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    if says(&redirect.uri) && says(&redirect.prefix_rewrite) {
        context.refuse("conflict", "only one of uri, prefixRewrite may be given");
    }
    let prefixes = |uri: &Option<StringMatch>| uri.as_ref().is_none_or(|uri| matches!(uri, StringMatch::Prefix(_)));
    if says(&redirect.prefix_rewrite) && !route.match_.iter().all(|alternative| prefixes(&alternative.uri)) {
        context.within("prefixRewrite", |context| {
            context.refuse("conflict", "replaces a prefix, but a match of the route has none");
        });
    }
    let ports = redirect.port.is_some() || redirect.derive_port.is_some();
    if !ports && ![&redirect.uri, &redirect.prefix_rewrite, &redirect.authority, &redirect.scheme].into_iter().any(says)
    {
        context.refuse("missing-field", "changes nothing; give uri, prefixRewrite, authority, scheme or port");
    }
    if redirect.port.is_some() && redirect.derive_port.is_some() {
        context.refuse("conflict", "only one of port, derivePort may be given");
    }
    for (field, text) in
        [("uri", &redirect.uri), ("prefixRewrite", &redirect.prefix_rewrite), ("authority", &redirect.authority)]
    {
        one_line(context, field, text.as_ref());
    }
    context.inside("port", redirect.port.as_ref(), common::optional_port);
    context.inside("scheme", redirect.scheme.as_ref(), |context, scheme| {
        if !matches!(scheme.as_str(), "" | "http" | "https") {
            context.refuse("bad-name", format!("found \"{scheme}\", allowed: http, https"));
        }
    });
    context.inside("redirectCode", redirect.redirect_code.as_ref(), |context, code| match code {
        0 => {}
        code if REDIRECTS.contains(code) => {}
        300..=399 => context.warn(
            "no-effect",
            format!("Envoy cannot redirect with {code}, the route will do nothing; use 301, 302, 303, 307 or 308"),
        ),
        _ => context.refuse("out-of-range", format!("found {code}, allowed: 301, 302, 303, 307, 308")),
    });
}

/// What goes into a header of a request or an answer.
fn one_line(context: &mut Context<'_>, field: &str, text: Option<&String>) {
    context.inside(field, text, |context, text| context.require("bad-value", names::one_line(text)));
}

fn direct_response(context: &mut Context<'_>, response: &DirectResponse) {
    context.within("status", |context| fault::http_status(context, i64::from(response.status)));
    context.inside("body", response.body.as_ref(), |context, body| {
        let size = body.string.as_ref().or(body.bytes.as_ref()).map_or(0, String::len);
        match (&body.string, &body.bytes) {
            (Some(_), Some(_)) => context.refuse("conflict", "only one of string, bytes may be given"),
            (None, Some(bytes)) if names::base64(bytes).is_err() => {
                context.within("bytes", |context| context.require("bad-value", names::base64(bytes)));
            }
            _ if size > BODY_REFUSED => {
                context.refuse("too-large", format!("found {size} bytes, allowed: 1 MiB; serve it from a service"));
            }
            _ if size > BODY_LARGE => {
                context.warn("too-large", format!("{size} bytes are held by every proxy that sees this route"));
            }
            _ => {}
        }
    });
}

fn rewrite(context: &mut Context<'_>, rewrite: &HttpRewrite) {
    let says = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    match (says(&rewrite.uri), rewrite.uri_regex_rewrite.is_some()) {
        (true, true) => context.refuse("conflict", "only one of uri, uriRegexRewrite may be given"),
        (false, false) if !says(&rewrite.authority) => {
            context.refuse("missing-field", "changes nothing; give uri, uriRegexRewrite or authority");
        }
        _ => {}
    }
    one_line(context, "uri", rewrite.uri.as_ref());
    one_line(context, "authority", rewrite.authority.as_ref());
    context.inside("uriRegexRewrite", rewrite.uri_regex_rewrite.as_ref(), |context, regex| {
        if !says(&regex.match_) || !says(&regex.rewrite) {
            return context.refuse("missing-field", "wants both `match` and `rewrite`");
        }
        context.inside("match", regex.match_.as_ref(), |context, expression| re2::check(context, expression));
        one_line(context, "rewrite", regex.rewrite.as_ref());
    });
}

fn mirrors(context: &mut Context<'_>, route: &HttpRoute) {
    if route.mirror.is_some() && !route.mirrors.is_empty() {
        context.refuse("conflict", "only one of mirror, mirrors may be given; put all into `mirrors`");
    }
    context.inside("mirror", route.mirror.as_ref(), common::destination);
    context.each("mirrors", &route.mirrors, |context, mirror: &HttpMirror| {
        context.within("destination", |context| common::destination(context, &mirror.destination));
        context.inside("percentage", mirror.percentage.as_ref(), common::share);
    });
    context.inside("mirrorPercentage", route.mirror_percentage.as_ref(), common::share);
    context.inside("mirrorPercent", route.mirror_percent.as_ref(), |context, value| {
        if *value > 100 {
            context.refuse("out-of-range", format!("found {value}, allowed: 0 to 100"));
        }
        context.warn("deprecated", "write `mirrorPercentage: {value: ...}`");
    });
}

/// Methods a browser may be told to use.
const METHODS: [&str; 10] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"];

fn cors(context: &mut Context<'_>, policy: &CorsPolicy) {
    context.each("allowOrigins", &policy.allow_origins, |context, origin| {
        if matches!(origin, StringMatch::Exact(text) | StringMatch::Prefix(text) if text.is_empty()) {
            context.refuse("bad-value", "is empty; name an origin such as https://shop.example.com");
        }
        http_match::expression(context, origin);
    });
    context.each("allowMethods", &policy.allow_methods, |context, method| {
        if !METHODS.contains(&method.as_str()) {
            context.refuse("bad-name", format!("found \"{method}\", allowed: {}", METHODS.join(", ")));
        }
    });
    for (field, names) in [("allowHeaders", &policy.allow_headers), ("exposeHeaders", &policy.expose_headers)] {
        context.each(field, names, |context, name| context.require("bad-name", names::header(name)));
    }
    context.inside("maxAge", policy.max_age.as_ref(), |context, age| {
        if age.is_zero() || age.subsec_nanos() != 0 {
            context.refuse("out-of-range", format!("found {age:?}, allowed: whole seconds"));
        }
    });
}
