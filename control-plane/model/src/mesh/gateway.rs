//! Gateways: which router serves them, and which hosts a VirtualService may bring to them.

use std::fmt;
use std::sync::Arc;

use imbl::OrdMap;

use super::host::{HostPattern, covers};
use super::precedence::Precedence;
use super::service::{Labels, selects};
use crate::istio::Gateway;
use crate::object::{Object, ObjectKey, Spec};

/// Where a VirtualService is bound.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GatewayRef {
    /// All sidecars (`mesh`).
    Mesh,
    /// A Gateway object.
    Named {
        /// Its namespace.
        namespace: Arc<str>,
        /// Its name.
        name: Arc<str>,
    },
}

/// A Gateway object in force.
#[derive(Clone, Debug, PartialEq)]
pub struct MeshGateway {
    /// The object.
    pub key: ObjectKey,
    /// Its age and name: who wins a clash of servers.
    pub precedence: Precedence,
    /// Its servers and selector.
    pub spec: Gateway,
}

/// A host of a Gateway's server: `ns/host`, or `host` for VirtualServices of any namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHost {
    /// The namespace whose VirtualServices may bring the host; `None` for any.
    pub namespace: Option<Arc<str>>,
    /// The hosts served.
    pub pattern: HostPattern,
}

// === impl GatewayRef ===

impl GatewayRef {
    /// Reads a name in a `gateways` list of an object in `namespace`: `mesh`, `name`, `ns/name`, `./name`, and the old form
    /// `name.ns.svc...`.
    pub fn parse(text: &str, namespace: &str) -> Self {
        let (namespace, name) = match (text.split_once('/'), text.split_once('.')) {
            _ if text == "mesh" => return Self::Mesh,
            (Some((".", name)), _) => (namespace, name),
            (Some(pair), _) => pair,
            (None, Some((name, rest))) => (rest.split('.').next().unwrap_or(rest), name),
            (None, None) => (namespace, text),
        };
        Self::Named { namespace: namespace.into(), name: name.into() }
    }

    /// The bindings that a `gateways` list means; an empty one means the mesh. Each binding stands once.
    pub(crate) fn bindings(names: &[String], namespace: &str) -> Vec<Self> {
        if names.is_empty() {
            return vec![Self::Mesh];
        }
        let mut bindings = Vec::with_capacity(names.len());
        for binding in names.iter().map(|name| Self::parse(name, namespace)) {
            if !bindings.contains(&binding) {
                bindings.push(binding);
            }
        }
        bindings
    }
}

impl fmt::Display for GatewayRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mesh => f.write_str("mesh"),
            Self::Named { namespace, name } => write!(f, "{namespace}/{name}"),
        }
    }
}

// === impl MeshGateway ===

impl MeshGateway {
    /// How VirtualServices refer to it.
    pub fn name(&self) -> GatewayRef {
        GatewayRef::Named { namespace: Arc::clone(&self.key.namespace), name: Arc::clone(&self.key.name) }
    }

    fn of(object: &Object) -> Option<Self> {
        let Spec::Gateway(spec) = &object.spec else { return None };
        Some(Self { key: object.key.clone(), precedence: Precedence::of(object), spec: spec.as_ref().clone() })
    }
}

// === impl ServerHost ===

impl ServerHost {
    /// Reads an entry of `servers[].hosts` of a Gateway in `namespace`.
    pub fn parse(text: &str, namespace: &str) -> Self {
        let (owner, host) = text.split_once('/').unwrap_or(("*", text));
        let namespace = match owner {
            "*" => None,
            "." => Some(namespace.into()),
            other => Some(other.into()),
        };
        Self { namespace, pattern: HostPattern::new(host) }
    }

    /// The hosts that both this server and a VirtualService host of `namespace` stand for: the narrower of the two, or `None` if
    /// they have nothing in common or the namespace may not bind here.
    pub fn admits(&self, namespace: &str, host: &HostPattern) -> Option<HostPattern> {
        if self.namespace.as_deref().is_some_and(|owner| owner != namespace) {
            return None;
        }
        if self.pattern.covers(host.as_str()) {
            return Some(host.clone());
        }
        covers(host.as_str(), self.pattern.as_str()).then(|| self.pattern.clone())
    }
}

// === the index ===

/// The persistent index of Gateways. There are few of them; each router looks through all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gateways {
    by_age: OrdMap<Precedence, Arc<MeshGateway>>,
}

impl Gateways {
    /// Those that a router with these labels serves, oldest first. A Gateway without selector is served by every router.
    pub(crate) fn selecting(&self, labels: &Labels) -> Vec<Arc<MeshGateway>> {
        self.by_age.values().filter(|gateway| selects(&gateway.spec.selector, labels)).cloned().collect()
    }

    /// Puts an object in place of what it was before.
    pub(crate) fn update(&mut self, before: Option<&Arc<Object>>, after: Option<&Arc<Object>>) {
        if let Some(before) = before {
            self.by_age.remove(&Precedence::of(before));
        }
        if let Some(gateway) = after.and_then(|object| MeshGateway::of(object)) {
            self.by_age.insert(gateway.precedence.clone(), Arc::new(gateway));
        }
    }
}

#[cfg(test)]
mod tests;
