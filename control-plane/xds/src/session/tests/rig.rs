//! A session and what a test says to it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ferro_xds_protos::{
    Kind, Resource,
    envoy::{envoy::service::discovery::v3::DeltaDiscoveryRequest, google::rpc::Status},
};

use crate::{
    Limits, ResourceSet, Snapshot, StreamId, StreamScope, Update, Variant, What,
    session::{Carried, Response, Session, Setup},
};

/// A session, its source and its clock.
pub(super) struct Rig {
    pub(super) session: Session,
    pub(super) resources: ResourceSet,
    pub(super) now: Instant,
}

// === impl Rig ===

impl Rig {
    pub(super) fn new(variant: Variant, resources: ResourceSet) -> Self {
        Self::resumed(variant, resources, Carried::default())
    }

    pub(super) fn resumed(variant: Variant, resources: ResourceSet, carried: Carried) -> Self {
        let now = Instant::now();
        let setup = Setup {
            stream: StreamId(1),
            node: Arc::from("node"),
            variant,
            scope: StreamScope::Aggregated,
            salt: 7,
            snapshot: snapshot(&resources),
            carried,
            limits: Limits::default(),
            now,
        };
        Self { session: Session::new(setup), resources, now }
    }

    pub(super) fn apply(&mut self, updates: impl IntoIterator<Item = (Kind, Update)>) {
        self.resources = self.resources.apply(updates);
        self.session.on_snapshot(snapshot(&self.resources));
    }

    pub(super) fn ask(&mut self, kind: Kind, names: &[&str], held: &[(&str, &str)]) {
        let owned = |text: &&str| (*text).to_owned();
        self.send(DeltaDiscoveryRequest {
            type_url: kind.type_url().to_owned(),
            resource_names_subscribe: names.iter().map(owned).collect(),
            initial_resource_versions: held.iter().map(|(name, version)| (owned(name), owned(version))).collect(),
            ..Default::default()
        });
    }

    pub(super) fn ack(&mut self, response: &Response) {
        self.send(DeltaDiscoveryRequest {
            type_url: response.kind.type_url().to_owned(),
            response_nonce: response.nonce.to_string(),
            ..Default::default()
        });
    }

    pub(super) fn nack(&mut self, response: &Response, message: &str) {
        self.send(DeltaDiscoveryRequest {
            type_url: response.kind.type_url().to_owned(),
            response_nonce: response.nonce.to_string(),
            error_detail: Some(Status { code: 13, message: message.to_owned(), details: Vec::new() }),
            ..Default::default()
        });
    }

    /// The next response, taken by the transport at once.
    pub(super) fn next(&mut self) -> Option<Response> {
        let response = self.session.next_response(self.now)?;
        self.session.on_written(response.kind, &response.nonce, self.now);
        Some(response)
    }

    /// The next response, which must be of this kind.
    pub(super) fn expect(&mut self, kind: Kind) -> Response {
        let response = self.next().expect("a response");
        assert_eq!(response.kind, kind, "{response:?}");
        response
    }

    /// Takes and accepts responses until there are none.
    pub(super) fn settle(&mut self) -> Vec<Response> {
        let responses = std::iter::from_fn(|| {
            let response = self.next()?;
            self.ack(&response);
            Some(response)
        });
        responses.collect()
    }

    pub(super) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.session.on_deadline(self.now);
    }

    pub(super) fn suspected(&mut self) -> Vec<Arc<str>> {
        let suspected = |event| match event {
            What::Suspected { items, .. } => Some(items),
            _ => None,
        };
        let items = self.session.take_events().into_iter().filter_map(suspected).flatten();
        items.map(|item| item.name).collect()
    }

    fn send(&mut self, request: DeltaDiscoveryRequest) {
        self.session.on_delta_request(request, self.now).expect("a request that is in order");
    }
}

pub(super) fn snapshot(resources: &ResourceSet) -> Arc<Snapshot> {
    Arc::new(Snapshot::new(vec![Arc::new(resources.clone())]))
}

pub(super) fn resource(kind: Kind, name: &str, version: &str) -> Resource {
    Resource::from_parts(kind.type_url(), name.into(), version.into(), b"")
}

pub(super) fn put(kind: Kind, name: &str, version: &str) -> (Kind, Update) {
    (kind, Update::put(resource(kind, name, version)))
}

pub(super) fn names(response: &Response) -> Vec<&str> {
    response.resources.iter().map(|resource| &**resource.name()).collect()
}

pub(super) fn versions(response: &Response) -> Vec<(&str, &str)> {
    response.resources.iter().map(|resource| (&**resource.name(), &**resource.version())).collect()
}

pub(super) fn removed(response: &Response) -> Vec<&str> {
    response.removed.iter().map(|name| &**name).collect()
}
