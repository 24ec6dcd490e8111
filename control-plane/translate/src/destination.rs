//! What a destination of a route means: a cluster, of a service that should be there.

use std::sync::Arc;

use ferro_model::istio::Destination;
use ferro_model::mesh::{Service, TrafficBlocks};
use ferro_model::object::ObjectKey;

use crate::finding::Code;
use crate::names;
use crate::outbound::Outbound;
use crate::output::Output;

/// A destination as a view sees it.
pub(crate) struct Resolved<'a> {
    destination: &'a Destination,
    service: Option<Arc<Service>>,
    /// The port meant: the one named, else the service's only one, else the one the request came to.
    port: u16,
}

impl<'a> Resolved<'a> {
    /// Looks a destination up, for requests that come to port `listener`.
    pub(crate) fn of(view: &Outbound<'_>, destination: &'a Destination, listener: u16) -> Self {
        let service = view.service(&destination.host);
        let named =
            destination.port.as_ref().and_then(|port| u16::try_from(port.number).ok()).filter(|port| *port != 0);
        let only = || match service.as_deref().map(|service| &service.ports[..]) {
            Some([only]) => Some(only.number),
            _ => None,
        };
        Self { destination, port: named.or_else(only).unwrap_or(listener), service }
    }

    /// The port meant.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn subset(&self) -> &'a str {
        self.destination.subset.as_deref().unwrap_or_default()
    }

    /// The name of the cluster, whether or not there is one.
    pub(crate) fn cluster(&self) -> String {
        names::outbound_cluster(self.port, self.subset(), &self.destination.host)
    }

    /// The traffic policy for calls that go there; nothing if no rule says any.
    pub(crate) fn policy<'v>(&self, view: &Outbound<'v>) -> TrafficBlocks<'v> {
        let rule = self.service.as_deref().and_then(|service| view.rule(service));
        rule.map(|rule| rule.policy(Some(self.subset()).filter(|subset| !subset.is_empty()), self.port))
            .unwrap_or_default()
    }

    /// The name of the cluster, for a route of `object`; notes what the route depends on, and what is missing.
    pub(crate) fn claim(&self, view: &Outbound<'_>, object: &ObjectKey, field: &str, out: &mut Output) -> String {
        out.destinations.insert(self.destination.host.as_str().into());
        if let Some(missing) = self.missing(view) {
            out.find(Code::MissingDestination, object, field, format!("{missing}; what goes there fails (HTTP: 503)"));
        }
        self.cluster()
    }

    fn missing(&self, view: &Outbound<'_>) -> Option<String> {
        let host = &self.destination.host;
        let Some(service) = &self.service else {
            return Some(format!("there is no service {host}, or it is not visible here"));
        };
        if service.port(self.port).is_none() {
            return Some(format!("service {host} has no port {}", self.port));
        }
        let subset = self.subset();
        let known = || view.rule(service).is_some_and(|rule| rule.subset(subset).is_some());
        (!subset.is_empty() && !known()).then(|| format!("no DestinationRule defines subset {subset} of {host}"))
    }
}
