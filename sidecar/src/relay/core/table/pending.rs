use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use ferro_xds::{Item, client::Received};

use super::{Text, Verdict};

/// A response of ferrod that Envoy has not judged in full.
#[derive(Debug)]
pub(super) struct Pending {
    nonce: Arc<str>,
    names: Vec<Arc<str>>,
    waiting: HashMap<Arc<str>, Option<Arc<str>>>,
    rejected: BTreeMap<Arc<str>, Text>,
}

/// What ferrod is to be told of one of its responses.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::relay) struct Decision {
    /// The response.
    pub(in crate::relay) nonce: Arc<str>,
    /// The names it spoke of.
    pub(in crate::relay) names: Vec<Arc<str>>,
    /// Why it is refused; `None` if it is accepted.
    pub(in crate::relay) refusal: Option<String>,
}

// === impl Pending ===

impl Pending {
    pub(super) fn new(received: &Received) -> Self {
        let items = received.items();
        let names = items.iter().map(|item| Arc::clone(&item.name)).collect();
        let waiting = items.into_iter().map(|Item { name, version }| (name, version)).collect();
        Self { nonce: Arc::clone(&received.nonce), names, waiting, rejected: BTreeMap::new() }
    }

    pub(super) fn waits_for(&self, name: &str, version: Option<&Arc<str>>) -> bool {
        self.waiting.get(name).is_some_and(|wanted| wanted.as_ref() == version)
    }

    pub(super) fn judge(&mut self, name: &Arc<str>, verdict: &Verdict) {
        let waited = self.waiting.remove(name).is_some();
        if let (true, Verdict::Rejected(reason)) = (waited, verdict) {
            self.rejected.insert(Arc::clone(name), Arc::clone(reason));
        }
    }

    pub(super) fn is_judged(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn decision(self) -> Decision {
        let refusal = (!self.rejected.is_empty()).then(|| self.refusal());
        Decision { nonce: self.nonce, names: self.names, refusal }
    }

    /// Envoy's own words about a single resource, else who is refused with which words.
    fn refusal(&self) -> String {
        let mut by_reason: BTreeMap<&Text, Vec<&str>> = BTreeMap::new();
        for (name, reason) in &self.rejected {
            by_reason.entry(reason).or_default().push(name);
        }
        if self.names.len() == 1 {
            return by_reason.into_keys().map(ToString::to_string).collect();
        }
        let parts: Vec<_> = by_reason.iter().map(|(reason, names)| format!("{}: {reason}", names.join(", "))).collect();
        parts.join("; ")
    }
}
