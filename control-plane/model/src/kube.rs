//! Kubernetes objects as far as a mesh reads them. What Kubernetes knows and a mesh does not read is named and ignored, so that
//! only slips are reported (<https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.34/>).

mod endpoints;
mod service;
mod workload;

pub use endpoints::{
    EndpointAddress, EndpointConditions, EndpointPort, EndpointSlice, EndpointSubset, Endpoints, SliceEndpoint,
    TargetRef,
};
pub use service::{IntOrString, Service, ServicePort, ServiceSpec};
pub use workload::{
    Container, ContainerPort, Deployment, DeploymentSpec, LabelSelector, Namespace, Pod, PodCondition, PodIp, PodSpec,
    PodStatus, PodTemplate, PodTemplateMeta, ServiceAccount,
};

use crate::context::Context;
use crate::fields::FromNode;
use crate::node::Node;

macro_rules! documents {
    ($($kind:ident),+) => { $(
        impl $kind {
            pub(crate) fn from_document(document: &Node, context: &mut Context<'_>) -> Option<Self> {
                Self::from_node(document, context)
            }
        }
    )+ };
}

documents!(Service, EndpointSlice, Endpoints, Pod, Deployment, Namespace, ServiceAccount);
