//! The agent's own metrics: Istio's names where its agent has the same figure, `ferro_agent_` elsewhere.

use crate::{
    envoy::Phase,
    metrics::exposition::{Exposition, Kind},
    probes::state::Health,
    relay,
};

use super::Agent;

pub(super) fn metrics(agent: &Agent) -> String {
    let mut text = Exposition::default();
    let tag = concat!("ferromesh-", env!("CARGO_PKG_VERSION"));
    text.family("istio_build", Kind::Gauge, "Which agent this is.")
        .sample(&[("component", "ferro-agent"), ("tag", tag)], 1);
    process(agent, &mut text);
    dns(agent, &mut text);
    xds(&agent.relay.read(), &mut text);
    text.finish()
}

fn process(agent: &Agent, text: &mut Exposition) {
    let envoy = *agent.envoy.borrow();
    let running = matches!(envoy.phase, Phase::Running(_) | Phase::Draining);
    text.family("ferro_agent_envoy_running", Kind::Gauge, "Whether Envoy runs.").sample(&[], u8::from(running));
    text.family("ferro_agent_envoy_restarts_total", Kind::Counter, "How often Envoy was started again.")
        .sample(&[], envoy.restarts);
    let healthy = match *agent.application.borrow() {
        Health::Unknown => None,
        Health::Healthy => Some(1),
        Health::Unhealthy(_) => Some(0),
    };
    if let Some(healthy) = healthy {
        text.family("ferro_agent_application_healthy", Kind::Gauge, "Whether the application's probe succeeds.")
            .sample(&[], healthy);
    }
    let mut failures = text.family(
        "istio_agent_scrape_failures_total",
        Kind::Counter,
        "How often a source had no metrics or not all.",
    );
    for (source, count) in agent.scrapes.counts() {
        failures.sample(&[("type", source)], count);
    }
}

fn dns(agent: &Agent, text: &mut Exposition) {
    let counts = agent.dns.counts();
    let all = counts.answered + counts.forwarded + counts.ignored;
    let mut counter = |name, help, value: u64| {
        text.family(name, Kind::Counter, help).sample(&[], value);
    };
    counter("istio_agent_dns_requests_total", "DNS questions.", all);
    counter("istio_agent_dns_upstream_requests_total", "DNS questions for the host's resolvers.", counts.forwarded);
    counter(
        "istio_agent_dns_upstream_failures_total",
        "DNS questions that no resolver of the host answered.",
        counts.upstream_failures,
    );
    counter(
        "ferro_agent_dns_overloads_total",
        "DNS questions refused because too many waited for a resolver.",
        counts.overloads,
    );
}

fn xds(relay: &relay::Status, text: &mut Exposition) {
    let connected = relay.upstream.connected_since_unix_millis.is_some();
    text.family("ferro_agent_xds_connected", Kind::Gauge, "Whether the stream to ferrod is open.")
        .sample(&[], u8::from(connected));
    text.family("ferro_agent_xds_connects_total", Kind::Counter, "How often the stream to ferrod was opened.")
        .sample(&[], relay.upstream.connects);
    text.family("ferro_agent_cache_fills_total", Kind::Counter, "How often Envoy was served from the cache.")
        .sample(&[], relay.cache.fills);
    if let Some(age) = relay.cache.serving_age_seconds {
        text.family("ferro_agent_cache_age_seconds", Kind::Gauge, "Age of what Envoy is served from the cache.")
            .sample(&[], age);
    }
    text.family("ferro_agent_module_failures_total", Kind::Counter, "Wasm modules that could not be had.")
        .sample(&[], relay.module_failures);
    let mut nacks = text.family("ferro_agent_xds_nacks_total", Kind::Counter, "Responses that Envoy refused.");
    for kind in &relay.kinds {
        nacks.sample(&[("type", kind.kind)], kind.nacks);
    }
    let mut resources = text.family("ferro_agent_xds_resources", Kind::Gauge, "Resources served to Envoy.");
    for kind in &relay.kinds {
        resources.sample(&[("type", kind.kind)], kind.resources);
    }
}
