//! The labels by which policies tell clients apart. Clients that agree on all of these get the same configuration.

use std::collections::BTreeSet;
use std::sync::Arc;

use imbl::OrdMap;

use super::service::Labels;
use crate::object::{Object, Spec};

/// Label names, each with the number of objects that use it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientLabels {
    uses: OrdMap<Arc<str>, usize>,
}

impl ClientLabels {
    /// The names in use.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.uses.keys().map(|name| &**name)
    }

    /// Whether an object uses a name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.uses.contains_key(name)
    }

    /// Counts an object in place of what it was before.
    pub(crate) fn update(&mut self, before: Option<&Arc<Object>>, after: Option<&Arc<Object>>) {
        let names = |object: Option<&Arc<Object>>| object.map(|object| used_by(object)).unwrap_or_default();
        let (before, after) = (names(before), names(after));
        for name in after.difference(&before) {
            *self.uses.entry(Arc::clone(name)).or_default() += 1;
        }
        for name in before.difference(&after) {
            match self.uses.get(name) {
                Some(uses) if *uses > 1 => self.uses.insert(Arc::clone(name), uses - 1),
                _ => self.uses.remove(name),
            };
        }
    }
}

/// The names of the labels by which an object tells clients apart.
pub(crate) fn used_by(object: &Object) -> BTreeSet<Arc<str>> {
    let sets: Vec<&Labels> = match &object.spec {
        Spec::VirtualService(spec) => {
            let http = spec.http.iter().flat_map(|route| &route.match_).map(|matched| &matched.source_labels);
            let tls = spec.tls.iter().flat_map(|route| &route.match_).map(|matched| &matched.source_labels);
            let tcp = spec.tcp.iter().flat_map(|route| &route.match_).map(|matched| &matched.source_labels);
            http.chain(tls).chain(tcp).collect()
        }
        Spec::DestinationRule(spec) => spec.workload_selector.iter().map(|selector| selector.labels()).collect(),
        Spec::Sidecar(spec) => spec.workload_selector.iter().map(|selector| selector.labels()).collect(),
        Spec::Gateway(spec) => vec![&spec.selector],
        _ => Vec::new(),
    };
    sets.into_iter().flat_map(Labels::keys).map(|name| name.as_str().into()).collect()
}
