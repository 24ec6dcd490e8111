//! A state-of-the-world client that does what Envoy does, under random scripts.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use ferro_xds_protos::{
    Kind,
    envoy::{envoy::service::discovery::v3::DiscoveryRequest, google::rpc::Status},
};
use proptest::{collection::vec, prelude::any, prop_oneof, proptest, strategy::Strategy};

use super::rig::{Rig, put};
use crate::{ResourceSet, Update, Variant, session::Response};

const KINDS: [Kind; 4] = [Kind::Cluster, Kind::Endpoint, Kind::Listener, Kind::Route];
const NAMES: usize = 3;
const BAD: &str = "bad";

#[derive(Clone, Debug)]
enum Step {
    /// Kind and name by number; a version is good, bad, or none.
    Change(Vec<(usize, usize, u8)>),
    Want(usize, BTreeSet<usize>),
    Receive,
    Answer,
    Reconnect,
}

struct Model {
    rig: Rig,
    held: BTreeMap<Kind, BTreeMap<String, String>>,
    version: BTreeMap<Kind, String>,
    nonce: BTreeMap<Kind, String>,
    wanted: BTreeMap<Kind, BTreeSet<String>>,
    unanswered: VecDeque<Response>,
    epoch: usize,
    /// Of a client that came back nobody knows which version of a refused resource it has. Leaving it out of a list would
    /// delete that, so the list waits for the repair, and its neighbours with it.
    came_back: bool,
}

// === impl Model ===

impl Model {
    fn new() -> Self {
        let mut model = Self {
            rig: Rig::new(Variant::Sotw, ResourceSet::whole()),
            held: BTreeMap::new(),
            version: BTreeMap::new(),
            nonce: BTreeMap::new(),
            wanted: BTreeMap::new(),
            unanswered: VecDeque::new(),
            epoch: 0,
            came_back: false,
        };
        KINDS.into_iter().for_each(|kind| model.ask(kind, None));
        model
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Change(changes) => self.change(changes),
            Step::Want(kind, names) => self.want(KINDS[*kind], names),
            Step::Receive => self.receive(),
            Step::Answer => self.answer(),
            Step::Reconnect => self.reconnect(),
        }
    }

    fn change(&mut self, changes: &[(usize, usize, u8)]) {
        self.epoch += 1;
        let epoch = self.epoch;
        let updates: Vec<_> = changes
            .iter()
            .map(|&(kind, name, fate)| match (KINDS[kind], format!("n{name}"), fate) {
                (kind, name, 0) => (kind, Update::gone(name)),
                (kind, name, 1) => put(kind, &name, &format!("{epoch}{BAD}")),
                (kind, name, _) => put(kind, &name, &epoch.to_string()),
            })
            .collect();
        self.rig.apply(updates);
    }

    fn want(&mut self, kind: Kind, names: &BTreeSet<usize>) {
        // What a client asks for while an answer is under way is outdated when it arrives (rule 8): Envoy waits, too.
        let under_way = self.unanswered.iter().any(|response| response.kind == kind);
        if by_name(kind) && !under_way {
            let names: BTreeSet<_> = names.iter().map(|name| format!("n{name}")).collect();
            self.held.entry(kind).or_default().retain(|name, _| names.contains(name));
            self.wanted.insert(kind, names);
            self.ask(kind, None);
        }
    }

    fn receive(&mut self) {
        while let Some(response) = self.rig.next() {
            let waiting = self.unanswered.iter().any(|waiting| waiting.kind == response.kind);
            assert!(!waiting, "two {:?} responses wait for an answer", response.kind);
            assert!(response.removed.is_empty());
            self.unanswered.push_back(response);
        }
    }

    fn answer(&mut self) {
        let Some(response) = self.unanswered.pop_front() else { return };
        let kind = response.kind;
        self.nonce.insert(kind, response.nonce.to_string());
        if let Some(bad) = response.resources.iter().find(|resource| resource.version().ends_with(BAD)) {
            let message = format!("{}: no", bad.name());
            self.ask(kind, Some(Status { code: 13, message, details: Vec::new() }));
            return;
        }
        self.version.insert(kind, response.version.to_string());
        let held = self.held.entry(kind).or_default();
        if !by_name(kind) {
            held.clear();
        }
        for resource in &*response.resources {
            let wanted = self.wanted.get(&kind).is_some_and(|wanted| wanted.contains(&**resource.name()));
            if !by_name(kind) || wanted {
                held.insert(resource.name().to_string(), resource.version().to_string());
            }
        }
        self.ask(kind, None);
    }

    fn reconnect(&mut self) {
        self.came_back = true;
        self.unanswered.clear();
        self.nonce.clear();
        let carried = self.rig.session.carry();
        self.rig = Rig::resumed(Variant::Sotw, self.rig.resources.clone(), carried);
        KINDS.into_iter().for_each(|kind| self.ask(kind, None));
    }

    fn ask(&mut self, kind: Kind, error_detail: Option<Status>) {
        let request = DiscoveryRequest {
            type_url: kind.type_url().to_owned(),
            resource_names: self.wanted.get(&kind).into_iter().flatten().cloned().collect(),
            version_info: self.version.get(&kind).cloned().unwrap_or_default(),
            response_nonce: self.nonce.get(&kind).cloned().unwrap_or_default(),
            error_detail,
            ..Default::default()
        };
        self.rig.session.on_sotw_request(request, self.rig.now).expect("a request that is in order");
    }

    /// Lets everything run out, and checks that every good resource the client wants is there in its newest version.
    fn finish(&mut self) {
        let mut idle = 0;
        for _ in 0..1000 {
            self.rig.wait(Duration::from_millis(600));
            self.receive();
            idle = if self.unanswered.is_empty() { idle + 1 } else { 0 };
            if idle == 5 {
                break;
            }
            self.answer();
        }
        assert_eq!(idle, 5, "the server does not come to rest");
        let refused = KINDS.iter().any(|&kind| self.rig.resources.of(kind).iter().any(|found| is_bad(found.version())));
        for kind in KINDS {
            let held = self.held.get(&kind).cloned().unwrap_or_default();
            if self.came_back && refused && !by_name(kind) {
                continue;
            }
            for resource in self.rig.resources.of(kind).iter().filter(|resource| !is_bad(resource.version())) {
                let wanted = self.wanted.get(&kind).is_some_and(|wanted| wanted.contains(&**resource.name()));
                if wanted || !by_name(kind) {
                    let version = held.get(&**resource.name()).map(String::as_str);
                    assert_eq!(version, Some(&**resource.version()), "{kind:?} {}", resource.name());
                }
            }
            if !by_name(kind) && !refused {
                assert_eq!(held.len(), self.rig.resources.of(kind).len(), "{kind:?}: {held:?}");
            }
        }
    }
}

