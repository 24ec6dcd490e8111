//! A golden case: a folder with `in.yaml` (policies), optionally `case.yaml` (who asks, and what requests must meet), and the
//! reviewed `out.yaml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ferro_model::document;
use ferro_model::mesh::{AddressTable, Labels, Locality, Mesh, address};
use ferro_model::{Change, Limits, MeshConfig};
use ferro_translate::{Capture, Dirty, Finding, Input, Proxy, ProxyKind, Settings, Translation, Variant, views};
use ferro_xds_protos::{Kind, Resource};
use serde::Deserialize;

/// `case.yaml`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Settled {
    mesh_config: String,
    wasm: bool,
    proxies: Vec<Asking>,
    /// Kinds that `out.yaml` shows, by short name; all if empty.
    pub(crate) show: Vec<String>,
    /// Whether `out.yaml` shows what every proxy has besides.
    pub(crate) whole: bool,
    pub(crate) requests: Vec<crate::walk::Request>,
}

/// A proxy that asks.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Asking {
    name: String,
    kind: String,
    namespace: String,
    labels: Labels,
    address: String,
    capture: String,
    variant: String,
    locality: String,
    app_ports: BTreeMap<u16, u16>,
}

impl Default for Asking {
    fn default() -> Self {
        Self {
            name: "client".to_owned(),
            kind: "sidecar".to_owned(),
            namespace: "default".to_owned(),
            labels: Labels::from([("app".to_owned(), "client".to_owned())]),
            address: "10.0.0.9".to_owned(),
            capture: "redirect".to_owned(),
            variant: "delta".to_owned(),
            locality: String::new(),
            app_ports: BTreeMap::new(),
        }
    }
}

/// Everything one proxy is sent.
pub(crate) struct Sent {
    pub(crate) proxy: String,
    pub(crate) resources: Vec<(Kind, Resource)>,
    pub(crate) findings: Vec<Finding>,
}

/// A case, read.
pub(crate) struct Case {
    pub(crate) folder: PathBuf,
    pub(crate) settled: Settled,
    pub(crate) changes: Vec<Change>,
}

impl Case {
    /// Every case there is.
    pub(crate) fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let mut folders: Vec<PathBuf> =
            std::fs::read_dir(root).expect("tests/golden").map(|entry| entry.expect("an entry").path()).collect();
        folders.sort();
        folders.into_iter().map(|folder| Self::read(&folder)).collect()
    }

    fn read(folder: &Path) -> Self {
        let text = std::fs::read_to_string(folder.join("in.yaml")).unwrap_or_default();
        let settled = std::fs::read_to_string(folder.join("case.yaml")).unwrap_or_else(|_| "{}".to_owned());
        let settled = serde_saphyr::from_str(&settled).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        Self { folder: folder.to_owned(), settled, changes: changes(&text) }
    }

    /// A case without a folder: these policies, seen by a sidecar of each kind and by a gateway.
    pub(crate) fn of_texts(name: &Path, texts: &[&str]) -> Self {
        let asking = |name: &str, kind: &str, capture: &str, labels: &[(&str, &str)]| Asking {
            name: name.to_owned(),
            kind: kind.to_owned(),
            namespace: "shop".to_owned(),
            capture: capture.to_owned(),
            labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            ..Asking::default()
        };
        let proxies = vec![
            asking("captured", "sidecar", "redirect", &[("app", "product"), ("version", "v1")]),
            asking("proxied", "sidecar", "none", &[("app", "user")]),
            asking("gateway", "router", "redirect", &[("istio", "ingressgateway")]),
        ];
        Self {
            folder: name.to_owned(),
            settled: Settled { proxies, ..Settled::default() },
            changes: texts.iter().flat_map(|text| changes(text)).collect(),
        }
    }

    pub(crate) fn name(&self) -> String {
        self.folder.file_name().expect("a name").to_string_lossy().into_owned()
    }

    /// What every proxy of the case is sent.
    pub(crate) fn translate(&self) -> Vec<Sent> {
        let mesh = addressed(&Mesh::new(Arc::new(self.config())).apply(&self.changes));
        self.proxies().iter().map(|proxy| send(&mesh, proxy, &self.settings())).collect()
    }

    /// What they would be sent if the case had no policies and no settings.
    pub(crate) fn baseline(&self) -> Vec<Sent> {
        let mesh = Mesh::new(Arc::new(MeshConfig::default()));
        self.proxies().iter().map(|proxy| send(&mesh, proxy, &Settings::default())).collect()
    }

    fn config(&self) -> MeshConfig {
        if self.settled.mesh_config.is_empty() {
            return MeshConfig::default();
        }
        let (config, findings) = MeshConfig::parse("mesh-config", &self.settled.mesh_config).expect("a MeshConfig");
        assert!(findings.is_empty(), "{findings:?}");
        config
    }

    fn settings(&self) -> Settings {
        Settings { wasm_module: self.settled.wasm.then(|| [0xab; 32].into()), ..Settings::default() }
    }

    fn proxies(&self) -> Vec<(String, Proxy)> {
        let asking = match &self.settled.proxies[..] {
            [] => vec![Asking::default()],
            some => some.to_vec(),
        };
        asking.into_iter().map(|asking| (asking.name.clone(), asking.proxy())).collect()
    }
}

