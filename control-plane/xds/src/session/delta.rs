//! Requests of the delta variant.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Instant,
};

use ferro_xds_protos::{Kind, envoy::envoy::service::discovery::v3::DeltaDiscoveryRequest};

use super::{Session, SessionError, kind_state::Claim, request::Envelope};
use crate::{Interest, What, interest::WILDCARD};

// === impl Session ===

impl Session {
    /// Takes a request of the delta variant.
    ///
    /// # Errors
    /// When the stream must end.
    pub fn on_delta_request(&mut self, request: DeltaDiscoveryRequest, now: Instant) -> Result<(), SessionError> {
        let mut envelope = Envelope {
            node: request.node.map(|node| node.id),
            type_url: request.type_url,
            nonce: request.response_nonce,
            error: request.error_detail,
        };
        let Some(kind) = self.open_envelope(&mut envelope, now)? else { return Ok(()) };
        self.on_reply(kind, &mut envelope, now)?;
        // Whatever became of the answer, also of a stale one, what the request subscribes to counts (rules 9 and 14).
        let added = self.intern(kind, request.resource_names_subscribe)?;
        let removed = self.intern(kind, request.resource_names_unsubscribe)?;
        if !self.kind(kind).active() {
            self.begin_delta(kind, added, removed, request.initial_resource_versions)?;
        } else if !(added.is_empty() && removed.is_empty()) {
            self.throttle(now)?;
            self.change_delta(kind, &added, &removed);
            self.events.push(What::Subscribed { kind, added, removed, initial: None });
        }
        self.check_names()
    }

    /// The first request of a kind: without names it means everything for the kinds where it always did (rule 19).
    fn begin_delta(
        &mut self,
        kind: Kind,
        mut added: Vec<Arc<str>>,
        removed: Vec<Arc<str>>,
        initial: HashMap<String, String>,
    ) -> Result<(), SessionError> {
        if added.is_empty() && kind.wildcard_by_default() {
            added.push(Arc::from(WILDCARD));
        }
        // Rule 26: what is subscribed and unsubscribed in one message is not subscribed.
        let mut names: BTreeSet<_> = added.iter().filter(|name| !removed.contains(name)).cloned().collect();
        let wildcard = names.remove(WILDCARD);
        let initial = Arc::new(self.intern_versions(kind, initial)?);
        // An agent whose Envoy has just started names what it remembers, without a version: that Envoy has nothing.
        self.on_first_request(kind, initial.values().any(|version| !version.is_empty()));
        self.kind_mut(kind).begin(Interest { wildcard, names }, Claim::Versions(Arc::clone(&initial)));
        self.events.push(What::Subscribed { kind, added, removed, initial: Some(initial) });
        Ok(())
    }

    fn change_delta(&mut self, kind: Kind, added: &[Arc<str>], removed: &[Arc<str>]) {
        let is_name = |name: &&Arc<str>| &***name != WILDCARD;
        if added.iter().any(|name| &**name == WILDCARD) {
            self.kind_mut(kind).add_wildcard();
        }
        self.kind_mut(kind).add_names(added.iter().filter(is_name).cloned());
        let dropped: BTreeSet<_> = removed.iter().filter(is_name).cloned().collect();
        self.kind_mut(kind).drop_names(&dropped);
        self.on_dropped(kind, &dropped);
        if removed.iter().any(|name| &**name == WILDCARD) {
            self.kind_mut(kind).drop_wildcard();
        }
    }

    fn intern_versions(
        &self,
        kind: Kind,
        initial: HashMap<String, String>,
    ) -> Result<BTreeMap<Arc<str>, Arc<str>>, SessionError> {
        let shared = |(name, version): (String, String)| {
            let known = self.stages.latest().get(kind, &name).filter(|resource| **resource.version() == *version);
            let version = known.map_or_else(|| Arc::from(version), |resource| Arc::clone(resource.version()));
            Ok((self.intern_one(kind, name)?, version))
        };
        initial.into_iter().map(shared).collect()
    }
}
