//! The `hosts` of an outbound listener: `ns/host`, `./host`, `*/host`, and `~ns/host` for what is left out.

use std::sync::Arc;

use crate::mesh::host::HostPattern;
use crate::mesh::routes::MeshVirtualService;
use crate::mesh::service::Service;

/// What a listener imports.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Imports {
    included: Vec<Import>,
    excluded: Vec<Import>,
}

#[derive(Clone, Debug, PartialEq)]
struct Import {
    /// `None` for any namespace.
    namespace: Option<Arc<str>>,
    pattern: HostPattern,
}

impl Imports {
    /// `*/*`.
    pub(super) fn everything() -> Self {
        Self { included: vec![Import { namespace: None, pattern: HostPattern::new("*") }], excluded: Vec::new() }
    }

    /// Reads the entries as seen from `namespace`. `~/host` leaves a host out in every namespace, so that `~/*` leaves nothing.
    pub(super) fn new(hosts: &[String], namespace: &str) -> Self {
        let mut imports = Self { included: Vec::new(), excluded: Vec::new() };
        for entry in hosts {
            let (owner, host) = entry.split_once('/').unwrap_or(("*", entry));
            let (owner, list) = match owner.strip_prefix('~') {
                Some(owner) => (owner, &mut imports.excluded),
                None => (owner, &mut imports.included),
            };
            let namespace = match owner {
                "*" | "" => None,
                "." => Some(namespace.into()),
                other => Some(other.into()),
            };
            list.push(Import { namespace, pattern: HostPattern::new(host) });
        }
        imports
    }

    pub(super) fn is_everything(&self) -> bool {
        self.excluded.is_empty() && self.included.iter().any(Import::is_everything)
    }

    /// Whether the listener sees a service.
    pub(super) fn service(&self, service: &Service) -> bool {
        self.included.iter().any(|import| import.covers(&service.namespace, &service.host))
            && !self.leaves_out(&service.namespace, &service.host)
    }

    /// Whether the listener takes a VirtualService: whole, as soon as one of its hosts and one of the imported overlap.
    pub(super) fn route(&self, route: &MeshVirtualService) -> bool {
        let namespace = &route.key.namespace;
        route.hosts.iter().any(|host| {
            self.included.iter().any(|import| import.overlaps(namespace, host.as_str()))
                && !self.leaves_out(namespace, host.as_str())
        })
    }

    /// The namespaces to look through for services; `None` for all.
    pub(super) fn namespaces(&self) -> Option<Vec<&Arc<str>>> {
        self.included.iter().map(|import| import.namespace.as_ref()).collect()
    }

    fn leaves_out(&self, namespace: &str, host: &str) -> bool {
        self.excluded.iter().any(|import| import.covers(namespace, host))
    }
}

impl Import {
    fn is_everything(&self) -> bool {
        self.namespace.is_none() && self.pattern.as_str() == "*"
    }

    fn is_for(&self, namespace: &str) -> bool {
        self.namespace.as_deref().is_none_or(|owner| owner == namespace)
    }

    fn covers(&self, namespace: &str, host: &str) -> bool {
        self.is_for(namespace) && self.pattern.covers(host)
    }

    fn overlaps(&self, namespace: &str, host: &str) -> bool {
        self.is_for(namespace) && self.pattern.overlaps(host)
    }
}
