//! Kubernetes objects as far as a mesh reads them. What it does not read is skipped, not reported: the API server has
//! checked it, or will.

mod endpoints;
mod service;
mod workload;

pub use endpoints::{EndpointAddress, EndpointConditions, EndpointPort, EndpointSlice, EndpointSubset, Endpoints, SliceEndpoint, TargetRef};
pub use service::{IntOrString, Service, ServicePort, ServiceSpec};
pub use workload::{
    Container, ContainerPort, Deployment, DeploymentSpec, LabelSelector, Namespace, Pod, PodCondition, PodIp, PodSpec, PodStatus,
    PodTemplate, PodTemplateMeta, ServiceAccount,
};

/// Declares structs that skip the fields they do not name.
macro_rules! partial {
    ($(
        $(#[$doc:meta])*
        pub struct $name:ident { $($(#[$field_doc:meta])* $field:ident : $type:ty = $key:literal),* $(,)? }
    )+) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type),* }

        impl $crate::fields::FromNode for $name {
            fn from_node(node: &$crate::node::Node, context: &mut $crate::fields::Context<'_>) -> Option<Self> {
                if !matches!(node.value, $crate::node::Value::Mapping(_)) {
                    return context.wrong(node, "an object");
                }
                $(let $field = $crate::fields::field(node, $key, context);)*
                Some(Self { $($field: $field?),* })
            }
        }

        impl $name {
            #[allow(dead_code, reason = "documents are read by this, their parts by `FromNode`")]
            pub(crate) fn from_document(node: &$crate::node::Node, context: &mut $crate::fields::Context<'_>) -> Option<Self> {
                $crate::fields::FromNode::from_node(node, context)
            }
        }
    )+ };
}

pub(crate) use partial;
