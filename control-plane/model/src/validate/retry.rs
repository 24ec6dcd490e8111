//! Retries.

use super::common;
use crate::context::Context;
use crate::istio::HttpRetry;

/// Conditions Envoy retries on, for HTTP and for gRPC.
const CONDITIONS: [&str; 16] = [
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "retriable-4xx",
    "refused-stream",
    "retriable-status-codes",
    "retriable-headers",
    "envoy-ratelimited",
    "http3-post-connect-failure",
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
];

/// How often and when a request is tried again.
pub(crate) fn retry(context: &mut Context<'_>, retry: &HttpRetry) {
    context.within("attempts", |context| common::limit(context, &retry.attempts));
    let says_more = retry.per_try_timeout.is_some()
        || retry.retry_on.as_ref().is_some_and(|conditions| !conditions.is_empty())
        || retry.retry_remote_localities.is_some();
    if retry.attempts == 0 && says_more {
        context.refuse("conflict", "`attempts` is 0, which turns retries off, but more is said about them; give attempts, or leave the rest out");
    }
    context.inside("perTryTimeout", retry.per_try_timeout.as_ref(), common::duration);
    context.inside("backoff", retry.backoff.as_ref(), common::duration);
    context.inside("retryOn", retry.retry_on.as_ref(), |context, conditions| {
        for condition in conditions.split(',').filter(|_| !conditions.is_empty()) {
            if !CONDITIONS.contains(&condition) && !is_status(condition) {
                let allowed = CONDITIONS.join(", ");
                context.refuse(
                    "bad-name",
                    format!("found \"{condition}\", allowed: status codes and {allowed}, separated by commas alone"),
                );
            }
        }
    });
}

fn is_status(text: &str) -> bool {
    text.len() == 3 && text.parse::<u16>().is_ok_and(|status| (100..600).contains(&status))
}
