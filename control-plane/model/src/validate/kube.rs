//! Kubernetes objects: a file has no API server to check it, so what would break a proxy's configuration is refused here.

use std::collections::BTreeSet;

use super::{common, names};
use crate::context::Context;
use crate::kube::{EndpointPort, EndpointSlice, Endpoints, IntOrString, ServicePort, ServiceSpec};

pub(super) fn service(context: &mut Context<'_>, spec: &ServiceSpec) {
    let external = spec.type_.as_deref() == Some("ExternalName");
    if external {
        let name = spec.external_name.as_deref().unwrap_or_default();
        context.within("externalName", |context| context.require("bad-name", names::domain(name)));
    }
    context.inside("clusterIP", spec.cluster_ip.as_ref(), |context, address| cluster_ip(context, address));
    context.each("clusterIPs", &spec.cluster_ips, |context, address| cluster_ip(context, address));
    let several = spec.ports.len() > 1;
    let (mut named, mut numbered) = (BTreeSet::new(), BTreeSet::new());
    context.each("ports", &spec.ports, |context, port| {
        service_port(context, port);
        let name = port.name.clone().unwrap_or_default();
        if name.is_empty() && several {
            context.refuse("missing-field", "wants a `name`: the Service has several ports");
        } else if !name.is_empty() && !named.insert(name.clone()) {
            context.within("name", |context| {
                context.refuse("duplicate", format!("the port name \"{name}\" stands twice; rename one"));
            });
        }
        if !numbered.insert((port.port, port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()))) {
            context.within("port", |context| {
                context.refuse("duplicate", format!("the port {} stands twice; keep one", port.port));
            });
        }
    });
    common::labels(context, "selector", &spec.selector);
}

fn cluster_ip(context: &mut Context<'_>, address: &str) {
    if !matches!(address, "" | "None") {
        context.require("bad-address", names::ip(address));
    }
}

fn service_port(context: &mut Context<'_>, port: &ServicePort) {
    context.within("port", |context| common::port(context, &u32::from(port.port)));
    context.inside("targetPort", port.target_port.as_ref(), |context, target| {
        if *target == IntOrString::Int(0) {
            common::port(context, &0);
        }
    });
    transport(context, port.protocol.as_ref());
}

fn transport(context: &mut Context<'_>, protocol: Option<&String>) {
    context.inside("protocol", protocol, |context, protocol| {
        if !matches!(protocol.as_str(), "TCP" | "UDP" | "SCTP") {
            context.refuse("bad-name", format!("found \"{protocol}\", allowed: TCP, UDP, SCTP; what is spoken on it is said by appProtocol or the name"));
        }
    });
}

pub(super) fn endpoint_slice(context: &mut Context<'_>, slice: &EndpointSlice) {
    let by_name = slice.address_type.as_deref() == Some("FQDN");
    context.each("endpoints", &slice.endpoints, |context, endpoint| {
        context.each("addresses", &endpoint.addresses, |context, address| {
            let check = if by_name { names::domain(address) } else { names::ip(address) };
            context.require("bad-address", check);
        });
    });
    context.each("ports", &slice.ports, endpoint_port);
}

pub(super) fn endpoints(context: &mut Context<'_>, endpoints: &Endpoints) {
    context.each("subsets", &endpoints.subsets, |context, subset| {
        for (field, addresses) in [("addresses", &subset.addresses), ("notReadyAddresses", &subset.not_ready_addresses)]
        {
            context.each(field, addresses, |context, address| {
                context.within("ip", |context| context.require("bad-address", names::ip(&address.ip)));
            });
        }
        context.each("ports", &subset.ports, endpoint_port);
    });
}

fn endpoint_port(context: &mut Context<'_>, port: &EndpointPort) {
    context.inside("port", port.port.as_ref(), |context, number| common::port(context, &u32::from(*number)));
    transport(context, port.protocol.as_ref());
}
