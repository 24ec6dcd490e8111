//! What a server tells its [`Source`](crate::Source): enough for metrics, logs, `proxy-status` and the agent's relay.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use ferro_xds_protos::{
    Kind, Resource,
    envoy::{envoy::config::core::v3::Node, google::rpc::Status},
};

/// The type URL by which an agent reports the health of its workload. Not a resource: never answered.
pub const HEALTH_TYPE_URL: &str = "type.googleapis.com/istio.v1.HealthInformation";

/// One stream of one client, unique while the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// The protocol variant a stream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variant {
    /// State of the world: every response is a full list (CDS, LDS) or a list of what changed.
    Sotw,
    /// Delta: changed resources and names of removed ones.
    Delta,
}

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamScope {
    /// ADS: every kind, with the order between them kept.
    Aggregated,
    /// A service of its own for one kind.
    Single(Kind),
}

/// A resource in a response: its name, and its version or `None` for a removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The resource's name.
    pub name: Arc<str>,
    /// The version sent, `None` if the response said that it is gone.
    pub version: Option<Arc<str>>,
}

/// Something that happened on a stream.
#[derive(Clone, Debug)]
pub struct SessionEvent {
    /// The stream it happened on.
    pub stream: StreamId,
    /// The id of the node at its other end.
    pub node: Arc<str>,
    /// What happened.
    pub what: What,
}

/// What happened on a stream.
#[derive(Clone, Debug)]
pub enum What {
    /// The first message came, and the source agreed to serve.
    Opened {
        /// The client's description of itself.
        node: Arc<Node>,
        /// The variant it speaks.
        variant: Variant,
        /// Everything, or one kind.
        scope: StreamScope,
    },
    /// The client changed what it wants.
    Subscribed {
        /// The kind it wants.
        kind: Kind,
        /// Names asked for, also those it had asked for before; `*` for all, also when meant by an empty request.
        added: Vec<Arc<str>>,
        /// Names no longer wanted; `*` for all.
        removed: Vec<Arc<str>>,
        /// On the first request of a kind: what the client says it holds (delta only).
        initial: Option<Arc<BTreeMap<Arc<str>, Arc<str>>>>,
    },
    /// A response was handed to the transport.
    Sent {
        /// The kind it carries.
        kind: Kind,
        /// Its nonce.
        nonce: Arc<str>,
        /// What it says.
        items: Arc<[Item]>,
        /// The resources among it.
        resources: Arc<[Resource]>,
        /// Its size, in bytes.
        bytes: usize,
    },
    /// The client accepted a response.
    Acked {
        /// The kind it carried.
        kind: Kind,
        /// Its nonce.
        nonce: Arc<str>,
        /// What it said.
        items: Arc<[Item]>,
        /// Time from handing it to the transport.
        after: Duration,
    },
    /// The client refused a response.
    Nacked {
        /// The kind it carried.
        kind: Kind,
        /// Its nonce.
        nonce: Arc<str>,
        /// What it said; empty when the nonce is not that of the latest response.
        items: Arc<[Item]>,
        /// Those of its names that are not sent again until they change. The others are, on their own.
        held_back: Vec<Arc<str>>,
        /// The client's reason, as it came.
        status: Status,
    },
    /// The client accepted a response that is not the latest, and not one whose answer is awaited: nothing follows from it.
    Stale {
        /// The kind it carried.
        kind: Kind,
    },
    /// A response was neither accepted nor refused in time: what it brought is taken back (rules 16 and 17).
    Suspected {
        /// The kind it carried.
        kind: Kind,
        /// What was taken back: names, and the versions that are not sent again until they change.
        items: Vec<Item>,
    },
    /// These will not be sent as things are: the client has them already, has no use for them, or what it refused stands
    /// in their way. Should that change, they follow.
    Unsent {
        /// The kind.
        kind: Kind,
        /// The names.
        names: Vec<Arc<str>>,
    },
    /// The client asked for a type nobody serves. Nothing is subscribed and the stream lives (rule 2).
    UnknownType {
        /// The type URL it asked for.
        type_url: String,
    },
    /// The agent reported the health of its workload: `None` is healthy.
    Health {
        /// Why it is not healthy.
        error: Option<Status>,
    },
    /// The stream ended; nothing follows.
    Closed {
        /// Why, in plain words.
        reason: Closed,
    },
}

/// Why a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The client ended it.
    ByClient,
    /// The connection broke.
    Broken(String),
    /// The client broke a rule or a limit.
    Refused(String),
    /// The client took nothing for too long (rule 52).
    TooSlow,
    /// The server shuts down.
    Drained,
    /// The source withdrew the client's view.
    Withdrawn,
}

// === impl StreamId ===

impl fmt::Display for StreamId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

// === impl Closed ===

impl fmt::Display for Closed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByClient => formatter.write_str("closed by the client"),
            Self::Broken(reason) => write!(formatter, "connection broken: {reason}"),
            Self::Refused(reason) => write!(formatter, "refused: {reason}"),
            Self::TooSlow => formatter.write_str("the client took nothing for too long"),
            Self::Drained => formatter.write_str("the server shuts down"),
            Self::Withdrawn => formatter.write_str("the source withdrew the view"),
        }
    }
}
