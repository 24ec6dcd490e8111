use std::collections::BTreeMap;

use super::partial;
use crate::fields::Ignored;

partial! {
    /// A Pod.
    pub struct Pod {
        /// What runs in it.
        spec: Option<PodSpec> = "spec",
        /// Where it runs and whether it is ready.
        status: Option<PodStatus> = "status",
    }

    /// What runs in a Pod.
    pub struct PodSpec {
        /// Its identity; `default` if not given.
        service_account_name: Option<String> = "serviceAccountName",
        /// The node it runs on.
        node_name: Option<String> = "nodeName",
        /// Its host name.
        hostname: Option<String> = "hostname",
        /// Its subdomain.
        subdomain: Option<String> = "subdomain",
        /// Whether it shares the node's network.
        host_network: Option<bool> = "hostNetwork",
        /// Its containers.
        containers: Vec<Container> = "containers",
    }

    /// A container.
    pub struct Container {
        /// Its name.
        name: Option<String> = "name",
        /// Its ports.
        ports: Vec<ContainerPort> = "ports",
    }

    /// A port of a container.
    pub struct ContainerPort {
        /// A name Services may use.
        name: Option<String> = "name",
        /// The number.
        container_port: u16 = "containerPort",
        /// `TCP` if not given.
        protocol: Option<String> = "protocol",
    }

    /// Where a Pod runs and whether it is ready.
    pub struct PodStatus {
        /// `Running`, ...
        phase: Option<String> = "phase",
        /// Its address.
        pod_ip: Option<String> = "podIP",
        /// Of every IP family.
        pod_ips: Vec<PodIp> = "podIPs",
        /// `Ready` is the one a mesh reads.
        conditions: Vec<PodCondition> = "conditions",
    }

    /// An address of a Pod.
    pub struct PodIp {
        /// The address.
        ip: String = "ip",
    }

    /// A condition of a Pod.
    pub struct PodCondition {
        /// Its name.
        type_: Option<String> = "type",
        /// `True`, `False` or `Unknown`.
        status: Option<String> = "status",
    }

    /// A Deployment.
    pub struct Deployment {
        /// What it says.
        spec: Option<DeploymentSpec> = "spec",
    }

    /// The specification of a Deployment.
    pub struct DeploymentSpec {
        /// 1 if not given.
        replicas: Option<i32> = "replicas",
        /// Which Pods are its own.
        selector: Option<LabelSelector> = "selector",
        /// The Pods it makes.
        template: Option<PodTemplate> = "template",
    }

    /// Chooses objects by labels.
    pub struct LabelSelector {
        /// All must be there.
        match_labels: BTreeMap<String, String> = "matchLabels",
    }

    /// A Pod to be.
    pub struct PodTemplate {
        /// Labels and annotations.
        metadata: Option<PodTemplateMeta> = "metadata",
        /// What runs in it.
        spec: Option<PodSpec> = "spec",
    }

    /// Labels and annotations of a Pod to be.
    pub struct PodTemplateMeta {
        /// Labels.
        labels: BTreeMap<String, String> = "labels",
        /// Annotations.
        annotations: BTreeMap<String, String> = "annotations",
    }

    /// A Namespace: its labels and annotations stand in the metadata.
    pub struct Namespace {
        /// Nothing a mesh reads.
        spec: Ignored = "spec",
    }

    /// A ServiceAccount: its name is its meaning.
    pub struct ServiceAccount {
        /// Nothing a mesh reads.
        secrets: Ignored = "secrets",
    }
}
