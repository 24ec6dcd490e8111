use std::{collections::BTreeMap, sync::Arc};

use ferro_xds_protos::Resource;

use crate::session::flight::Held;

/// What a client has, or may have, of names whose newest state it does not have.
///
/// Of one name there are at most two: what the client had before the response that waits for its answer, and what that
/// response brought. The answer decides which it has.
#[derive(Clone, Debug, Default)]
pub(super) struct Lingering {
    resources: BTreeMap<Arc<str>, Vec<Resource>>,
}

// === impl Lingering ===

impl Lingering {
    /// The client was sent this, and is to have something else now.
    pub(super) fn keep(&mut self, resource: &Resource) {
        let kept = self.resources.entry(Arc::clone(resource.name())).or_default();
        if !kept.iter().any(|other| other.version() == resource.version()) {
            kept.push(resource.clone());
        }
    }

    /// What the client has of `name`, if it is at hand.
    pub(super) fn of(&self, name: &str, held: &Held) -> Option<&Resource> {
        self.resources.get(name)?.iter().find(|resource| held.is(resource.version()))
    }

    /// It is certain now what the client has of `name`: `held`, or what it should have.
    pub(super) fn settle(&mut self, name: &str, held: Option<&Held>) {
        if let Some(kept) = self.resources.get_mut(name) {
            kept.retain(|resource| held.is_some_and(|held| held.is(resource.version())));
            if kept.is_empty() {
                self.resources.remove(name);
            }
        }
    }

    /// Forgets the names that `gone` picks.
    pub(super) fn forget_where(&mut self, gone: impl Fn(&str) -> bool) {
        self.resources.retain(|name, _| !gone(name));
    }
}
