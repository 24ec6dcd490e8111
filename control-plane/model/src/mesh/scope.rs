//! What one group of proxies sees of the mesh: the Sidecar in force for it, compiled.
//!
//! A scope is a set of rules and holds no list of services: it is asked against a [`Mesh`](super::Mesh), so that a change of one
//! service costs each scope one question and nothing is rebuilt.

use std::sync::Arc;

use super::multimap::Multimap;
use super::precedence::Precedence;
use super::protocol::Protocol;
use super::service::{Labels, selects};
use crate::istio::{CaptureMode, IstioEgressListener, OutboundTrafficPolicy, Sidecar};
use crate::mesh_config::MeshConfig;
use crate::object::{Object, ObjectKey, Spec};

mod imports;
mod queries;

use imports::Imports;

/// A Sidecar object in force.
#[derive(Clone, Debug, PartialEq)]
pub struct MeshSidecar {
    /// The object.
    pub key: ObjectKey,
    /// Its age and name.
    pub precedence: Precedence,
    /// Its rules.
    pub spec: Sidecar,
}

/// The rules by which a group of proxies sees the mesh.
#[derive(Clone, Debug, PartialEq)]
pub struct SidecarScope {
    /// The namespace of the proxies.
    pub namespace: Arc<str>,
    /// The Sidecar in force, if any.
    pub sidecar: Option<Arc<MeshSidecar>>,
    /// Outbound listeners in declared order; without a Sidecar (or without `egress`) one that catches all and sees everything.
    pub listeners: Vec<EgressListener>,
    /// What happens to traffic for unknown destinations.
    pub outbound: OutboundTrafficPolicy,
}

/// Equal keys mean equal scopes, over one mesh: proxies that share a key share what is made for them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeKey {
    /// The namespace of the proxies.
    pub namespace: Arc<str>,
    /// The Sidecar in force, if any.
    pub sidecar: Option<ObjectKey>,
}

/// One outbound listener of a scope.
#[derive(Clone, Debug, PartialEq)]
pub struct EgressListener {
    /// What it serves.
    pub binding: EgressBinding,
    /// The address to bind, if the Sidecar names one.
    pub bind: Option<Arc<str>>,
    /// How traffic comes to it.
    pub capture: CaptureMode,
    imports: Imports,
}

/// What an outbound listener serves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EgressBinding {
    /// All ports that no other listener of the scope serves.
    CatchAll,
    /// One port: only services that have it are seen, and of those only this port.
    Port {
        /// The port number.
        number: u16,
        /// The port's name.
        name: Arc<str>,
        /// The protocol declared for it.
        protocol: Protocol,
    },
    /// A generic HTTP proxy at this port, for services at all of theirs.
    HttpProxy {
        /// The port number.
        number: u16,
    },
    /// A Unix socket.
    UnixSocket {
        /// Its path.
        path: Arc<str>,
        /// The protocol declared for it.
        protocol: Protocol,
    },
}

// === impl SidecarScope ===

impl SidecarScope {
    /// The scope of proxies in `namespace` for which `sidecar` is in force.
    pub(crate) fn new(namespace: &str, sidecar: Option<&Arc<MeshSidecar>>, config: &MeshConfig) -> Self {
        let declared = sidecar.map(|sidecar| &sidecar.spec);
        let egress = declared.map_or(&[][..], |spec| &spec.egress);
        let listeners = match egress {
            [] => vec![EgressListener::catching_everything()],
            egress => egress.iter().map(|listener| EgressListener::new(listener, namespace)).collect(),
        };
        let outbound = declared.and_then(|spec| spec.outbound_traffic_policy.clone());
        Self {
            namespace: namespace.into(),
            sidecar: sidecar.cloned(),
            listeners,
            outbound: outbound.unwrap_or_else(|| config.outbound_traffic_policy.clone()),
        }
    }

    /// The scope's identity.
    pub fn key(&self) -> ScopeKey {
        let sidecar = self.sidecar.as_ref().map(|sidecar| sidecar.key.clone());
        ScopeKey { namespace: Arc::clone(&self.namespace), sidecar }
    }

    /// Whether some services that are exported to the namespace may be out of sight.
    pub fn restricts(&self) -> bool {
        !self.listeners.iter().any(EgressListener::sees_everything)
    }

