//! The local part of a view: what its proxies need to be called, and what belongs to their workload alone.

use std::sync::Arc;

use ferro_model::mesh::{EffectiveDestinationRule, Mesh};
use ferro_model::mesh_config::MeshConfig;
use ferro_xds_protos::Kind;

use crate::filter::{self, Direction};
use crate::output::Output;
use crate::proxy::ProxyKind;
use crate::settings::Settings;
use crate::translation::Input;
use crate::view::{InboundPort, LocalKey};
use crate::{cluster, gateway, listener, names};

/// What the local part of one view is translated from.
#[derive(Debug)]
pub(crate) struct Local<'a> {
    pub(crate) mesh: &'a Mesh,
    pub(crate) settings: &'a Settings,
    pub(crate) key: &'a LocalKey,
}

impl<'a> Local<'a> {
    pub(crate) fn new(input: Input<'a>, key: &'a LocalKey) -> Self {
        Self { mesh: input.mesh, settings: input.settings, key }
    }

    pub(crate) fn config(&self) -> &'a MeshConfig {
        self.mesh.config()
    }

    /// The DestinationRule that the workload's own namespace has for a service of its.
    pub(crate) fn rule(&self, port: &InboundPort) -> Option<&'a Arc<EffectiveDestinationRule>> {
        let service = self.mesh.service(&port.host, &self.key.namespace)?;
        self.mesh.destination_rule_for(&self.key.namespace, &self.key.labels, service)
    }

    pub(crate) fn translate(&self) -> Output {
        let mut out = Output::default();
        match self.key.kind {
            ProxyKind::Sidecar => self.sidecar(&mut out),
            ProxyKind::Router => gateway::listeners(self, &mut out),
        }
        self.filters(&mut out);
        out
    }

    fn sidecar(&self, out: &mut Output) {
        for port in &self.key.inbound {
            let cluster = cluster::inbound::of_port(self, port);
            out.put(Kind::Cluster, &cluster.name, &cluster);
        }
        match &self.key.binding {
            None => {
                let passthrough = cluster::fixed::inbound_passthrough(self.config());
                out.put(Kind::Cluster, names::INBOUND_PASSTHROUGH, &passthrough);
                out.put(Kind::Listener, names::VIRTUAL_INBOUND, &listener::inbound::captured(self, "0.0.0.0"));
            }
            Some(binding) => {
                for port in &self.key.inbound {
                    let bound = listener::inbound::bound(self, binding, port);
                    out.put(Kind::Listener, &bound.name, &bound);
                }
                let proxy = listener::proxy::own(self.config(), self.settings, binding.address);
                out.put(Kind::Listener, &proxy.name, &proxy);
            }
        }
    }

    fn filters(&self, out: &mut Output) {
        let Some(module) = self.settings.wasm_module else { return };
        for direction in [Direction::Inbound, Direction::Outbound] {
            let config = filter::configuration(module, self.settings, direction);
            out.put(Kind::ExtensionConfig, &config.name, &config);
        }
    }
}
