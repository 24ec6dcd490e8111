use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    mem,
    sync::Arc,
};

use ferro_xds_protos::{
    Kind, Resource,
    envoy::{
        envoy::{
            config::core::v3::Node,
            service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse},
        },
        google::rpc::Status,
    },
};

use crate::{HEALTH_TYPE_URL, Interest, Item, interest::WILDCARD};

#[cfg(test)]
mod tests;

/// Invalid argument, in `google.rpc.Code`.
const INVALID_ARGUMENT: i32 = 3;

/// A delta ADS client without socket and clock.
///
/// What it wants and what it holds outlive a stream; what was asked, received and not yet answered does not.
///
/// ```text
/// subscribe, ack, nack, report_health ──► state ──► next_request ──► wire
///                                 wire ──► on_response ──► Received ──► caller ──► ack | nack
/// connected (a new stream): every kind with an interest starts with its names and initial_resource_versions
/// ```
#[derive(Debug)]
pub struct ClientSession {
    node: Node,
    node_sent: bool,
    kinds: [KindState; Kind::ALL.len()],
    health: Health,
}

/// A response that waits for [`ClientSession::ack`] or [`ClientSession::nack`].
#[derive(Clone, Debug)]
pub struct Received {
    /// What it carries.
    pub kind: Kind,
    /// What to answer it with.
    pub nonce: Arc<str>,
    /// New and changed resources, with the server's versions.
    pub resources: Vec<Resource>,
    /// Names that do not exist, or no longer.
    pub removed: Vec<Arc<str>>,
}

/// Why a response cannot be used. It is refused already where the protocol allows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The type was never asked for; there is no subscription to refuse it on.
    #[error("a response of type `{0}`, which was not asked for")]
    UnknownType(String),
    /// One resource has another type than its response.
    #[error("resource `{name}` is of type `{found}` in a response of type `{expected}`")]
    WrongType {
        /// The resource.
        name: String,
        /// Its type.
        found: String,
        /// The response's type.
        expected: &'static str,
    },
    /// One name stands twice, among the resources or among them and the removed names.
    #[error("resource `{0}` stands twice in one response")]
    Duplicate(String),
}

#[derive(Debug, Default)]
struct KindState {
    interest: Interest,
    held: BTreeMap<Arc<str>, Arc<str>>,
    stream: StreamState,
}

/// What belongs to one stream and one kind.
#[derive(Debug, Default)]
struct StreamState {
    asked: bool,
    subscribe: BTreeSet<Arc<str>>,
    unsubscribe: BTreeSet<Arc<str>>,
    undecided: VecDeque<Undecided>,
    replies: VecDeque<(Arc<str>, Option<Status>)>,
}

#[derive(Debug)]
struct Undecided {
    nonce: Arc<str>,
    items: Vec<Item>,
}

/// The latest report, and whether this stream has carried it.
#[derive(Debug, Default)]
struct Health {
    latest: Option<Option<Status>>,
    sent: bool,
}

// === impl ClientSession ===

impl ClientSession {
    /// A client that wants nothing yet.
    pub fn new(node: Node) -> Self {
        Self { node, node_sent: false, kinds: Default::default(), health: Health::default() }
    }

    /// Describes itself differently from the next stream on.
    pub fn set_node(&mut self, node: Node) {
        self.node = node;
    }

    /// Wants these names too. A name already wanted is asked for again, and the server must send it again (rule 24).
    pub fn subscribe(&mut self, kind: Kind, names: impl IntoIterator<Item = Arc<str>>) {
        let state = self.state(kind);
        for name in names {
            state.stream.unsubscribe.remove(&name);
            state.stream.subscribe.insert(Arc::clone(&name));
            state.interest.names.insert(name);
        }
    }

    /// Asks for names that are wanted already to be sent again (rule 24), for instance because the server holds back
    /// what the client now accepts.
    pub fn ask_again(&mut self, kind: Kind, names: impl IntoIterator<Item = Arc<str>>) {
        self.state(kind).stream.subscribe.extend(names);
    }

    /// Wants everything of this kind.
    pub fn subscribe_all(&mut self, kind: Kind) {
        let state = self.state(kind);
        if !mem::replace(&mut state.interest.wildcard, true) {
            state.stream.unsubscribe.remove(WILDCARD);
            state.stream.subscribe.insert(Arc::from(WILDCARD));
        }
    }

    /// Wants these names no more, and forgets what it held of them.
    pub fn unsubscribe(&mut self, kind: Kind, names: impl IntoIterator<Item = Arc<str>>) {
        let state = self.state(kind);
        for name in names {
            if state.interest.names.remove(&name) {
                if !state.interest.wildcard {
                    state.held.remove(&name);
                }
                state.stream.subscribe.remove(&name);
                state.stream.unsubscribe.insert(name);
            }
        }
    }

