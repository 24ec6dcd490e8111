use crate::fields::fields;

fields! {
    /// A slice of a Service's endpoints; its label `kubernetes.io/service-name` names the Service.
    pub struct EndpointSlice {
        /// `IPv4`, `IPv6` or `FQDN`.
        address_type: Option<String> = "addressType",
        /// The workloads.
        endpoints: Vec<SliceEndpoint> = "endpoints",
        /// Ports that all of them serve.
        ports: Vec<EndpointPort> = "ports",
    }
    ignored ["apiVersion", "kind", "metadata"]

    /// One workload of a slice.
    pub struct SliceEndpoint {
        /// Its addresses, all meaning the same workload.
        addresses: Vec<String> = "addresses",
        /// Whether it may be used.
        conditions: Option<EndpointConditions> = "conditions",
        /// Its host name.
        hostname: Option<String> = "hostname",
        /// The Pod behind it.
        target_ref: Option<TargetRef> = "targetRef",
        /// The node it runs on.
        node_name: Option<String> = "nodeName",
        /// The zone it runs in.
        zone: Option<String> = "zone",
    }
    ignored ["deprecatedTopology", "hints"]

    /// Whether a workload may be used.
    pub struct EndpointConditions {
        /// Absent means yes.
        ready: Option<bool> = "ready",
        /// Absent means as `ready`.
        serving: Option<bool> = "serving",
        /// Absent means no.
        terminating: Option<bool> = "terminating",
    }

    /// A port of endpoints.
    pub struct EndpointPort {
        /// The Service's port name.
        name: Option<String> = "name",
        /// Absent means all.
        port: Option<u16> = "port",
        /// `TCP` if not given.
        protocol: Option<String> = "protocol",
        /// The application protocol.
        app_protocol: Option<String> = "appProtocol",
    }

    /// The object behind an endpoint.
    pub struct TargetRef {
        /// Its kind.
        kind: Option<String> = "kind",
        /// Its namespace.
        namespace: Option<String> = "namespace",
        /// Its name.
        name: Option<String> = "name",
    }
    ignored ["apiVersion", "uid", "resourceVersion", "fieldPath"]

    /// The older form of endpoints, named like their Service.
    pub struct Endpoints {
        /// Sets of addresses and ports.
        subsets: Vec<EndpointSubset> = "subsets",
    }
    ignored ["apiVersion", "kind", "metadata"]

    /// Addresses that all serve the same ports.
    pub struct EndpointSubset {
        /// Ready ones.
        addresses: Vec<EndpointAddress> = "addresses",
        /// Others.
        not_ready_addresses: Vec<EndpointAddress> = "notReadyAddresses",
        /// Their ports.
        ports: Vec<EndpointPort> = "ports",
    }

    /// One address.
    pub struct EndpointAddress {
        /// The address.
        ip: String = "ip",
        /// Its host name.
        hostname: Option<String> = "hostname",
        /// The node it runs on.
        node_name: Option<String> = "nodeName",
        /// The Pod behind it.
        target_ref: Option<TargetRef> = "targetRef",
    }
}
