//! Injected faults.

use super::common;
use crate::context::Context;
use crate::istio::{Fault, FaultAbort, FaultDelay, grpc_status};

/// A delay, an abort, or both.
pub(super) fn check(context: &mut Context<'_>, fault: &Fault) {
    if fault.delay.is_none() && fault.abort.is_none() {
        context.refuse("missing-field", "wants a delay, an abort or both");
    }
    context.inside("delay", fault.delay.as_ref(), delay);
    context.inside("abort", fault.abort.as_ref(), abort);
}

fn delay(context: &mut Context<'_>, delay: &FaultDelay) {
    context.inside("percentage", delay.percentage.as_ref(), common::share);
    context.inside("percent", delay.percent.as_ref(), |context, value| {
        common::percent(context, value);
        context.warn("deprecated", "write `percentage: {value: ...}`");
    });
    context.inside("exponentialDelay", delay.exponential_delay.as_ref(), |context, _| {
        context.refuse("not-supported", "Envoy has no exponential delay; write `fixedDelay`");
    });
    match (&delay.fixed_delay, &delay.exponential_delay) {
        (Some(fixed), _) => context.within("fixedDelay", |context| common::duration(context, fixed)),
        (None, None) => context.refuse("missing-field", "wants `fixedDelay`, such as 500ms"),
        (None, Some(_)) => {}
    }
    if delay.percentage.is_none() && delay.percent.is_none() {
        context.warn("no-effect", "has no `percentage`, which means 0: no request is delayed");
    }
}

fn abort(context: &mut Context<'_>, abort: &FaultAbort) {
    context.inside("percentage", abort.percentage.as_ref(), common::share);
    let given = [abort.http_status.is_some(), abort.grpc_status.is_some(), abort.http2_error.is_some()];
    match given.iter().filter(|given| **given).count() {
        0 => context.warn("no-effect", "says neither `httpStatus` nor `grpcStatus`: no request is aborted"),
        1 => {}
        _ => context.refuse("conflict", "only one of httpStatus, grpcStatus, http2Error may be given"),
    }
    context
        .inside("httpStatus", abort.http_status.as_ref(), |context, status| http_status(context, i64::from(*status)));
    context.inside("grpcStatus", abort.grpc_status.as_ref(), |context, status| {
        if grpc_status(status).is_none() {
            context.refuse(
                "bad-name",
                format!("found \"{status}\", allowed: the name of a gRPC status such as UNAVAILABLE"),
            );
        }
    });
    context.inside("http2Error", abort.http2_error.as_ref(), |context, _| {
        context.refuse("not-supported", "Envoy aborts by status only; write `httpStatus` or `grpcStatus`");
    });
    if abort.percentage.is_none() {
        context.warn("no-effect", "has no `percentage`, which means 0: no request is aborted");
    }
}

/// A status that Envoy can answer with.
pub(super) fn http_status(context: &mut Context<'_>, status: i64) {
    if !(200..600).contains(&status) {
        context.refuse("out-of-range", format!("found {status}, allowed: 200 to 599"));
    }
}
