//! The keys of an agent's node metadata. Those without `FERRO_` are Istio's, so that its tools read our nodes.

/// Namespace of the workload.
pub const NAMESPACE: &str = "NAMESPACE";
/// Labels of the workload, a struct of strings.
pub const LABELS: &str = "LABELS";
/// Annotations of the workload, a struct of strings.
pub const ANNOTATIONS: &str = "ANNOTATIONS";
/// Name of the workload (the Deployment, not the pod).
pub const WORKLOAD_NAME: &str = "WORKLOAD_NAME";
/// Service account the workload runs as.
pub const SERVICE_ACCOUNT: &str = "SERVICE_ACCOUNT";
/// Cluster the workload belongs to.
pub const CLUSTER_ID: &str = "CLUSTER_ID";
/// Mesh the workload belongs to.
pub const MESH_ID: &str = "MESH_ID";
/// Version of the agent, `ferromesh-<crate version>`.
pub const ISTIO_VERSION: &str = "ISTIO_VERSION";
/// [`REDIRECT`] or [`NONE`].
pub const INTERCEPTION_MODE: &str = "INTERCEPTION_MODE";
/// Addresses of the workload, comma separated.
pub const INSTANCE_IPS: &str = "INSTANCE_IPS";
/// WorkloadGroup that a connecting agent registers under.
pub const AUTO_REGISTER_GROUP: &str = "AUTO_REGISTER_GROUP";
/// Whether the agent answers captured DNS queries.
pub const DNS_CAPTURE: &str = "DNS_CAPTURE";
/// Without capture: a struct from a service's target port to the port the application listens on at 127.0.0.1.
pub const FERRO_APP_PORTS: &str = "FERRO_APP_PORTS";
/// Version of the protocol between agent and ferrod, a number.
pub const FERRO_PROTOCOL: &str = "FERRO_PROTOCOL";
/// How old the cache is that the proxy runs with, in seconds, a number; absent when it runs with what ferrod sent.
pub const FERRO_CACHE_AGE: &str = "FERRO_CACHE_AGE";

/// Value of [`INTERCEPTION_MODE`]: iptables send the workload's traffic to 15001 and 15006.
pub const REDIRECT: &str = "REDIRECT";
/// Value of [`INTERCEPTION_MODE`]: nothing is captured; the application goes through 15007.
pub const NONE: &str = "NONE";