impl Asking {
    fn proxy(self) -> Proxy {
        let namespace = &self.namespace;
        Proxy {
            id: format!("{}~{}~{}.{namespace}~{namespace}.svc.cluster.local", self.kind, self.address, self.name)
                .into(),
            kind: match &*self.kind {
                "sidecar" => ProxyKind::Sidecar,
                "router" => ProxyKind::Router,
                other => panic!("kind {other}"),
            },
            namespace: self.namespace.as_str().into(),
            labels: self.labels,
            addresses: self.address.split(',').map(|one| one.trim().parse().expect("an address")).collect(),
            service_account: "default".into(),
            workload: self.name.as_str().into(),
            cluster_id: "local".into(),
            locality: Locality::parse(&self.locality),
            capture: match &*self.capture {
                "redirect" => Capture::Redirect,
                "none" => Capture::None,
                other => panic!("capture {other}"),
            },
            app_ports: self.app_ports,
            variant: match &*self.variant {
                "delta" => Variant::Delta,
                "sotw" => Variant::Sotw,
                other => panic!("variant {other}"),
            },
        }
    }
}

/// The objects of a text as changes; every document must be accepted.
pub(crate) fn changes(text: &str) -> Vec<Change> {
    let parsed = document::parse("in.yaml", text, &Limits::default());
    assert!(parsed.diagnostics.iter().all(|found| !found.is_error()), "{:#?}", parsed.diagnostics);
    assert!(parsed.unsupported.is_empty(), "{:?}", parsed.unsupported);
    parsed.objects.into_iter().map(|(object, _)| Change::Applied(Arc::new(object))).collect()
}

/// The mesh with an address for every service that wants one.
pub(crate) fn addressed(mesh: &Mesh) -> Mesh {
    mesh.with_addresses(address::allocate(&AddressTable::default(), mesh.unaddressed().cloned()).table)
}

/// What one proxy is sent.
pub(crate) fn send(mesh: &Mesh, (name, proxy): &(String, Proxy), settings: &Settings) -> Sent {
    let views = views(mesh, proxy);
    let mut sent = Sent { proxy: name.clone(), resources: Vec::new(), findings: Vec::new() };
    for view in [views.outbound, views.local] {
        let mut translation = Translation::new(view);
        translation.update(&Input { mesh, settings }, &Dirty::everything());
        sent.resources.extend(translation.resources().map(|(kind, resource)| (kind, resource.clone())));
        sent.findings.extend(translation.findings());
    }
    sent.resources.sort_by(|(a, left), (b, right)| (a, left.name()).cmp(&(b, right.name())));
    let names: std::collections::BTreeSet<_> =
        sent.resources.iter().map(|(kind, found)| (kind, found.name())).collect();
    assert_eq!(names.len(), sent.resources.len(), "a name stands in both parts");
    sent
}
