//! Completes the short names inside a VirtualService, and lists where it routes to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::istio::{Destination, VirtualService};
use crate::mesh::gateway::GatewayRef;
use crate::mesh::host::resolve_short_name;

/// A copy of `spec` whose hosts, destinations and gateway names are complete.
pub(super) fn complete(spec: &VirtualService, namespace: &str, domain: &str) -> VirtualService {
    let mut spec = spec.clone();
    let host = |host: &mut String| *host = resolve_short_name(host, namespace, domain).to_string();
    let gateways = |names: &mut Vec<String>| {
        for name in names {
            *name = GatewayRef::parse(name, namespace).to_string();
        }
    };
    spec.hosts.iter_mut().for_each(host);
    gateways(&mut spec.gateways);
    for_each_match_gateways(&mut spec, gateways);
    for_each_destination(&mut spec, |destination| host(&mut destination.host));
    spec
}

fn for_each_match_gateways(spec: &mut VirtualService, mut visit: impl FnMut(&mut Vec<String>)) {
    spec.http.iter_mut().flat_map(|route| &mut route.match_).for_each(|matched| visit(&mut matched.gateways));
    spec.tls.iter_mut().flat_map(|route| &mut route.match_).for_each(|matched| visit(&mut matched.gateways));
    spec.tcp.iter_mut().flat_map(|route| &mut route.match_).for_each(|matched| visit(&mut matched.gateways));
}

fn for_each_destination(spec: &mut VirtualService, mut visit: impl FnMut(&mut Destination)) {
    for route in &mut spec.http {
        route.route.iter_mut().for_each(|weighted| visit(&mut weighted.destination));
        route.mirror.iter_mut().for_each(&mut visit);
        route.mirrors.iter_mut().for_each(|mirror| visit(&mut mirror.destination));
    }
    let tls = spec.tls.iter_mut().flat_map(|route| &mut route.route);
    tls.for_each(|weighted| visit(&mut weighted.destination));
    let tcp = spec.tcp.iter_mut().flat_map(|route| &mut route.route);
    tcp.for_each(|weighted| visit(&mut weighted.destination));
}

/// The hosts that a completed VirtualService sends traffic to, each with the ports it names; `None` stands for "any port".
pub(super) fn destinations(spec: &VirtualService) -> BTreeMap<Arc<str>, BTreeSet<Option<u32>>> {
    let mut found: BTreeMap<Arc<str>, BTreeSet<Option<u32>>> = BTreeMap::new();
    let mut add = |destination: &Destination| {
        let ports = found.entry(destination.host.as_str().into()).or_default();
        ports.insert(destination.port.as_ref().map(|port| port.number));
    };
    for route in &spec.http {
        route.route.iter().for_each(|weighted| add(&weighted.destination));
        route.mirror.iter().for_each(&mut add);
        route.mirrors.iter().for_each(|mirror| add(&mirror.destination));
    }
    spec.tls.iter().flat_map(|route| &route.route).for_each(|weighted| add(&weighted.destination));
    spec.tcp.iter().flat_map(|route| &route.route).for_each(|weighted| add(&weighted.destination));
    found
}
