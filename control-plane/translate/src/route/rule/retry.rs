//! When and how often a request is tried again.

use ferro_model::istio::HttpRetry;
use ferro_model::mesh_config::MeshConfig;
use ferro_xds_protos::wkt;

use crate::pb::ext::retry::host::previous_hosts::v3::PreviousHostsPredicate;
use crate::pb::ext::retry::priority::previous_priorities::v3::PreviousPrioritiesConfig;
use crate::pb::route::{RetryPolicy, retry_policy};

/// Istio's default: only what the destination surely has not acted upon.
const DEFAULT_ON: &str = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes";
const DEFAULT_ATTEMPTS: u32 = 2;
const BY_STATUS: &str = "retriable-status-codes";
/// How often Envoy looks for a host that was not tried yet.
const SELECTION_ATTEMPTS: i64 = 5;
/// After how many attempts Envoy tries other localities.
const UPDATE_FREQUENCY: i32 = 2;

/// Whether the destination is chosen by a hash of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Any endpoint will do.
    Free,
    /// The hash names the endpoint; retries go there again.
    Hashed,
}

/// The policy of a route; `None` switches retries off.
pub(crate) fn policy(config: &MeshConfig, own: Option<&HttpRetry>, choice: Choice) -> Option<RetryPolicy> {
    let Some(asked) = own.or(config.default_http_retry_policy.as_ref()) else {
        return Some(RetryPolicy {
            retry_on: DEFAULT_ON.to_owned(),
            num_retries: Some(wkt::uint32(DEFAULT_ATTEMPTS)),
            ..elsewhere(choice, true)
        });
    };
    let attempts = u32::try_from(asked.attempts).ok().filter(|attempts| *attempts > 0)?;
    let (conditions, codes) = conditions(asked.retry_on.as_deref().unwrap_or_default());
    let priorities = asked.retry_remote_localities.unwrap_or(false).then(|| retry_policy::RetryPriority {
        name: "envoy.retry_priorities.previous_priorities".to_owned(),
        config_type: Some(retry_policy::retry_priority::ConfigType::TypedConfig(wkt::any(&PreviousPrioritiesConfig {
            update_frequency: UPDATE_FREQUENCY,
        }))),
    });
    Some(RetryPolicy {
        retry_on: conditions,
        num_retries: Some(wkt::uint32(attempts)),
        per_try_timeout: asked.per_try_timeout.filter(|timeout| !timeout.is_zero()).map(wkt::duration),
        retry_priority: priorities,
        retriable_status_codes: codes,
        retry_back_off: asked
            .backoff
            .map(|base| retry_policy::RetryBackOff { base_interval: Some(wkt::duration(base)), ..Default::default() }),
        ..elsewhere(choice, asked.retry_ignore_previous_hosts.unwrap_or(true))
    })
}

// Numbers among the conditions are statuses.
fn conditions(text: &str) -> (String, Vec<u32>) {
    if text.trim().is_empty() {
        return (DEFAULT_ON.to_owned(), Vec::new());
    }
    let (mut words, mut codes) = (Vec::new(), Vec::new());
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match word.parse() {
            Ok(code) => codes.push(code),
            Err(_) => words.push(word),
        }
    }
    if !codes.is_empty() && !words.contains(&BY_STATUS) {
        words.push(BY_STATUS);
    }
    (words.join(","), codes)
}

fn elsewhere(choice: Choice, ignore_previous: bool) -> RetryPolicy {
    if choice == Choice::Hashed || !ignore_previous {
        return RetryPolicy::default();
    }
    let predicate = retry_policy::RetryHostPredicate {
        name: "envoy.retry_host_predicates.previous_hosts".to_owned(),
        config_type: Some(retry_policy::retry_host_predicate::ConfigType::TypedConfig(wkt::any(
            &PreviousHostsPredicate {},
        ))),
    };
    RetryPolicy {
        retry_host_predicate: vec![predicate],
        host_selection_retry_max_attempts: SELECTION_ATTEMPTS,
        ..RetryPolicy::default()
    }
}
