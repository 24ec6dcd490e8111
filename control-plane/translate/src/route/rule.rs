//! The HTTP rules of VirtualServices as Envoy routes.

pub(crate) mod action;
mod filters;
mod headers;
pub(crate) mod matching;
pub(crate) mod retry;

use std::collections::HashMap;

use ferro_model::istio::{HttpMatchRequest, HttpRoute};
use ferro_model::mesh::{GatewayRef, Labels, MeshVirtualService};
use ferro_xds_protos::wkt;

use crate::finding::Code;
use crate::limit;
use crate::names;
use crate::outbound::Outbound;
use crate::output::Output;
use crate::parts::istio_metadata;
use crate::pb::core::Metadata;
use crate::pb::route::{Decorator, Route, RouteMatch};

/// Where rules are put into force: what a rule may ask about its place is answered here, not by Envoy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The gateway, or the mesh.
    pub(crate) gateway: &'a GatewayRef,
    /// The port that requests come to.
    pub(crate) port: u16,
    pub(crate) namespace: &'a str,
    pub(crate) labels: &'a Labels,
}

/// The routes of one VirtualService at a place, in order; what follows a rule that takes everything is left out.
pub(crate) fn routes(
    view: &Outbound<'_>,
    service: &MeshVirtualService,
    place: Place<'_>,
    out: &mut Output,
) -> Vec<Route> {
    let mut routes = Vec::new();
    if let Some(excess) = limit::exceeded((service.hosts.len(), "hosts"), (weight(service), "matches"), "routes") {
        let message = format!("{excess}; none of its HTTP rules is in force. Split it into several VirtualServices");
        out.find(Code::Unservable, &service.key, "spec.hosts", message);
        return routes;
    }
    for (index, rule) in service.spec.http.iter().enumerate() {
        let rule = Rule { view, service, place, rule, index };
        if rule.rule.match_.is_empty() {
            routes.extend(rule.route(None, out));
            break;
        }
        for matching in rule.rule.match_.iter().filter(|matching| applies(matching, service, place)) {
            let Some(route) = rule.route(Some(matching), out) else { continue };
            let everything = takes_everything(&route);
            routes.push(route);
            if everything {
                return routes;
            }
        }
    }
    routes
}

// How many matches and destinations the rules have to write for one host.
fn weight(service: &MeshVirtualService) -> usize {
    let rules = service.spec.http.iter();
    rules.map(|rule| rule.match_.len().max(1).saturating_mul(rule.route.len().max(1))).sum()
}

/// Whether a route takes every request that is no CONNECT.
pub(crate) fn takes_everything(route: &Route) -> bool {
    use crate::pb::route::route_match::PathSpecifier;
    let Some(matching) = &route.r#match else { return false };
    let any_path = match &matching.path_specifier {
        Some(PathSpecifier::Prefix(prefix)) => prefix == "/",
        Some(PathSpecifier::SafeRegex(regex)) => regex.regex == ".*",
        _ => false,
    };
    any_path && matching.headers.is_empty() && matching.query_parameters.is_empty()
}

// A match that names gateways says with it where it applies; its other questions about the caller are then not asked
// (Istio's rule).
fn applies(matching: &HttpMatchRequest, service: &MeshVirtualService, place: Place<'_>) -> bool {
    if matching.port.is_some_and(|port| port != 0 && port != u32::from(place.port)) {
        return false;
    }
    if !matching.gateways.is_empty() {
        let named = |text: &String| GatewayRef::parse(text, &service.key.namespace) == *place.gateway;
        return matching.gateways.iter().any(named);
    }
    is_caller(&matching.source_labels, matching.source_namespace.as_deref(), place)
}

/// Whether the callers at a place have these labels and live in this namespace.
pub(crate) fn is_caller(labels: &Labels, namespace: Option<&str>, place: Place<'_>) -> bool {
    ferro_model::mesh::selects(labels, place.labels)
        && namespace.is_none_or(|wanted| wanted.is_empty() || wanted == place.namespace)
}

/// One HTTP rule at its place.
#[derive(Clone, Copy)]
pub(crate) struct Rule<'a> {
    pub(crate) view: &'a Outbound<'a>,
    pub(crate) service: &'a MeshVirtualService,
    pub(crate) place: Place<'a>,
    pub(crate) rule: &'a HttpRoute,
    index: usize,
}

impl Rule<'_> {
    // `None` after a finding: a rule that cannot be followed must not turn into one that takes more than it should.
    fn route(&self, matching: Option<&HttpMatchRequest>, out: &mut Output) -> Option<Route> {
        let envoy_match = matching::of(self, matching, out)?;
        let mut route = Route {
            name: self.name(matching),
            metadata: Some(self.metadata()),
            stat_prefix: matching.and_then(|found| found.stat_prefix.clone()).unwrap_or_default(),
            typed_per_filter_config: self.filters(),
            ..Route::default()
        };
        let written = action::write(self, matching, &mut route, out)?;
        route.decorator = Some(self.decorator(&envoy_match, written.only));
        route.action = Some(written.action);
        route.r#match = Some(envoy_match);
        Some(route)
    }

    /// The path of a field of this rule in its object.
    pub(crate) fn field(&self, name: &str) -> String {
        format!("spec.http[{}].{name}", self.index)
    }

    // A rule without a name is called by its place: where Istio leaves the name empty, logs and metrics could not tell one
    // route from another.
    fn name(&self, matching: Option<&HttpMatchRequest>) -> String {
        let own = self.rule.name.clone().filter(|name| !name.is_empty());
        let own = own.unwrap_or_else(|| format!("{}.{}", self.service.key.name, self.index));
        match matching.and_then(|found| found.name.as_deref()).filter(|name| !name.is_empty()) {
            Some(name) => format!("{own}.{name}"),
            None => own,
        }
    }

    fn metadata(&self) -> Metadata {
        let key = &self.service.key;
        let path = names::config_path("networking.istio.io/v1", "virtual-service", &key.namespace, &key.name);
        istio_metadata(wkt::struct_of([("config", wkt::string_value(path))]))
    }

    fn filters(&self) -> HashMap<String, crate::pb::wkt::Any> {
        let fault =
            self.rule.fault.as_ref().and_then(filters::fault).map(|fault| (crate::filter::FAULT, wkt::any(&fault)));
        let cors = self.rule.cors_policy.as_ref().map(|cors| (crate::filter::CORS, wkt::any(&filters::cors(cors))));
        fault.into_iter().chain(cors).map(|(name, config)| (name.to_owned(), config)).collect()
    }

    // With several destinations the request belongs to none of them, so the VirtualService and the port it came to name it.
    fn decorator(&self, matching: &RouteMatch, only: Option<(String, u16)>) -> Decorator {
        use crate::pb::route::route_match::PathSpecifier;
        let path = match &matching.path_specifier {
            Some(PathSpecifier::Prefix(prefix)) => format!("{prefix}*"),
            Some(PathSpecifier::Path(path)) => path.clone(),
            Some(PathSpecifier::SafeRegex(regex)) => regex.regex.clone(),
            _ => "/*".to_owned(),
        };
        let (host, port) = only.unwrap_or_else(|| (self.service.key.name.to_string(), self.place.port));
        Decorator { operation: format!("{}{path}", names::host_port(&host, port)), ..Decorator::default() }
    }
}
