//! The xDS protocol without sockets and clocks: one session is one stream of one client.
//!
//! ```text
//!   request ──► on_request ─┐                         ┌─► next_response ──► wire
//!                           ├─► what the client wants ┤
//!  snapshot ─► on_snapshot ─┘   and what it lacks     └─► deadline ──► on_deadline
//! ```
//!
//! Of each kind a session knows what the client wants (names, or all) and the names where the client differs from what
//! it should have (`behind`). Everything else it wants is what the snapshot says, so a client that is in step costs
//! nothing but its names, and a slow one a set of names: newer state replaces what waits (rule 51). A response is built
//! when the transport is ready for it, from the newest snapshot its kind may be served from; [`order`] says which that is.

use std::{sync::Arc, time::Instant};

use ferro_xds_protos::Kind;

use self::{kind_state::KindState, order::Stages, throttle::Throttle};
use crate::{Limits, SessionStatus, Snapshot, StreamId, StreamScope, Variant, What};

mod carried;
mod delta;
mod flight;
mod isolate;
mod kind_state;
mod order;
mod placeholder;
mod request;
mod response;
mod sotw;
#[cfg(test)]
mod tests;
mod throttle;

pub use carried::Carried;
pub use order::owners;
pub use response::{Frames, Response};

/// One stream of one client.
#[derive(Debug)]
pub struct Session {
    stream: StreamId,
    node: Arc<str>,
    variant: Variant,
    scope: StreamScope,
    limits: Limits,
    salt: u64,
    nonces: u64,
    opened: Instant,
    kinds: [KindState; Kind::ALL.len()],
    stages: Stages,
    /// What an earlier stream of this node left.
    carried: Carried,
    throttle: Throttle,
    events: Vec<What>,
}

/// What a session begins with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The stream.
    pub stream: StreamId,
    /// The id of the client's node; a later message that names another one ends the stream.
    pub node: Arc<str>,
    /// The variant it speaks.
    pub variant: Variant,
    /// Everything, or one kind.
    pub scope: StreamScope,
    /// What distinguishes this process's nonces from those of an earlier one.
    pub salt: u64,
    /// What the client should have.
    pub snapshot: Arc<Snapshot>,
    /// What the last session of this node left: [`Session::carry`].
    pub carried: Carried,
    /// The limits.
    pub limits: Limits,
    /// When the first message came.
    pub now: Instant,
}

/// Why a stream must end. The status it ends with is [`SessionError::code`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// A message on ADS does not say which type it is about (rule 2).
    #[error("a request on the aggregated service must name its type_url")]
    MissingType,
    /// A message on a single-type service is about another type.
    #[error("type `{found}` asked for on the service for `{expected}`")]
    WrongType {
        /// The type asked for.
        found: String,
        /// The type served.
        expected: &'static str,
    },
    /// A later message names another node (rule 1).
    #[error("this stream belongs to node `{expected}`, and now says it is `{found}`")]
    NodeChanged {
        /// The node of the first message.
        expected: Arc<str>,
        /// The node named now.
        found: String,
    },
    /// Too many names (S17).
    #[error("more than {limit} names subscribed on one stream")]
    TooManyNames {
        /// The limit.
        limit: usize,
    },
    /// A name that is too long (S17).
    #[error("a resource name of {bytes} bytes, {limit} are allowed")]
    NameTooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Too many changes of subscription, or refusals (S17).
    #[error("more than {limit} subscription changes and refusals a second")]
    TooManyChanges {
        /// The limit.
        limit: u32,
    },
}

// === impl Session ===

impl Session {
    /// A session whose first request is still to be handed in.
    pub fn new(setup: Setup) -> Self {
        let variant = setup.variant;
        let mut session = Self {
            stream: setup.stream,
            node: setup.node,
            variant,
            scope: setup.scope,
            throttle: Throttle::new(setup.limits.changes_per_second, setup.now),
            limits: setup.limits,
            salt: setup.salt,
            nonces: 0,
            opened: setup.now,
            kinds: Kind::ALL.map(|kind| KindState::new(kind, variant)),
            stages: Stages::new(Arc::clone(&setup.snapshot)),
            carried: setup.carried,
            events: Vec::new(),
        };
        session.kind_mut(Kind::Cluster).retarget(&setup.snapshot);
        session.on_snapshot(setup.snapshot);
        session
    }

    /// The transport took the last byte of the response with this nonce.
    pub fn on_written(&mut self, kind: Kind, nonce: &str, now: Instant) {
        self.kind_mut(kind).written(nonce, now);
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<What> {
        std::mem::take(&mut self.events)
    }

    /// What the client has and lacks.
    pub fn status(&self) -> SessionStatus {
        SessionStatus {
            stream: self.stream,
            node: Arc::clone(&self.node),
            variant: self.variant,
            scope: self.scope,
            since: self.opened,
            kinds: self.kinds.iter().filter_map(KindState::status).collect(),
        }
    }

    /// What the node's next session should know of this one, at its end.
    pub fn carry(&self) -> Carried {
        // What this client never asked for is as an earlier stream left it.
        let mut carried = self.carried.clone();
        for kind in Kind::ALL.into_iter().filter(|kind| self.kind(*kind).active()) {
            carried.note(kind, self.kind(kind).refusals());
        }
        if self.kind(Kind::Cluster).active() {
            carried.unconfirmed = self.kind(Kind::Cluster).unconfirmed();
        }
        carried
    }

    fn kind(&self, kind: Kind) -> &KindState {
        // `kinds` has one entry per kind, in the order of `Kind::ALL`.
        &self.kinds[kind.index()]
    }

    fn kind_mut(&mut self, kind: Kind) -> &mut KindState {
        &mut self.kinds[kind.index()]
    }

    fn next_nonce(&mut self) -> Arc<str> {
        self.nonces += 1;
        format!("{:x}.{}.{}", self.salt, self.stream, self.nonces).into()
    }
}

// === impl SessionError ===

impl SessionError {
    /// The gRPC status code the stream ends with.
    pub fn code(&self) -> tonic::Code {
        match self {
            Self::MissingType | Self::WrongType { .. } | Self::NodeChanged { .. } | Self::NameTooLong { .. } => {
                tonic::Code::InvalidArgument
            }
            Self::TooManyNames { .. } | Self::TooManyChanges { .. } => tonic::Code::ResourceExhausted,
        }
    }
}
