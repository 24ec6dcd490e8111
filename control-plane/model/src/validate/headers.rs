//! Rules about headers: which may be matched, which may be changed, and what Envoy takes as a value.

use super::names;
use crate::context::Context;
use crate::istio::{HeaderOperations, Headers, HttpRewrite};

/// Begins the name of a match on a claim of a verified token.
const CLAIM: &str = "@request.auth.claims";

/// Pseudo-headers a request may be matched by (RFC 9113, section 8.3).
const PSEUDO: [&str; 5] = [":authority", ":method", ":path", ":scheme", ":status"];

/// Whether a header match is one on a token's claim.
pub(super) fn is_claim(name: &str) -> bool {
    name.strip_prefix(CLAIM).is_some_and(|rest| rest.starts_with(['.', '[']))
}

/// The name of a header that is matched.
pub(super) fn matched(context: &mut Context<'_>, name: &str) {
    if !is_claim(name) && !PSEUDO.contains(&name) {
        context.require("bad-name", names::header(name));
    }
}

/// Changes to the headers of requests and responses.
pub(super) fn operations(context: &mut Context<'_>, headers: &Headers) {
    context
        .inside("request", headers.request.as_ref(), |context, operations| changes(context, operations, Side::Request));
    context.inside("response", headers.response.as_ref(), |context, operations| {
        changes(context, operations, Side::Response);
    });
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Request,
    Response,
}

fn changes(context: &mut Context<'_>, operations: &HeaderOperations, side: Side) {
    for (field, map) in [("set", &operations.set), ("add", &operations.add)] {
        context.pairs(field, map, |context, name, value| {
            changed(context, name, side);
            context.require("bad-value", value_format(value));
        });
    }
    context.each("remove", &operations.remove, |context, name| changed(context, name, Side::Response));
}

/// The authority of a request may be written, which rewrites it; every other pseudo-header and `Host` is Envoy's own.
fn changed(context: &mut Context<'_>, name: &str, side: Side) {
    if side == Side::Request && is_authority(name) {
        return;
    }
    if name.is_empty() {
        context.refuse("bad-name", "the name of a header is empty");
    } else if let Err(reason) = names::header_text(name) {
        context.refuse("bad-name", reason);
    } else if name.starts_with(':') || name.eq_ignore_ascii_case("host") {
        context.refuse(
            "bad-name",
            format!("found \"{name}\", allowed: any header but Host and those that begin with `:`"),
        );
    }
}

/// The authority may be written in one place only.
pub(super) fn one_authority(context: &mut Context<'_>, rewrite: Option<&HttpRewrite>, headers: Option<&Headers>) {
    let rewritten =
        rewrite.and_then(|rewrite| rewrite.authority.as_ref()).is_some_and(|authority| !authority.is_empty());
    let Some(request) = headers.and_then(|headers| headers.request.as_ref()) else { return };
    let written = request.set.keys().chain(request.add.keys()).filter(|name| is_authority(name)).count();
    if written + usize::from(rewritten) > 1 {
        let message = "the authority is written in several places; keep one of rewrite.authority and the Host header";
        context.within("headers", |context| context.refuse("conflict", message));
    }
}

fn is_authority(name: &str) -> bool {
    name.eq_ignore_ascii_case("host") || name.eq_ignore_ascii_case(":authority")
}

/// Envoy replaces `%COMMAND%` and `%COMMAND(argument)%` in values and refuses a lone `%`; `%%` stands for one.
fn value_format(value: &str) -> Result<(), String> {
    names::header_text(value)?;
    let mut rest = value;
    while let Some((_, tail)) = rest.split_once('%') {
        rest = match tail.strip_prefix('%') {
            Some(tail) => tail,
            None => command(tail).ok_or("a lone `%`: write `%%`, or a command such as %REQ(:path)%")?,
        };
    }
    Ok(())
}

/// What stands behind a command, or `None` if it does not end.
fn command(text: &str) -> Option<&str> {
    let end = text.find(['%', '('])?;
    match text.get(end..)?.strip_prefix('(') {
        None => text.get(end + 1..),
        Some(arguments) => arguments.split_once(")%").or_else(|| format_behind(arguments)).map(|(_, tail)| tail),
    }
}

/// `%REQ(name):10%`: a length stands between the argument and the end.
fn format_behind(arguments: &str) -> Option<(&str, &str)> {
    let (_, behind) = arguments.split_once("):")?;
    behind.split_once('%')
}
