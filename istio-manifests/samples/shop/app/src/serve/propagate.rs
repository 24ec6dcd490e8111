//! Headers that an application in a mesh passes on: the mesh traces and routes calls by them, but only the application
//! knows which outgoing call belongs to which incoming one.

use axum::http::HeaderMap;

use super::faults::FAIL_HEADER;

/// Trace contexts (W3C, B3, Envoy's request id), and what the shop's users and testers route by.
const PASSED_ON: [&str; 14] = [
    "x-request-id",
    "traceparent",
    "tracestate",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "x-ot-span-context",
    "x-user",
    "x-user-group",
    "x-canary",
    FAIL_HEADER,
];

/// The headers of `incoming` that belong on every call made for it.
pub(super) fn passed_on(incoming: &HeaderMap) -> HeaderMap {
    let mut outgoing = HeaderMap::new();
    for name in PASSED_ON {
        for value in incoming.get_all(name) {
            outgoing.append(name, value.clone());
        }
    }
    outgoing
}
