//! The local part of a view: what its proxies need to be called, and what belongs to their workload alone.

use std::sync::Arc;

use ferro_model::istio::{CaptureMode, ConnectionPool, IstioIngressListener};
use ferro_model::mesh::{EffectiveDestinationRule, Labels, Mesh, MeshSidecar, Service};
use ferro_model::mesh_config::{InboundMode, MeshConfig};
use ferro_xds_protos::Kind;

use crate::filter::{self, Direction};
use crate::finding::{Code, Finding};
use crate::output::Output;
use crate::proxy::{Capture, ProxyKind};
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

    /// How calls reach the workload.
    pub(crate) fn capture(&self) -> Capture {
        if self.key.binding.is_some() { Capture::None } else { Capture::Redirect }
    }

    /// The service that speaks for a port.
    pub(crate) fn service(&self, port: &InboundPort) -> Option<&'a Arc<Service>> {
        self.mesh.service(&port.host, &self.key.namespace)
    }

    /// The DestinationRule that the workload's own namespace has for a service of its. One with a workload selector is for what
    /// the selected workloads call, not for how they are called.
    pub(crate) fn rule(&self, port: &InboundPort) -> Option<&'a Arc<EffectiveDestinationRule>> {
        self.mesh.destination_rule_for(&self.key.namespace, &Labels::new(), self.service(port)?)
    }

    /// The ports at which the workload is served: all but the proxy's own.
    pub(crate) fn ports(&self) -> impl Iterator<Item = &'a InboundPort> {
        self.key.inbound.iter().filter(|port| !names::is_reserved(port.target))
    }

    /// The limits that the workload's Sidecar sets for a port: its own, else those for all.
    pub(crate) fn sidecar_pool(&self, port: &InboundPort) -> Option<&'a ConnectionPool> {
        let sidecar = &self.sidecar()?.spec;
        let declared = sidecar.ingress.iter().find(|listener| declares(listener, port.target));
        declared.and_then(|listener| listener.connection_pool.as_ref()).or(sidecar.inbound_connection_pool.as_ref())
    }

    fn sidecar(&self) -> Option<&'a Arc<MeshSidecar>> {
        self.mesh.sidecar_for(&self.key.namespace, &self.key.labels)
    }

    pub(crate) fn translate(&self) -> Output {
        let mut out = Output::default();
        match self.key.kind {
            ProxyKind::Sidecar => self.workload(&mut out),
            ProxyKind::Router => gateway::listeners(self, &mut out),
        }
        self.filters(&mut out);
        out
    }

    fn workload(&self, out: &mut Output) {
        self.unsupported(out);
        self.reserved(out);
        for port in self.ports() {
            let cluster = cluster::inbound::of_port(self, port);
            out.put(Kind::Cluster, &cluster.name, &cluster);
        }
        match &self.key.binding {
            None => {
                let passthrough = cluster::fixed::inbound_passthrough(self.config(), self.key.families);
                out.put(Kind::Cluster, names::INBOUND_PASSTHROUGH, &passthrough);
                out.put(Kind::Listener, names::VIRTUAL_INBOUND, &listener::inbound::captured(self));
            }
            Some(binding) => {
                for port in self.ports() {
                    let bound = listener::inbound::bound(self, binding, port);
                    out.put(Kind::Listener, &bound.name, &bound);
                }
                let proxy = listener::proxy::own(self.config(), self.settings, binding.address);
                out.put(Kind::Listener, &proxy.name, &proxy);
            }
        }
    }

    // What a Sidecar asks of inbound ports that is not built yet.
    fn unsupported(&self, out: &mut Output) {
        if self.config().inbound_traffic_policy == InboundMode::Localhost {
            out.findings.push(Finding {
                code: Code::Unsupported,
                object: None,
                field: "meshConfig.inboundTrafficPolicy.mode".to_owned(),
                message: "LOCALHOST is not supported yet; undeclared ports are passed through".to_owned(),
            });
        }
        let Some(sidecar) = self.sidecar() else { return };
        for (index, listener) in sidecar.spec.ingress.iter().enumerate() {
            if listener.tls.is_some() {
                let message = "ending TLS at a sidecar is not supported (nor by Istio unless switched on); the setting has no effect";
                out.find(Code::Unsupported, &sidecar.key, format!("spec.ingress[{index}].tls"), message);
            }
            if listener.capture_mode == Some(CaptureMode::None) {
                let message =
                    "inbound listeners of their own are not supported yet; the port is served where calls are captured";
                out.find(Code::Unsupported, &sidecar.key, format!("spec.ingress[{index}].captureMode"), message);
            }
        }
    }

    fn reserved(&self, out: &mut Output) {
        for port in self.key.inbound.iter().filter(|port| names::is_reserved(port.target)) {
            out.findings.push(Finding {
                code: Code::Conflict,
                object: self
                    .service(port)
                    .map(|service| service.object())
                    .or(self.sidecar().map(|found| found.key.clone())),
                field: format!("target port {}", port.target),
                message: names::reserved(port.target),
            });
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

fn declares(listener: &IstioIngressListener, target: u16) -> bool {
    listener.port.as_ref().and_then(|port| port.number) == Some(u32::from(target))
}