    /// The listener that serves a port: the one dedicated to it, else the one that catches all.
    pub fn listener_for_port(&self, port: u16) -> Option<&EgressListener> {
        self.listeners.iter().find(|listener| listener.port() == Some(port)).or_else(|| self.catch_all())
    }

    /// The listener that catches all ports, if there is one.
    pub fn catch_all(&self) -> Option<&EgressListener> {
        self.listeners.iter().find(|listener| listener.binding == EgressBinding::CatchAll)
    }
}

// === impl EgressListener ===

impl EgressListener {
    fn catching_everything() -> Self {
        Self {
            binding: EgressBinding::CatchAll,
            bind: None,
            capture: CaptureMode::default(),
            imports: Imports::everything(),
        }
    }

    fn new(declared: &IstioEgressListener, namespace: &str) -> Self {
        let bind = declared.bind.as_deref().filter(|bind| !bind.is_empty());
        Self {
            binding: EgressBinding::of(declared),
            bind: bind.map(Arc::from),
            capture: declared.capture_mode.unwrap_or_default(),
            imports: Imports::new(&declared.hosts, namespace),
        }
    }

    /// The port it is dedicated to.
    pub fn port(&self) -> Option<u16> {
        match self.binding {
            EgressBinding::Port { number, .. } | EgressBinding::HttpProxy { number } => Some(number),
            EgressBinding::CatchAll | EgressBinding::UnixSocket { .. } => None,
        }
    }

    fn sees_everything(&self) -> bool {
        self.binding == EgressBinding::CatchAll && self.imports.is_everything()
    }

    // The service port that narrows what the listener sees.
    fn only_port(&self) -> Option<u16> {
        match self.binding {
            EgressBinding::Port { number, .. } => Some(number),
            _ => None,
        }
    }
}

impl EgressBinding {
    fn of(declared: &IstioEgressListener) -> Self {
        let Some(port) = &declared.port else { return Self::CatchAll };
        let text = port.protocol.as_deref().unwrap_or_default();
        let protocol = Protocol::of_entry_port(text);
        let number = port.number.and_then(|number| u16::try_from(number).ok()).unwrap_or_default();
        match (number, &declared.bind) {
            (0, Some(bind)) => {
                let path = bind.strip_prefix("unix://").unwrap_or(bind);
                Self::UnixSocket { path: path.into(), protocol }
            }
            (0, None) => Self::CatchAll,
            (number, _) if text.eq_ignore_ascii_case("http_proxy") => Self::HttpProxy { number },
            (number, _) => Self::Port { number, name: port.name.as_deref().unwrap_or_default().into(), protocol },
        }
    }
}

// === the index ===

/// The persistent index of Sidecars.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sidecars {
    by_namespace: Multimap<Arc<str>, Precedence, Arc<MeshSidecar>>,
}

impl Sidecars {
    /// The Sidecar in force for a workload: the oldest of its namespace that selects it, else the oldest of its namespace without
    /// selector, else the oldest of the root namespace without selector.
    pub(crate) fn pick(&self, namespace: &str, labels: &Labels, config: &MeshConfig) -> Option<&Arc<MeshSidecar>> {
        let selected = self.of(namespace).find(|sidecar| match &sidecar.spec.workload_selector {
            Some(selector) => selects(selector.labels(), labels),
            None => false,
        });
        selected.or_else(|| self.default_of(namespace)).or_else(|| self.default_of(&config.root_namespace))
    }

    fn default_of(&self, namespace: &str) -> Option<&Arc<MeshSidecar>> {
        self.of(namespace).find(|sidecar| sidecar.spec.workload_selector.is_none())
    }

    fn of(&self, namespace: &str) -> impl Iterator<Item = &Arc<MeshSidecar>> {
        self.by_namespace.of(namespace.into()).map(|(_, sidecar)| sidecar)
    }

    /// Puts an object in place of what it was before.
    pub(crate) fn update(&mut self, before: Option<&Arc<Object>>, after: Option<&Arc<Object>>) {
        if let Some(before) = before {
            self.by_namespace.remove(Arc::clone(&before.key.namespace), Precedence::of(before));
        }
        if let Some((object, Spec::Sidecar(spec))) = after.map(|object| (object, &object.spec)) {
            let precedence = Precedence::of(object);
            let sidecar =
                MeshSidecar { key: object.key.clone(), precedence: precedence.clone(), spec: spec.as_ref().clone() };
            self.by_namespace.insert(Arc::clone(&object.key.namespace), precedence, Arc::new(sidecar));
        }
    }
}
