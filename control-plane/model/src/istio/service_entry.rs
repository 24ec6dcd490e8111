use super::common::WorkloadSelector;
use super::workload::WorkloadEntry;
use crate::fields::{fields, words};

fields! {
    /// Hosts that the platform does not know (istio-coverage.md §1.4).
    pub struct ServiceEntry {
        /// Names clients use.
        hosts: Vec<String> = "hosts",
        /// Virtual addresses, or ranges.
        addresses: Vec<String> = "addresses",
        /// Its ports.
        ports: Vec<ServicePort> = "ports",
        /// Inside or outside of the mesh.
        location: Option<Location> = "location",
        /// How endpoints are found; `NONE` if not given.
        resolution: Option<Resolution> = "resolution",
        /// Where requests go.
        endpoints: Vec<WorkloadEntry> = "endpoints",
        /// Or: the workloads behind it.
        workload_selector: Option<WorkloadSelector> = "workloadSelector",
        /// Namespaces that see it; none means the mesh's default.
        export_to: Vec<String> = "exportTo",
        /// Names the servers' certificates may carry.
        subject_alt_names: Vec<String> = "subjectAltNames",
    }

    /// A port of a ServiceEntry.
    pub struct ServicePort {
        /// 1 to 65535.
        number: u32 = "number",
        /// The protocol's name; absent: found out from the bytes.
        protocol: Option<String> = "protocol",
        /// Unique in the entry.
        name: Option<String> = "name",
        /// The endpoint's port, if it differs.
        target_port: Option<u32> = "targetPort",
    }
}

words! {
    /// Where the host runs.
    pub enum Location {
        /// Outside: no mutual TLS.
        MeshExternal = "MESH_EXTERNAL",
        /// Part of the mesh.
        MeshInternal = "MESH_INTERNAL",
    }

    /// How endpoints are found.
    pub enum Resolution {
        /// The client's address is used.
        None = "NONE",
        /// From `endpoints` or `workloadSelector`.
        Static = "STATIC",
        /// By DNS, every address.
        Dns = "DNS",
        /// By DNS, the first address.
        DnsRoundRobin = "DNS_ROUND_ROBIN",
        /// By DNS of the name each request asks for.
        DynamicDns = "DYNAMIC_DNS",
    }
}
