//! Requests of the state-of-the-world variant.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use ferro_xds_protos::{Kind, envoy::envoy::service::discovery::v3::DiscoveryRequest};

use super::{Session, SessionError, kind_state::Claim, request::Envelope};
use crate::{Interest, What, interest::WILDCARD};

// === impl Session ===

impl Session {
    /// Takes a request of the state-of-the-world variant.
    ///
    /// # Errors
    /// When the stream must end.
    pub fn on_sotw_request(&mut self, request: DiscoveryRequest, now: Instant) -> Result<(), SessionError> {
        let mut envelope = Envelope {
            node: request.node.map(|node| node.id),
            type_url: request.type_url,
            nonce: request.response_nonce,
            error: request.error_detail,
        };
        let Some(kind) = self.open_envelope(&mut envelope, now)? else { return Ok(()) };
        let names = self.intern(kind, request.resource_names)?;
        if !self.kind(kind).active() {
            self.begin_sotw(kind, names, request.version_info);
        } else {
            let stale = !envelope.nonce.is_empty() && !self.kind(kind).is_latest(&envelope.nonce);
            self.on_reply(kind, &mut envelope, now)?;
            // Rule 8: what an outdated request asks for was repeated, or will be, by a newer one.
            if !stale {
                self.change_sotw(kind, names, now)?;
            }
        }
        self.check_names()
    }

    fn begin_sotw(&mut self, kind: Kind, names: Vec<Arc<str>>, version: String) {
        let interest = self.sotw_interest(kind, names);
        let claim = if version.is_empty() { Claim::Nothing } else { Claim::Version(version) };
        self.on_first_request(kind, !claim.is_empty());
        let added = spell(&interest, None);
        self.kind_mut(kind).begin(interest, claim);
        self.events.push(What::Subscribed { kind, added, removed: Vec::new(), initial: None });
    }

    fn change_sotw(&mut self, kind: Kind, names: Vec<Arc<str>>, now: Instant) -> Result<(), SessionError> {
        let next = self.sotw_interest(kind, names);
        let Some(before) = self.kind(kind).interest().filter(|before| **before != next).cloned() else { return Ok(()) };
        self.throttle(now)?;
        let (added, removed) = (spell(&next, Some(&before)), spell(&before, Some(&next)));
        self.kind_mut(kind).set_interest(next);
        self.on_dropped(kind, &removed.iter().cloned().collect());
        self.events.push(What::Subscribed { kind, added, removed, initial: None });
        Ok(())
    }

    /// Rule 20: an empty list means everything until the client has named something, and nothing from then on.
    fn sotw_interest(&mut self, kind: Kind, names: Vec<Arc<str>>) -> Interest {
        let mut names: BTreeSet<_> = names.into_iter().collect();
        let named = self.kind_mut(kind).named(!names.is_empty());
        let wildcard = names.remove(WILDCARD) || (!named && kind.wildcard_by_default());
        Interest { wildcard, names }
    }
}

/// What `interest` has that `other` has not, as a client would name it.
fn spell(interest: &Interest, other: Option<&Interest>) -> Vec<Arc<str>> {
    let wildcard = interest.wildcard && !other.is_some_and(|other| other.wildcard);
    let names = interest.names.iter().filter(|&name| !other.is_some_and(|other| other.names.contains(name)));
    wildcard.then(|| Arc::from(WILDCARD)).into_iter().chain(names.cloned()).collect()
}