    /// Wants only the names it asked for, and forgets what it held of others.
    pub fn unsubscribe_all(&mut self, kind: Kind) {
        let KindState { interest, held, stream } = self.state(kind);
        if mem::replace(&mut interest.wildcard, false) {
            held.retain(|name, _| interest.names.contains(name));
            stream.subscribe.remove(WILDCARD);
            stream.unsubscribe.insert(Arc::from(WILDCARD));
        }
    }

    /// Sets what is wanted and held of a kind, as far as the next stream is concerned; on a stream that is open the
    /// difference of the interests is sent, and every wanted name that is not held is asked for again.
    pub fn replace(&mut self, kind: Kind, interest: Interest, held: BTreeMap<Arc<str>, Arc<str>>) {
        let gone: Vec<_> = self.state(kind).interest.names.difference(&interest.names).cloned().collect();
        self.unsubscribe(kind, gone);
        if interest.wildcard {
            self.subscribe_all(kind);
        } else {
            self.unsubscribe_all(kind);
        }
        let state = self.state(kind);
        let missing: Vec<_> = interest
            .names
            .iter()
            .filter(|&name| !held.contains_key(name) || !state.interest.names.contains(name))
            .cloned()
            .collect();
        self.subscribe(kind, missing);
        let state = self.state(kind);
        state.interest = interest;
        state.held = held;
    }

    /// Records what is held of a name: the version the next stream will declare, or `None`.
    pub fn record(&mut self, kind: Kind, name: Arc<str>, version: Option<Arc<str>>) {
        let state = self.state(kind);
        match version {
            Some(version) => state.held.insert(name, version),
            None => state.held.remove(&name),
        };
    }

    /// What is wanted of a kind.
    pub fn interest(&self, kind: Kind) -> &Interest {
        &self.kinds[kind.index()].interest
    }

    /// What is held of a kind, as the next stream will declare it.
    pub fn held(&self, kind: Kind) -> &BTreeMap<Arc<str>, Arc<str>> {
        &self.kinds[kind.index()].held
    }

    /// Accepts a response: all it said is held now. Without effect if the nonce is not of this stream or was decided.
    pub fn ack(&mut self, kind: Kind, nonce: &str) {
        let state = self.state(kind);
        let Some(decided) = state.stream.decide(nonce) else { return };
        for Item { name, version } in decided.items {
            let wanted = state.interest.wildcard || state.interest.names.contains(&name);
            match version.filter(|_| wanted) {
                Some(version) => state.held.insert(name, version),
                None => state.held.remove(&name),
            };
        }
        state.stream.replies.push_back((decided.nonce, None));
    }

    /// Refuses a response. What was held stays held. Without effect if the nonce is not of this stream or was decided.
    pub fn nack(&mut self, kind: Kind, nonce: &str, status: Status) {
        let stream = &mut self.state(kind).stream;
        if let Some(decided) = stream.decide(nonce) {
            stream.replies.push_back((decided.nonce, Some(status)));
        }
    }

    /// Reports the health of the workload, `None` for healthy; repeated on every new stream.
    pub fn report_health(&mut self, error: Option<Status>) {
        if self.health.latest.as_ref() != Some(&error) {
            self.health = Health { latest: Some(error), sent: false };
        }
    }

    /// A new stream begins: nothing was asked on it, and nonces of the old one mean nothing.
    pub fn connected(&mut self) {
        self.node_sent = false;
        self.health.sent = false;
        for state in &mut self.kinds {
            state.stream = StreamState::default();
        }
    }

    /// Takes a response of the current stream.
    ///
    /// # Errors
    /// When it cannot be used. It is refused then, except for [`Unusable::UnknownType`].
    pub fn on_response(&mut self, response: DeltaDiscoveryResponse) -> Result<Received, Unusable> {
        let kind = Kind::from_type_url(&response.type_url)
            .filter(|kind| self.kinds[kind.index()].stream.asked)
            .ok_or_else(|| Unusable::UnknownType(response.type_url.clone()))?;
        let nonce: Arc<str> = response.nonce.as_str().into();
        let received = Received::parse(kind, Arc::clone(&nonce), response);
        let items = received.as_ref().map(Received::items).unwrap_or_default();
        self.state(kind).stream.undecided.push_back(Undecided { nonce: Arc::clone(&nonce), items });
        if let Err(unusable) = &received {
            let message = unusable.to_string();
            self.nack(kind, &nonce, Status { code: INVALID_ARGUMENT, message, details: Vec::new() });
        }
        received
    }

