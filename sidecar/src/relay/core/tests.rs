//! Architecture.md, section 3, point 8, sentence by sentence, without sockets and clocks.

use std::{collections::HashMap, sync::Arc, time::Duration};

use ferro_xds::{Closed, Item, Lookup, SessionEvent, StreamId, What, client::ClientSession};
use ferro_xds_protos::{
    Kind,
    envoy::{
        envoy::{
            config::core::v3::Node,
            service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse, Resource as WireResource},
        },
        google::{protobuf::Any, rpc::Status},
    },
};
use tokio::time::Instant;

use super::Core;

mod cache;
mod envoy_restart;
mod modules;
mod names;
mod pass_through;
mod simulation;

const ENVOY: StreamId = StreamId(1);
const PATIENCE: Duration = Duration::from_secs(1);

/// A core with both its neighbours.
struct Relay {
    core: Core,
    session: ClientSession,
    now: Instant,
    stream: StreamId,
}

impl Relay {
    /// Connected to ferrod, Envoy's stream open.
    fn new() -> Self {
        let mut relay = Self::alone();
        relay.connect();
        relay.open_envoy();
        relay
    }

    /// Neither has come yet.
    fn alone() -> Self {
        let now = Instant::now();
        let mut session = ClientSession::new(Node { id: "sidecar~1".into(), ..Default::default() });
        session.subscribe_all(Kind::NameTable);
        Self { core: Core::new(PATIENCE, now), session, now, stream: ENVOY }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    // --- ferrod ---

    fn connect(&mut self) {
        self.session.connected();
        self.core.connected(self.now, 0);
        self.asked_for(Kind::NameTable);
    }

    fn disconnect(&mut self) {
        self.core.disconnected("gone".into(), self.now, 0);
    }

    fn reconnect(&mut self) {
        self.disconnect();
        self.connect();
    }

    /// The relay begins another stream of its own accord.
    fn reopen(&mut self) {
        assert!(self.core.take_reset());
        self.core.reopening(self.now);
        assert!(!self.fill_if_due(), "ferrod has had no time to answer");
        self.connect();
    }

    /// What the relay has to say to ferrod now.
    fn requests(&mut self) -> Vec<DeltaDiscoveryRequest> {
        std::iter::from_fn(|| self.session.next_request()).collect()
    }

    /// The one request of this kind, if there is one.
    fn asked_for(&mut self, kind: Kind) -> Option<DeltaDiscoveryRequest> {
        let mut requests = self.requests();
        requests.retain(|request| request.type_url == kind.type_url());
        assert!(requests.len() <= 1, "{requests:?}");
        requests.pop()
    }

    /// The answers to ferrod's responses: nonce and error text.
    fn answers(&mut self) -> Vec<(String, Option<String>)> {
        let requests = self.requests().into_iter().filter(|request| !request.response_nonce.is_empty());
        requests.map(|request| (request.response_nonce, request.error_detail.map(|status| status.message))).collect()
    }

    /// A response of ferrod; of the content only name and version matter.
    fn ferrod(&mut self, kind: Kind, nonce: &str, resources: &[(&str, &str)], removed: &[&str]) {
        let resources = resources.iter().map(|(name, version)| wire(kind, name, version, name.as_bytes())).collect();
        self.ferrod_sends(kind, nonce, resources, removed);
    }

    fn ferrod_sends(&mut self, kind: Kind, nonce: &str, resources: Vec<WireResource>, removed: &[&str]) {
        let response = DeltaDiscoveryResponse {
            type_url: kind.type_url().into(),
            nonce: nonce.into(),
            resources,
            removed_resources: removed.iter().map(ToString::to_string).collect(),
            ..Default::default()
        };
        let received = self.session.on_response(response).expect("a response that fits");
        self.core.received(&mut self.session, received);
    }

    // --- Envoy ---

    fn open_envoy(&mut self) {
        self.core.opened(&mut self.session, self.stream, self.now, 0);
    }

    fn close_envoy(&mut self) {
        self.event(What::Closed { reason: Closed::ByClient });
    }

    /// Another process of Envoy connects.
    fn restart_envoy(&mut self) {
        self.close_envoy();
        self.stream.0 += 1;
        self.open_envoy();
    }

    fn event(&mut self, what: What) {
        let event = SessionEvent { stream: self.stream, node: "node".into(), what };
        self.core.observe(&mut self.session, event, self.now, 0);
    }

    /// Envoy's first request of a kind, with what it says it holds.
    fn envoy_asks_first(&mut self, kind: Kind, names: &[&str], holds: &[(&str, &str)]) {
        let initial = holds.iter().map(|(name, version)| ((*name).into(), (*version).into())).collect();
        self.event(What::Subscribed { kind, added: arcs(names), removed: vec![], initial: Some(Arc::new(initial)) });
    }

    fn envoy_asks(&mut self, kind: Kind, added: &[&str], removed: &[&str]) {
        self.event(What::Subscribed { kind, added: arcs(added), removed: arcs(removed), initial: None });
    }

    fn sent(&mut self, kind: Kind, listed: &[(&str, Option<&str>)]) {
        let resources = Arc::from([]);
        self.event(What::Sent { kind, nonce: "local".into(), items: items(listed), resources, bytes: 0 });
    }

    /// Envoy is sent these and accepts them.
    fn envoy_accepts(&mut self, kind: Kind, listed: &[(&str, Option<&str>)]) {
        self.sent(kind, listed);
        self.event(What::Acked { kind, nonce: "local".into(), items: items(listed), after: Duration::ZERO });
    }

    /// Envoy is sent these and refuses them.
    fn envoy_refuses(&mut self, kind: Kind, listed: &[(&str, Option<&str>)], guilty: &[&str], reason: &str) {
        self.sent(kind, listed);
        let status = Status { code: 13, message: reason.into(), details: vec![] };
        let held_back = arcs(guilty);
        self.event(What::Nacked { kind, nonce: "local".into(), items: items(listed), held_back, status });
    }

    /// The version Envoy is served, `None` if it is told that there is nothing.
    fn served(&self, kind: Kind, name: &str) -> Option<Option<String>> {
        match self.core.snapshot().lookup(kind, name) {
            Lookup::Found(resource) => Some(Some(resource.version().to_string())),
            Lookup::Absent => Some(None),
            Lookup::Unknown => None,
        }
    }

    // --- timers ---

    /// Does what the driver does when time has passed.
    fn fill_if_due(&mut self) -> bool {
        let due = self.core.fill_at().is_some_and(|at| at <= self.now);
        if due {
            self.core.fill(&mut self.session);
        }
        due
    }

    /// What would be written now: kind, name, version; `None` if it is not time to write.
    fn save_if_due(&mut self) -> Option<Vec<(Kind, String, String)>> {
        let sections = self.core.save(&mut self.session, self.now)?;
        let mut saved: Vec<_> = sections
            .into_iter()
            .flat_map(|(kind, resources)| resources.into_iter().map(move |resource| (kind, resource)))
            .map(|(kind, resource)| (kind, resource.name().to_string(), resource.version().to_string()))
            .collect();
        saved.sort();
        Some(saved)
    }

    /// Envoy has asked for clusters and listeners, and has accepted one of each.
    fn settled() -> Self {
        let mut relay = Self::new();
        for kind in [Kind::Cluster, Kind::Listener] {
            relay.envoy_asks_first(kind, &["*"], &[]);
            relay.requests();
            relay.ferrod(kind, "n", &[("a", "v1")], &[]);
            relay.envoy_accepts(kind, &[("a", Some("v1"))]);
        }
        relay.answers();
        relay
    }
}

fn wire(kind: Kind, name: &str, version: &str, value: &[u8]) -> WireResource {
    WireResource {
        name: name.into(),
        version: version.into(),
        resource: Some(Any { type_url: kind.type_url().into(), value: value.into() }),
        ..Default::default()
    }
}

fn arcs(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

fn items(listed: &[(&str, Option<&str>)]) -> Arc<[Item]> {
    listed.iter().map(|(name, version)| Item { name: (*name).into(), version: version.map(Into::into) }).collect()
}

fn versions(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(name, version)| (name.to_string(), version.to_string())).collect()
}