fn by_name(kind: Kind) -> bool {
    matches!(kind, Kind::Endpoint | Kind::Route)
}

fn is_bad(version: &str) -> bool {
    version.ends_with(BAD)
}

fn step(fates: std::ops::Range<u8>) -> impl Strategy<Value = Step> {
    let change = (0..KINDS.len(), 0..NAMES, fates.prop_map(|fate| if fate == 9 { 1 } else { fate }));
    let names = vec(0..NAMES, 0..NAMES).prop_map(|names| names.into_iter().collect());
    prop_oneof![
        5 => vec(change, 1..5).prop_map(Step::Change),
        3 => (0..KINDS.len(), names).prop_map(|(kind, names)| Step::Want(kind, names)),
        6 => any::<bool>().prop_map(|_| Step::Receive),
        6 => any::<bool>().prop_map(|_| Step::Answer),
        1 => any::<bool>().prop_map(|_| Step::Reconnect),
    ]
}

proptest! {
    #[test]
    fn a_list_client_ends_with_what_the_server_has(steps in vec(step(0..2).prop_map(without_bad), 1..60)) {
        let mut model = Model::new();
        steps.iter().for_each(|step| model.step(step));
        model.finish();
    }

    #[test]
    fn a_list_client_that_names_what_it_refuses_ends_with_all_good_resources(steps in vec(step(0..10), 1..60)) {
        let mut model = Model::new();
        steps.iter().for_each(|step| model.step(step));
        model.finish();
    }
}

fn without_bad(step: Step) -> Step {
    match step {
        Step::Change(changes) => {
            let good = |(kind, name, fate)| (kind, name, if fate == 1 { 2 } else { fate });
            Step::Change(changes.into_iter().map(good).collect())
        }
        other => other,
    }
}
