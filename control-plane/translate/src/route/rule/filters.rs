//! What a rule tells HTTP filters: faults and cross-origin requests.

use ferro_model::istio::{
    CorsPolicy as Cors, Fault, FaultAbort as Abort, FaultDelay as Delay, StringMatch, UnmatchedPreflights, grpc_status,
};
use ferro_xds_protos::wkt;

use crate::pb::core::RuntimeFractionalPercent;
use crate::pb::ext::filters::common::fault::v3::{FaultDelay, fault_delay};
use crate::pb::ext::filters::http::cors::v3::CorsPolicy;
use crate::pb::ext::filters::http::fault::v3::{FaultAbort, HttpFault, fault_abort};
use crate::pb::types::v3::{FractionalPercent, fractional_percent::DenominatorType};
use crate::route::rule::matching::string;

/// A share given in percent.
pub(super) fn share(percent: f64) -> FractionalPercent {
    const PARTS_PER_PERCENT: f64 = 10_000.0;
    let parts = (percent * PARTS_PER_PERCENT).round().clamp(0.0, 1_000_000.0);
    FractionalPercent {
        // In range by the clamp above, and whole by the rounding.
        numerator: format!("{parts:.0}").parse().unwrap_or_default(),
        denominator: DenominatorType::Million.into(),
    }
}

/// The same as what Envoy reads where runtime may override it.
pub(super) fn runtime_share(percent: f64) -> RuntimeFractionalPercent {
    RuntimeFractionalPercent { default_value: Some(share(percent)), ..RuntimeFractionalPercent::default() }
}

/// The faults of a rule; `None` if it has none.
pub(super) fn fault(fault: &Fault) -> Option<HttpFault> {
    let message = HttpFault {
        delay: fault.delay.as_ref().and_then(delay),
        abort: fault.abort.as_ref().and_then(abort),
        ..HttpFault::default()
    };
    (message != HttpFault::default()).then_some(message)
}

fn delay(delay: &Delay) -> Option<FaultDelay> {
    let fixed = delay.fixed_delay?;
    let percent = delay.percentage.as_ref().and_then(|share| share.value).or(delay.percent.map(f64::from));
    Some(FaultDelay {
        percentage: Some(share(percent.unwrap_or(0.0))),
        fault_delay_secifier: Some(fault_delay::FaultDelaySecifier::FixedDelay(wkt::duration(fixed))),
    })
}

fn abort(abort: &Abort) -> Option<FaultAbort> {
    let http = abort.http_status.and_then(|status| u32::try_from(status).ok()).map(fault_abort::ErrorType::HttpStatus);
    let grpc = || abort.grpc_status.as_deref().and_then(grpc_status).map(fault_abort::ErrorType::GrpcStatus);
    let percent = abort.percentage.as_ref().and_then(|share| share.value).unwrap_or(0.0);
    Some(FaultAbort {
        percentage: Some(share(percent)),
        error_type: Some(http.or_else(grpc)?),
        ..FaultAbort::default()
    })
}

/// The cross-origin policy of a rule.
pub(super) fn cors(cors: &Cors) -> CorsPolicy {
    let exact = cors.allow_origin.iter().map(|origin| StringMatch::Exact(origin.clone()));
    let origins = cors.allow_origins.iter().cloned().chain(exact);
    CorsPolicy {
        // The deprecated form writes "any" as a star.
        allow_origin_string_match: origins.map(|origin| string(&starless(origin))).collect(),
        allow_methods: cors.allow_methods.join(","),
        allow_headers: cors.allow_headers.join(","),
        expose_headers: cors.expose_headers.join(","),
        max_age: cors.max_age.map(|age| age.as_secs().to_string()).unwrap_or_default(),
        allow_credentials: cors.allow_credentials.map(wkt::boolean),
        filter_enabled: Some(RuntimeFractionalPercent {
            default_value: Some(FractionalPercent { numerator: 100, denominator: DenominatorType::Hundred.into() }),
            ..RuntimeFractionalPercent::default()
        }),
        forward_not_matching_preflights: match cors.unmatched_preflights {
            None | Some(UnmatchedPreflights::Unspecified) => None,
            Some(UnmatchedPreflights::Forward) => Some(wkt::boolean(true)),
            Some(UnmatchedPreflights::Ignore) => Some(wkt::boolean(false)),
        },
        ..CorsPolicy::default()
    }
}

fn starless(origin: StringMatch) -> StringMatch {
    match origin {
        StringMatch::Exact(any) if any == "*" => StringMatch::Regex(".*".to_owned()),
        other => other,
    }
}
