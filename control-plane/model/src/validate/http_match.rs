//! Conditions on HTTP requests.

use super::{common, headers, names, re2};
use crate::context::Context;
use crate::istio::{HeaderMatch, HttpMatchRequest, StringMatch};

/// One alternative of a route's match.
pub(super) fn check(context: &mut Context<'_>, request: &HttpMatchRequest) {
    // Envoy takes an empty prefix of the path, and only of the path.
    context.inside("uri", request.uri.as_ref(), expression);
    for (field, value) in [("scheme", &request.scheme), ("method", &request.method), ("authority", &request.authority)]
    {
        context.inside(field, value.as_ref(), string_match);
    }
    for (field, map) in [("headers", &request.headers), ("withoutHeaders", &request.without_headers)] {
        context.pairs(field, map, |context, name, value| {
            headers::matched(context, name);
            header_match(context, value);
        });
    }
    context.pairs("queryParams", &request.query_params, |context, name, value| {
        context.require("bad-name", names::query_parameter(name));
        header_match(context, value);
    });
    context.inside("port", request.port.as_ref(), common::optional_port);
    common::labels(context, "sourceLabels", &request.source_labels);
    context.inside("sourceNamespace", request.source_namespace.as_ref(), |context, namespace| {
        if !namespace.is_empty() {
            context.require("bad-name", names::label(namespace));
        }
    });
    common::gateways(context, &request.gateways);
}

fn header_match(context: &mut Context<'_>, value: &HeaderMatch) {
    if let HeaderMatch::Value(value) = value {
        string_match(context, value);
    }
}

/// A comparison that must not be empty.
pub(super) fn string_match(context: &mut Context<'_>, value: &StringMatch) {
    if let StringMatch::Prefix(prefix) = value
        && prefix.is_empty()
    {
        context.within("prefix", |context| {
            context.refuse("bad-value", "is empty; leave the match out to match everything");
        });
    }
    expression(context, value);
}

/// The expression of a comparison, if it is one.
pub(super) fn expression(context: &mut Context<'_>, value: &StringMatch) {
    if let StringMatch::Regex(regex) = value {
        context.within("regex", |context| re2::check(context, regex));
    }
}