    /// The next request to send, if there is something to say.
    pub fn next_request(&mut self) -> Option<DeltaDiscoveryRequest> {
        let mut request = self.next_for_kinds().or_else(|| self.next_health())?;
        if !mem::replace(&mut self.node_sent, true) {
            request.node = Some(self.node.clone());
        }
        Some(request)
    }

    fn next_for_kinds(&mut self) -> Option<DeltaDiscoveryRequest> {
        Kind::ALL.into_iter().zip(&mut self.kinds).find_map(|(kind, state)| state.next_request(kind))
    }

    fn next_health(&mut self) -> Option<DeltaDiscoveryRequest> {
        let latest = self.health.latest.as_ref().filter(|_| !self.health.sent)?;
        self.health.sent = true;
        Some(DeltaDiscoveryRequest {
            type_url: HEALTH_TYPE_URL.to_owned(),
            error_detail: latest.clone(),
            ..Default::default()
        })
    }

    fn state(&mut self, kind: Kind) -> &mut KindState {
        // `kinds` has one entry per kind, in the order of `Kind::ALL`.
        &mut self.kinds[kind.index()]
    }
}

// === impl KindState ===

impl KindState {
    fn next_request(&mut self, kind: Kind) -> Option<DeltaDiscoveryRequest> {
        if !self.stream.asked {
            return self.first_request(kind);
        }
        let reply = self.stream.replies.pop_front();
        if reply.is_none() && self.stream.subscribe.is_empty() && self.stream.unsubscribe.is_empty() {
            return None;
        }
        let (nonce, error_detail) = reply.unwrap_or_default();
        Some(DeltaDiscoveryRequest {
            type_url: kind.type_url().to_owned(),
            resource_names_subscribe: strings(&mem::take(&mut self.stream.subscribe)),
            resource_names_unsubscribe: strings(&mem::take(&mut self.stream.unsubscribe)),
            response_nonce: nonce.to_string(),
            error_detail,
            ..Default::default()
        })
    }

    /// The first request of a kind names everything wanted and held. A plain wildcard goes without names, as Envoy
    /// sends it, because some servers know no other form.
    fn first_request(&mut self, kind: Kind) -> Option<DeltaDiscoveryRequest> {
        let Interest { wildcard, names } = &self.interest;
        if !wildcard && names.is_empty() {
            return None;
        }
        let mut subscribe = strings(names);
        if *wildcard && !(names.is_empty() && kind.wildcard_by_default()) {
            subscribe.push(WILDCARD.to_owned());
        }
        self.stream = StreamState { asked: true, ..StreamState::default() };
        Some(DeltaDiscoveryRequest {
            type_url: kind.type_url().to_owned(),
            resource_names_subscribe: subscribe,
            initial_resource_versions: self.initial_versions(),
            ..Default::default()
        })
    }

    fn initial_versions(&self) -> HashMap<String, String> {
        self.held.iter().map(|(name, version)| (name.to_string(), version.to_string())).collect()
    }
}

// === impl StreamState ===

impl StreamState {
    fn decide(&mut self, nonce: &str) -> Option<Undecided> {
        let position = self.undecided.iter().position(|undecided| *undecided.nonce == *nonce)?;
        self.undecided.remove(position)
    }
}

// === impl Received ===

impl Received {
    fn parse(kind: Kind, nonce: Arc<str>, response: DeltaDiscoveryResponse) -> Result<Self, Unusable> {
        let mut seen = BTreeSet::new();
        let mut resources = Vec::with_capacity(response.resources.len());
        for resource in response.resources {
            if !seen.insert(resource.name.clone()) {
                return Err(Unusable::Duplicate(resource.name));
            }
            // A resource without a body is a heartbeat for its TTL: nothing changed.
            let Some(any) = resource.resource else { continue };
            if any.type_url != kind.type_url() {
                let expected = kind.type_url();
                return Err(Unusable::WrongType { name: resource.name, found: any.type_url, expected });
            }
            let (name, version) = (resource.name.into(), resource.version.into());
            resources.push(Resource::from_parts(kind.type_url(), name, version, &any.value));
        }
        let mut removed = Vec::with_capacity(response.removed_resources.len());
        for name in response.removed_resources {
            if !seen.insert(name.clone()) {
                return Err(Unusable::Duplicate(name));
            }
            removed.push(name.into());
        }
        Ok(Self { kind, nonce, resources, removed })
    }

    /// What the response says, by name and version.
    pub fn items(&self) -> Vec<Item> {
        let found = self
            .resources
            .iter()
            .map(|resource| Item { name: Arc::clone(resource.name()), version: Some(Arc::clone(resource.version())) });
        let removed = self.removed.iter().map(|name| Item { name: Arc::clone(name), version: None });
        found.chain(removed).collect()
    }
}

fn strings(names: &BTreeSet<Arc<str>>) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}
