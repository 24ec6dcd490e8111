//! A workload: what a Pod or a WorkloadEntry says about one instance of something.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::endpoint::{EndpointAddress, Locality, TlsMode};
use super::service::Labels;
use crate::istio::{Health, WorkloadEntry};
use crate::object::{Object, Spec};

mod pod;

/// One instance that services may select.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Workload {
    pub(crate) origin: Origin,
    pub(crate) state: State,
    pub(crate) address: EndpointAddress,
    /// Ports by name: container ports, or the mapping of the entry.
    pub(crate) ports: BTreeMap<String, u16>,
    pub(crate) labels: Arc<Labels>,
    pub(crate) locality: Locality,
    pub(crate) weight: Option<u32>,
    pub(crate) network: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) namespace: Arc<str>,
    pub(crate) service_account: Arc<str>,
    pub(crate) node: Arc<str>,
    pub(crate) tls: TlsMode,
}

/// What kind of object describes a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Pod,
    Entry,
}

/// Whether a workload takes requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Ready,
    NotReady,
}

/// Set by whoever puts a sidecar beside a workload.
const TLS_MODE: &str = "security.istio.io/tlsMode";
const NETWORK: &str = "topology.istio.io/network";
const LOCALITIES: [&str; 2] = ["topology.istio.io/locality", "istio-locality"];
/// On a registered entry: it counts as unhealthy until its agent has said otherwise.
const HEALTH_CHECKED: &str = "proxy.istio.io/health-checks-enabled";

/// The workload that an object describes; `None` if it has no address yet, or is on its way out.
pub(crate) fn from_object(object: &Object) -> Option<Workload> {
    match &object.spec {
        _ if object.meta.deleted.is_some() => None,
        Spec::Pod(pod) => pod::workload(object, pod),
        Spec::WorkloadEntry(entry) => entry.address.as_ref().map(|_| Workload::registered(object, entry)),
        _ => None,
    }
}

impl Workload {
    /// The workload of an endpoint that a ServiceEntry lists itself.
    pub(crate) fn inline(entry: &WorkloadEntry, namespace: &Arc<str>) -> Self {
        Self::new(entry, Labels::new(), namespace, &Arc::default(), State::Ready)
    }

    fn registered(object: &Object, entry: &WorkloadEntry) -> Self {
        let checked = object.meta.annotations.get(HEALTH_CHECKED).is_some_and(|value| value == "true");
        let silent = entry.conditions.is_empty();
        let state = match entry.health() {
            Health::Healthy if !(checked && silent) => State::Ready,
            Health::Healthy | Health::Unhealthy => State::NotReady,
        };
        Self::new(entry, object.meta.labels.clone(), &object.key.namespace, &object.key.name, state)
    }

    // Labels of the metadata win over those of the specification.
    fn new(entry: &WorkloadEntry, own: Labels, namespace: &Arc<str>, name: &Arc<str>, state: State) -> Self {
        let mut labels = entry.labels.clone();
        labels.extend(own);
        let account = entry.service_account.as_deref().unwrap_or_default();
        let tls = if account.is_empty() { tls_mode(&labels) } else { TlsMode::Istio };
        let locality = entry.locality.as_deref().filter(|text| !text.is_empty());
        let network = entry.network.as_deref().filter(|text| !text.is_empty());
        Self {
            origin: Origin::Entry,
            state,
            address: EndpointAddress::parse(entry.address.as_deref().unwrap_or_default()),
            ports: entry
                .ports
                .iter()
                .filter_map(|(name, port)| Some((name.clone(), u16::try_from(*port).ok()?)))
                .collect(),
            locality: locality.map_or_else(|| labelled_locality(&labels), Locality::parse),
            weight: entry.weight.filter(|weight| *weight != 0),
            network: network.or_else(|| labels.get(NETWORK).map(String::as_str)).unwrap_or_default().into(),
            labels: Arc::new(labels),
            name: Arc::clone(name),
            namespace: Arc::clone(namespace),
            service_account: account.into(),
            node: Arc::default(),
            tls,
        }
    }
}

fn tls_mode(labels: &Labels) -> TlsMode {
    match labels.get(TLS_MODE).map(String::as_str) {
        Some("istio") => TlsMode::Istio,
        _ => TlsMode::Disabled,
    }
}

// A label cannot hold a slash, so its value separates the parts by dots.
fn labelled_locality(labels: &Labels) -> Locality {
    let label = LOCALITIES.iter().find_map(|name| labels.get(*name));
    label.map(|value| Locality::parse(&value.replace('.', "/"))).unwrap_or_default()
}
