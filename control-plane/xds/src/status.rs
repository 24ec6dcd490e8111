use std::{sync::Arc, time::Instant};

use ferro_xds_protos::Kind;

use crate::{Item, StreamId, StreamScope, Variant};

/// Names listed in a status; more are only counted.
pub(crate) const LISTED: usize = 100;

/// What one stream has been sent and what became of it: the row of `proxy-status`.
#[derive(Clone, Debug)]
pub struct SessionStatus {
    /// The stream.
    pub stream: StreamId,
    /// The id of the node at its other end.
    pub node: Arc<str>,
    /// The variant it speaks.
    pub variant: Variant,
    /// Everything, or one kind.
    pub scope: StreamScope,
    /// When the first message came.
    pub since: Instant,
    /// The kinds the client asked for, in push order.
    pub kinds: Vec<KindStatus>,
}

/// What became of one kind.
#[derive(Clone, Debug)]
pub struct KindStatus {
    /// The kind.
    pub kind: Kind,
    /// Whether the client wants everything of it.
    pub wildcard: bool,
    /// How many names it asked for.
    pub subscribed: usize,
    /// The latest response.
    pub sent: Option<Sent>,
    /// The latest response the client accepted.
    pub acked: Option<Sent>,
    /// The latest refusal; gone once a later response is accepted and nothing refused is left.
    pub nack: Option<Nack>,
    /// Names whose newest content the client does not have, at most 100 of them.
    pub stale: Vec<Arc<str>>,
    /// How many there are.
    pub stale_count: usize,
}

/// A response, as far as status goes.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its nonce.
    pub nonce: Arc<str>,
    /// A hash of everything the view holds of this kind, as the response said.
    pub version: Arc<str>,
    /// When it was handed to the transport, or accepted.
    pub at: Instant,
}

/// A refusal.
#[derive(Clone, Debug)]
pub struct Nack {
    /// The response refused.
    pub nonce: Arc<str>,
    /// The client's reason.
    pub message: String,
    /// When it came.
    pub at: Instant,
    /// What is held back until it changes, at most 100 of them.
    pub items: Vec<Item>,
}
