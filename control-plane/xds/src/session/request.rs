//! What requests of both variants have in common.

use std::{mem, sync::Arc, time::Instant};

use ferro_xds_protos::{Kind, envoy::google::rpc::Status};

use super::{
    Session, SessionError,
    kind_state::{Answered, KindState, Reply},
};
use crate::{HEALTH_TYPE_URL, StreamScope, What};

/// What a request says besides its subscription.
pub(super) struct Envelope {
    pub(super) node: Option<String>,
    pub(super) type_url: String,
    pub(super) nonce: String,
    pub(super) error: Option<Status>,
}

// === impl Session ===

impl Session {
    /// Finds out which kind a request is about; `None` if that was all there is to do about it.
    pub(super) fn open_envelope(
        &mut self,
        envelope: &mut Envelope,
        now: Instant,
    ) -> Result<Option<Kind>, SessionError> {
        if let Some(found) = envelope.node.take().filter(|id| !id.is_empty() && **id != *self.node) {
            return Err(SessionError::NodeChanged { expected: Arc::clone(&self.node), found });
        }
        if envelope.type_url == HEALTH_TYPE_URL {
            self.throttle(now)?;
            self.events.push(What::Health { error: envelope.error.take() });
            return Ok(None);
        }
        match self.scope {
            StreamScope::Single(kind) if envelope.type_url.is_empty() || envelope.type_url == kind.type_url() => {
                Ok(Some(kind))
            }
            StreamScope::Single(kind) => {
                let found = mem::take(&mut envelope.type_url);
                Err(SessionError::WrongType { found, expected: kind.type_url() })
            }
            StreamScope::Aggregated if envelope.type_url.is_empty() => Err(SessionError::MissingType),
            StreamScope::Aggregated => {
                let kind = Kind::from_type_url(&envelope.type_url);
                if kind.is_none() {
                    self.throttle(now)?;
                    self.events.push(What::UnknownType { type_url: mem::take(&mut envelope.type_url) });
                }
                Ok(kind)
            }
        }
    }

    /// Takes the answer that a request carries: refused if it has an error, accepted if not (rule 10).
    pub(super) fn on_reply(&mut self, kind: Kind, envelope: &mut Envelope, now: Instant) -> Result<(), SessionError> {
        if envelope.nonce.is_empty() {
            return Ok(());
        }
        let reply = envelope.error.take().map_or(Reply::Accepted, Reply::Refused);
        if matches!(reply, Reply::Refused(_)) {
            self.throttle(now)?;
        }
        let answered = self.kind_mut(kind).answer(&envelope.nonce, &reply, now);
        if let Answered::To { flight, .. } = &answered {
            self.on_answer(kind, flight);
        }
        self.note_answer(kind, &envelope.nonce, answered, reply, now);
        Ok(())
    }

    /// Counts one change of subscription, or one refusal.
    pub(super) fn throttle(&mut self, now: Instant) -> Result<(), SessionError> {
        let limit = self.limits.changes_per_second;
        if self.throttle.take(now) { Ok(()) } else { Err(SessionError::TooManyChanges { limit }) }
    }

    /// Checks names before they are kept, and shares them with the snapshot where it knows them.
    pub(super) fn intern(&self, kind: Kind, names: Vec<String>) -> Result<Vec<Arc<str>>, SessionError> {
        names.into_iter().map(|name| self.intern_one(kind, name)).collect()
    }

    pub(super) fn intern_one(&self, kind: Kind, name: String) -> Result<Arc<str>, SessionError> {
        let limit = self.limits.name_bytes;
        match self.stages.latest().get(kind, &name) {
            _ if name.len() > limit => Err(SessionError::NameTooLong { bytes: name.len(), limit }),
            Some(resource) => Ok(Arc::clone(resource.name())),
            None => Ok(Arc::from(name)),
        }
    }

    /// Checks how many names the stream holds.
    pub(super) fn check_names(&self) -> Result<(), SessionError> {
        let limit = self.limits.names_per_stream;
        let names: usize = self.kinds.iter().filter_map(KindState::interest).map(|interest| interest.names.len()).sum();
        if names > limit { Err(SessionError::TooManyNames { limit }) } else { Ok(()) }
    }

    fn note_answer(&mut self, kind: Kind, nonce: &str, answered: Answered, reply: Reply, now: Instant) {
        let event = match (answered, reply) {
            (Answered::To { flight, .. }, Reply::Accepted) => {
                let after = now.saturating_duration_since(flight.handed_at);
                What::Acked { kind, nonce: flight.nonce, items: flight.items, after }
            }
            (Answered::To { flight, held_back }, Reply::Refused(status)) => {
                What::Nacked { kind, nonce: flight.nonce, items: flight.items, held_back, status }
            }
            (Answered::Stale, Reply::Refused(status)) => {
                What::Nacked { kind, nonce: Arc::from(nonce), items: Arc::from([]), held_back: Vec::new(), status }
            }
            // A client that changes its subscription may repeat the nonce it has answered already.
            (Answered::Stale, Reply::Accepted) if self.kind(kind).is_latest(nonce) => return,
            (Answered::Stale, Reply::Accepted) => What::Stale { kind },
        };
        self.events.push(event);
    }
}
