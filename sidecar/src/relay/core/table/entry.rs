use std::sync::Arc;

use ferro_xds_protos::Resource;

use super::{Text, Verdict};
use crate::modules::ModuleDigest;

/// One name.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) latest: Latest,
    /// What Envoy last ACKed, in this stream or an earlier one.
    pub(super) good: Option<Resource>,
    /// The version that Envoy has acknowledged, or said it holds, in this stream.
    pub(super) held: Option<Arc<str>>,
    /// A response about it is under way to Envoy.
    pub(super) in_flight: bool,
    /// Its content, which newer content may replace before Envoy has answered.
    pub(super) sent: Option<Resource>,
    pub(super) rejected: Option<Rejected>,
    /// The newest content will not reach Envoy as things are: nobody waits for what it thinks of it.
    pub(super) unsent: bool,
    /// The module that must be on disk before Envoy may see the newest content.
    pub(super) module: Option<ModuleDigest>,
}

/// The newest content.
#[derive(Debug, Default)]
pub(super) enum Latest {
    /// Neither ferrod nor the cache has said anything in this stream.
    #[default]
    Unknown,
    Absent,
    Present(Resource),
}

#[derive(Debug)]
pub(super) struct Rejected {
    pub(super) by: Refuser,
    pub(super) version: Arc<str>,
    pub(super) reason: Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refuser {
    /// For good: Envoy is not sent the same content twice (reliability.md, rule 13).
    Envoy,
    /// In Envoy's place; if a module is missing, until it can be had.
    Relay { missing: Option<ModuleDigest> },
}

// === impl Rejected ===

impl Rejected {
    pub(super) fn failed_module(&self) -> Option<ModuleDigest> {
        match self.by {
            Refuser::Relay { missing } => missing,
            Refuser::Envoy => None,
        }
    }
}

// === impl Entry ===

impl Entry {
    pub(super) fn latest_version(&self) -> Option<&Arc<str>> {
        match &self.latest {
            Latest::Present(resource) => Some(resource.version()),
            Latest::Unknown | Latest::Absent => None,
        }
    }

    /// Takes in the newest content; `None` says that the name is gone.
    pub(super) fn renew(&mut self, content: Option<Resource>) {
        let latest = content.map_or(Latest::Absent, Latest::Present);
        let same = match (&self.latest, &latest) {
            (Latest::Absent, Latest::Absent) => true,
            (Latest::Present(old), Latest::Present(new)) => old.version() == new.version(),
            _ => false,
        };
        self.unsent &= same;
        self.latest = latest;
    }

    pub(super) fn has_content(&self) -> bool {
        matches!(self.latest, Latest::Present(_)) || self.good.is_some()
    }

    pub(super) fn has_version(&self, version: &Arc<str>) -> bool {
        self.latest_version() == Some(version) || self.good.as_ref().is_some_and(|good| good.version() == version)
    }

    pub(super) fn is_gone(&self) -> bool {
        matches!(self.latest, Latest::Absent) && self.held.is_none()
    }

    /// Forgets the last known good of a name that is gone on both sides; says whether there was one.
    pub(super) fn let_go(&mut self) -> bool {
        self.is_gone() && !self.in_flight && self.good.take().is_some()
    }

    /// Notes that Envoy accepted a version; says whether the last-known-good content changed by it.
    pub(super) fn accept(&mut self, version: Option<&Arc<str>>) -> bool {
        let Some(version) = version else {
            return matches!(self.latest, Latest::Absent) && self.good.take().is_some();
        };
        let Some(resource) = self.content_of(version).cloned() else { return false };
        let changed = self.good.as_ref().is_none_or(|good| good.version() != version);
        self.good = Some(resource);
        changed
    }

    /// The content of a version, as far as it is at hand.
    fn content_of(&self, version: &Arc<str>) -> Option<&Resource> {
        let latest = match &self.latest {
            Latest::Present(resource) => Some(resource),
            Latest::Unknown | Latest::Absent => None,
        };
        latest.into_iter().chain(&self.sent).find(|resource| resource.version() == version)
    }

    /// Notes that Envoy refused a version; says whether the last-known-good content changed by it.
    pub(super) fn reject(&mut self, version: &Arc<str>, reason: &Text) -> bool {
        let was_good = self.good.take_if(|good| good.version() == version).is_some();
        // The refusal of the newest content outweighs that of the content that stood in for it.
        if self.refusal().is_none() {
            let (version, reason) = (Arc::clone(version), Arc::clone(reason));
            self.rejected = Some(Rejected { by: Refuser::Envoy, version, reason });
        }
        was_good
    }

    /// What Envoy should be served: the newest content; if that is refused and Envoy has nothing, the last known good.
    pub(super) fn content(&self) -> Option<&Resource> {
        match &self.latest {
            Latest::Present(latest) if self.refusal().is_none() => Some(latest),
            Latest::Present(latest) if self.held.is_none() => {
                self.good.as_ref().filter(|good| good.version() != latest.version())
            }
            _ => None,
        }
    }

    pub(super) fn refusal(&self) -> Option<Text> {
        let rejected = self.rejected.as_ref()?;
        (self.latest_version() == Some(&rejected.version)).then(|| Arc::clone(&rejected.reason))
    }

    /// The module for want of which the newest content was refused.
    pub(super) fn failed_module(&self) -> Option<ModuleDigest> {
        self.refusal()?;
        self.rejected.as_ref()?.failed_module()
    }

    pub(super) fn verdict(&self) -> Option<Verdict> {
        if let Some(reason) = self.refusal() {
            return Some(Verdict::Rejected(reason));
        }
        if self.unsent {
            return Some(Verdict::Accepted);
        }
        if self.in_flight || self.module.is_some() {
            return None;
        }
        match &self.latest {
            Latest::Unknown => Some(Verdict::Accepted),
            Latest::Absent => self.held.is_none().then_some(Verdict::Accepted),
            Latest::Present(resource) => (self.held.as_ref() == Some(resource.version())).then_some(Verdict::Accepted),
        }
    }
}
