use std::collections::BTreeMap;

use crate::context::Context;
use crate::fields::{FromNode, fields};
use crate::node::{Node, Style, Value};

fields! {
    /// A Kubernetes Service.
    pub struct Service {
        /// What it says.
        spec: Option<ServiceSpec> = "spec",
    }
    ignored ["apiVersion", "kind", "metadata", "status"]

    /// The specification of a Service.
    pub struct ServiceSpec {
        /// `ClusterIP`, `NodePort`, `LoadBalancer`, `ExternalName`.
        type_: Option<String> = "type",
        /// The virtual address; `None` for headless.
        cluster_ip: Option<String> = "clusterIP",
        /// Of every IP family.
        cluster_ips: Vec<String> = "clusterIPs",
        /// Its ports.
        ports: Vec<ServicePort> = "ports",
        /// The workloads behind it.
        selector: BTreeMap<String, String> = "selector",
        /// What an ExternalName service stands for.
        external_name: Option<String> = "externalName",
        /// Whether workloads that are not ready are listed.
        publish_not_ready_addresses: Option<bool> = "publishNotReadyAddresses",
        /// `Local` keeps traffic on the node.
        internal_traffic_policy: Option<String> = "internalTrafficPolicy",
        /// `PreferClose` and its successors.
        traffic_distribution: Option<String> = "trafficDistribution",
    }
    ignored [
        "allocateLoadBalancerNodePorts", "externalIPs", "externalTrafficPolicy", "healthCheckNodePort", "ipFamilies", "ipFamilyPolicy",
        "loadBalancerClass", "loadBalancerIP", "loadBalancerSourceRanges", "sessionAffinity", "sessionAffinityConfig", "topologyKeys",
    ]

    /// A port of a Service.
    pub struct ServicePort {
        /// Needed when there are several.
        name: Option<String> = "name",
        /// The port clients use.
        port: u16 = "port",
        /// The workload's port; the same if not given.
        target_port: Option<IntOrString> = "targetPort",
        /// `TCP` if not given.
        protocol: Option<String> = "protocol",
        /// The application protocol.
        app_protocol: Option<String> = "appProtocol",
    }
    ignored ["nodePort"]
}

/// A number, or a name that stands for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntOrString {
    /// A number.
    Int(u16),
    /// A name.
    String(String),
}

impl FromNode for IntOrString {
    fn from_node(node: &Node, context: &mut Context<'_>) -> Option<Self> {
        match &node.value {
            Value::Scalar { style: Style::Quoted, text } => Some(Self::String(text.to_string())),
            Value::Scalar { text, .. } if !text.starts_with(|c: char| c.is_ascii_digit()) => {
                Some(Self::String(text.to_string()))
            }
            _ => u16::from_node(node, context).map(Self::Int),
        }
    }
}
