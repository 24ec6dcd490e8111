//! Any bytes as what a client sends on a stream, between changes and the passing of time: no panic, one response of a
//! type at a time, nothing sent that is not there.
//!
//! The input is a list of steps. The first byte of a step says what happens, for messages the second how long they are.

#![no_main]

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use ferro_xds::{
    Limits, ResourceSet, Snapshot, StreamId, StreamScope, Update, Variant,
    session::{Carried, Session, Setup},
};
use ferro_xds_protos::{
    Kind, Resource,
    envoy::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest},
};
use libfuzzer_sys::fuzz_target;
use prost::Message;

const NAMES: [&str; 6] = ["a", "b", "r", "r/a", "r/b", "*"];

/// A stream and what it is served from.
struct Stream {
    session: Session,
    content: ResourceSet,
    now: Instant,
    versions: u32,
}

impl Stream {
    fn new(variant: Variant) -> Self {
        let (content, now) = (ResourceSet::whole(), Instant::now());
        let session = Session::new(Setup {
            stream: StreamId(1),
            node: "node".into(),
            variant,
            scope: StreamScope::Aggregated,
            salt: 7,
            snapshot: snapshot(&content),
            carried: Carried::default(),
            limits: Limits::default(),
            now,
        });
        Self { session, content, now, versions: 0 }
    }

    /// Takes one step; `false` ends the stream, as an error of the client does.
    fn step(&mut self, what: u8, rest: &mut &[u8]) -> bool {
        match what % 5 {
            0 => return self.delta(message(rest)),
            1 => return self.sotw(message(rest)),
            2 => self.change(what, rest),
            3 => {
                self.now += Duration::from_millis(u64::from(take(rest)) * 100);
                self.session.on_deadline(self.now);
            }
            _ => self.respond(),
        }
        true
    }

    fn delta(&mut self, bytes: &[u8]) -> bool {
        DeltaDiscoveryRequest::decode(bytes).is_ok_and(|request| self.session.on_delta_request(request, self.now).is_ok())
    }

    fn sotw(&mut self, bytes: &[u8]) -> bool {
        DiscoveryRequest::decode(bytes).is_ok_and(|request| self.session.on_sotw_request(request, self.now).is_ok())
    }

    fn change(&mut self, what: u8, rest: &mut &[u8]) {
        let kind = Kind::ALL[usize::from(what / 5) % Kind::ALL.len()];
        let name = NAMES[usize::from(take(rest)) % NAMES.len()];
        let update = if take(rest) % 3 == 0 {
            Update::gone(name)
        } else {
            self.versions += 1;
            let version = format!("v{}", self.versions);
            Update::put(Resource::from_parts(kind.type_url(), name.into(), version.into(), b""))
        };
        self.content = self.content.apply([(kind, update)]);
        self.session.on_snapshot(snapshot(&self.content));
    }

    fn respond(&mut self) {
        let mut kinds = BTreeSet::new();
        while let Some(response) = self.session.next_response(self.now) {
            assert!(kinds.insert(response.kind), "two responses of a kind without an answer between");
            let mut names: BTreeSet<_> = response.resources.iter().map(Resource::name).collect();
            let count = names.len();
            names.extend(&response.removed);
            assert_eq!(count + response.removed.len(), names.len(), "a name twice in one response (rule 33)");
            self.session.on_written(response.kind, &response.nonce, self.now);
        }
    }
}

fn snapshot(content: &ResourceSet) -> Arc<Snapshot> {
    Arc::new(Snapshot::new(vec![Arc::new(content.clone())]))
}

fn take(rest: &mut &[u8]) -> u8 {
    let Some((first, others)) = rest.split_first() else { return 0 };
    *rest = others;
    *first
}

fn message<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let length = usize::from(take(rest)).min(rest.len());
    let (message, others) = rest.split_at(length);
    *rest = others;
    message
}

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    let mut stream = Stream::new(if take(&mut rest) % 2 == 0 { Variant::Delta } else { Variant::Sotw });
    while !rest.is_empty() {
        let what = take(&mut rest);
        if !stream.step(what, &mut rest) {
            break;
        }
        stream.session.take_events();
        stream.session.status();
        stream.session.carry();
    }
});
