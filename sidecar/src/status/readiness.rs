//! When a workload may get traffic. Pure.

use crate::probes::state::Health;

#[cfg(test)]
mod tests;

/// Whether Envoy serves the workload's listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Listening {
    /// It does.
    Yes,
    /// It does not, and why.
    No(String),
}

/// What readiness depends on.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// Whether the agent is about to end.
    pub(super) draining: bool,
    /// Whether Envoy serves.
    pub(super) listening: Listening,
    /// What the probes found.
    pub(super) application: Health,
}

/// What is missing; nothing if the workload is ready. An application that was not probed yet, or never is, does not
/// hold up its proxy: ferrod gives it no traffic before it is known to be healthy anyway.
pub(super) fn missing(facts: &Facts) -> Vec<String> {
    let mut missing = Vec::new();
    if facts.draining {
        missing.push("draining".to_owned());
    }
    if let Listening::No(reason) = &facts.listening {
        missing.push(reason.clone());
    }
    if let Health::Unhealthy(reason) = &facts.application {
        missing.push(format!("the application is unhealthy: {reason}"));
    }
    missing
}
