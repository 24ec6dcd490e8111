//! What a mesh of a test is made of.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::mesh::Mesh;

/// How workloads are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A loopback address a workload; no privileges.
    Loopback,
    /// A network namespace a workload, with capture; root.
    Netns,
}

/// The plan of a small mesh. Everything is in the namespace `shop`; services listen on port 8080, named `http`.
#[derive(Clone, Debug)]
pub struct Blueprint {
    mode: Mode,
    workloads: Vec<(&'static str, &'static str)>,
    gateway: Option<&'static str>,
    files: Vec<(String, String)>,
    mesh_config: Option<&'static str>,
    probe: Option<&'static str>,
}

// === impl Blueprint ===

impl Blueprint {
    /// Nothing but a control plane.
    pub fn new(mode: Mode) -> Self {
        let (workloads, files) = (Vec::new(), Vec::new());
        Self { mode, workloads, gateway: None, files, mesh_config: None, probe: Some(HTTP_PROBE) }
    }

    /// The service `product`, versions v1 and v2, with a subset for each.
    pub fn two_versions() -> Self {
        Self::new(Mode::Loopback).workload("product", "v1").workload("product", "v2").file("subsets.yaml", SUBSETS)
    }

    /// Adds a workload `<service>-<version>` that runs a service of the sample shop: user, product, order, payment or
    /// notification. It is probed every second.
    #[must_use]
    pub fn workload(mut self, service: &'static str, version: &'static str) -> Self {
        self.workloads.push((service, version));
        self
    }

    /// Adds a gateway with the label `istio: ingressgateway`.
    #[must_use]
    pub fn gateway(mut self, name: &'static str) -> Self {
        self.gateway = Some(name);
        self
    }

    /// Adds a file of policy.
    #[must_use]
    pub fn file(mut self, name: &str, text: &str) -> Self {
        self.files.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Leaves out the probes of all workloads.
    #[must_use]
    pub fn unprobed(mut self) -> Self {
        self.probe = None;
        self
    }

    /// Gives ferrod a MeshConfig.
    #[must_use]
    pub fn mesh_config(mut self, text: &'static str) -> Self {
        self.mesh_config = Some(text);
        self
    }

    /// How every workload is probed: a method as in a WorkloadGroup's probe, instead of a GET of `/healthz`.
    #[must_use]
    pub fn probe(mut self, method: &'static str) -> Self {
        self.probe = Some(method);
        self
    }

    /// Brings the mesh up: traffic passes when this returns.
    ///
    /// # Panics
    /// It does not come up.
    pub fn up(self) -> Mesh {
        Mesh::start(&self)
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// Writes `mesh.yaml` and the folder `policies` beside it.
    pub(crate) fn write(&self, folder: &Path, name: &str) {
        let policies = folder.join("policies");
        fs::create_dir(&policies).expect("a folder of our own is empty");
        fs::write(folder.join("mesh.yaml"), self.mesh_yaml(name)).expect("a folder of our own");
        fs::write(policies.join("services.yaml"), self.services_yaml()).expect("a folder of our own");
        if let Some(text) = self.mesh_config {
            fs::write(folder.join("mesh-config.yaml"), text).expect("a folder of our own");
        }
        for (name, text) in &self.files {
            fs::write(policies.join(name), text).expect("a folder of our own");
        }
    }

    fn mesh_yaml(&self, name: &str) -> String {
        let mut yaml = format!(
            "apiVersion: ferromesh.dev/v1alpha1\nkind: LocalMesh\nmetadata: {{name: {name}}}\nspec:\n  policies: [policies]\n"
        );
        if self.mesh_config.is_some() {
            yaml.push_str("  meshConfig: mesh-config.yaml\n");
        }
        yaml.push_str("  workloads:\n");
        for (service, version) in &self.workloads {
            let command = format!("[ferro-shop, serve, --service, {service}, --version, {version}, --port, $PORT]");
            let name = format!("{service}-{version}");
            let _ =
                writeln!(yaml, "  - {{name: {name}, namespace: shop, group: {name}, port: 8080, command: {command}}}");
        }
        if let Some(name) = self.gateway {
            let _ =
                writeln!(yaml, "  gateways:\n  - {{name: {name}, namespace: shop, labels: {{istio: ingressgateway}}}}");
        }
        yaml
    }

    fn services_yaml(&self) -> String {
        let mut yaml = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n".to_owned();
        let services: BTreeSet<_> = self.workloads.iter().map(|(service, _)| service).collect();
        for service in services {
            yaml.push_str(&SERVICE.replace("$SERVICE", service));
        }
        for (service, version) in &self.workloads {
            yaml.push_str(&GROUP.replace("$SERVICE", service).replace("$VERSION", version));
            if let Some(probe) = self.probe {
                yaml.push_str(&PROBE.replace("$PROBE", probe));
            }
        }
        yaml
    }
}

const SERVICE: &str = "---
apiVersion: v1
kind: Service
metadata: {name: $SERVICE, namespace: shop}
spec:
  selector: {app: $SERVICE}
  ports: [{name: http, port: 8080, targetPort: 8080}]
";

const GROUP: &str = "---
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: $SERVICE-$VERSION, namespace: shop}
spec:
  metadata: {labels: {app: $SERVICE, version: $VERSION}}
  template: {serviceAccount: $SERVICE, ports: {http: 8080}}
";

const PROBE: &str = "  probe: {periodSeconds: 1, $PROBE}\n";

/// The probe of the sample shop.
pub const HTTP_PROBE: &str = "httpGet: {path: /healthz, port: 8080}";

/// A subset of the product for each of its versions.
pub const SUBSETS: &str = "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: product, namespace: shop}
spec:
  host: product
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
";
