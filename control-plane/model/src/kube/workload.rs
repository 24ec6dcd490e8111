use std::collections::BTreeMap;

use crate::fields::fields;

fields! {
    /// A Pod.
    pub struct Pod {
        /// What runs in it.
        spec: Option<PodSpec> = "spec",
        /// Where it runs and whether it is ready.
        status: Option<PodStatus> = "status",
    }
    ignored ["apiVersion", "kind", "metadata"]

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
    ignored [
        "activeDeadlineSeconds", "affinity", "automountServiceAccountToken", "dnsConfig", "dnsPolicy", "enableServiceLinks",
        "ephemeralContainers", "hostAliases", "hostIPC", "hostPID", "hostUsers", "hostnameOverride", "imagePullSecrets", "initContainers",
        "nodeSelector", "os", "overhead", "preemptionPolicy", "priority", "priorityClassName", "readinessGates", "resourceClaims",
        "resources", "restartPolicy", "runtimeClassName", "schedulerName", "schedulingGates", "securityContext", "serviceAccount",
        "setHostnameAsFQDN", "shareProcessNamespace", "terminationGracePeriodSeconds", "tolerations", "topologySpreadConstraints",
        "volumes",
    ]

    /// A container.
    pub struct Container {
        /// Its name.
        name: Option<String> = "name",
        /// Its ports.
        ports: Vec<ContainerPort> = "ports",
    }
    ignored [
        "args", "command", "env", "envFrom", "image", "imagePullPolicy", "lifecycle", "livenessProbe", "readinessProbe", "resizePolicy",
        "resources", "restartPolicy", "restartPolicyRules", "securityContext", "startupProbe", "stdin", "stdinOnce",
        "terminationMessagePath", "terminationMessagePolicy", "tty", "volumeDevices", "volumeMounts", "workingDir",
    ]

    /// A port of a container.
    pub struct ContainerPort {
        /// A name Services may use.
        name: Option<String> = "name",
        /// The number.
        container_port: u16 = "containerPort",
        /// `TCP` if not given.
        protocol: Option<String> = "protocol",
    }
    ignored ["hostIP", "hostPort"]

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
    ignored [
        "allocatedResources", "containerStatuses", "ephemeralContainerStatuses", "extendedResourceClaimStatus", "hostIP", "hostIPs",
        "initContainerStatuses", "message", "nominatedNodeName", "observedGeneration", "qosClass", "reason", "resize",
        "resourceClaimStatuses", "resources", "startTime",
    ]

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
    ignored ["lastProbeTime", "lastTransitionTime", "message", "observedGeneration", "reason"]

    /// A Deployment.
    pub struct Deployment {
        /// What it says.
        spec: Option<DeploymentSpec> = "spec",
    }
    ignored ["apiVersion", "kind", "metadata", "status"]

    /// The specification of a Deployment.
    pub struct DeploymentSpec {
        /// 1 if not given.
        replicas: Option<i32> = "replicas",
        /// Which Pods are its own.
        selector: Option<LabelSelector> = "selector",
        /// The Pods it makes.
        template: Option<PodTemplate> = "template",
    }
    ignored ["minReadySeconds", "paused", "progressDeadlineSeconds", "revisionHistoryLimit", "strategy"]

    /// Chooses objects by labels.
    pub struct LabelSelector {
        /// All must be there.
        match_labels: BTreeMap<String, String> = "matchLabels",
    }
    ignored ["matchExpressions"]

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
    ignored ["name", "namespace", "generateName", "creationTimestamp", "finalizers", "ownerReferences"]

    /// A Namespace: its labels and annotations stand in the metadata.
    pub struct Namespace {}
    ignored ["apiVersion", "kind", "metadata", "spec", "status"]

    /// A ServiceAccount: its name is its meaning.
    pub struct ServiceAccount {}
    ignored ["apiVersion", "kind", "metadata", "automountServiceAccountToken", "imagePullSecrets", "secrets"]
}
