//! A client that does what Envoy does with responses, and complains about everything a server must not do.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use ferro_xds_protos::Kind;

use super::rig::{Rig, put};
use crate::{ResourceSet, Update, Variant, session::Response};

/// The kinds the model plays with, in the order a client asks for them again.
pub(super) const KINDS: [Kind; 5] = [Kind::Cluster, Kind::Endpoint, Kind::Listener, Kind::Route, Kind::VirtualHost];

/// A version that the model refuses.
const BAD: &str = "bad";

/// One step of a script.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// One change of the source: kind and name by number, and what becomes of it.
    Change(Vec<(usize, usize, Fate)>),
    Subscribe(usize, usize),
    Unsubscribe(usize, usize),
    /// Takes what the server has to say, without answering it.
    Receive,
    /// Answers the oldest unanswered response.
    Answer,
    /// Loses the connection and comes back.
    Reconnect,
    Wait(u64),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    Good,
    Bad,
    Gone,
}

/// The client, the server, and what the source looked like at each of its changes.
pub(super) struct Model {
    rig: Rig,
    /// What the client has accepted.
    held: BTreeMap<Kind, BTreeMap<String, String>>,
    wanted: BTreeMap<Kind, BTreeSet<String>>,
    /// Responses received and not answered, with the time they came.
    unanswered: VecDeque<(usize, Response)>,
    /// Names that may come again though they did not change, with the time since when.
    owed: BTreeMap<(Kind, String), usize>,
    /// Counts what happens.
    time: usize,
    /// The clusters of the source at each epoch; versions begin with the epoch they were made in.
    clusters: Vec<BTreeMap<String, String>>,
    /// A client that begins without clusters has no routes to break: what was there when it began comes at once.
    fresh_until: Option<usize>,
    names_the_culprit: bool,
}

// === impl Model ===

impl Model {
    pub(super) fn new(names_the_culprit: bool) -> Self {
        let mut model = Self {
            rig: Rig::new(Variant::Delta, ResourceSet::whole()),
            held: BTreeMap::new(),
            wanted: BTreeMap::new(),
            unanswered: VecDeque::new(),
            owed: BTreeMap::new(),
            time: 0,
            clusters: vec![BTreeMap::new()],
            fresh_until: None,
            names_the_culprit,
        };
        model.greet();
        model
    }

    pub(super) fn step(&mut self, step: &Step) {
        self.time += 1;
        match step {
            Step::Change(changes) => self.change(changes),
            Step::Subscribe(kind, name) => self.subscribe(named_kind(*kind), *name),
            Step::Unsubscribe(kind, name) => self.unsubscribe(named_kind(*kind), *name),
            Step::Receive => self.receive(),
            Step::Answer => self.answer(),
            Step::Reconnect => self.reconnect(),
            Step::Wait(millis) => self.rig.wait(Duration::from_millis(*millis)),
        }
    }

    /// Lets everything run out, and checks that the client has exactly what it should have.
    pub(super) fn finish(&mut self) {
        let mut idle = 0;
        for _ in 0..2000 {
            self.rig.wait(Duration::from_millis(600));
            self.receive();
            idle = if self.unanswered.is_empty() { idle + 1 } else { 0 };
            if idle == 5 {
                break;
            }
            self.answer();
        }
        assert_eq!(idle, 5, "the server does not come to rest");
        for kind in KINDS {
            assert_eq!(self.held.get(&kind).cloned().unwrap_or_default(), self.due(kind), "{kind:?}");
        }
    }

    /// What the client should have in the end: what it wants and the source has. Of what is bad it may have no version,
    /// or an older one.
    fn due(&self, kind: Kind) -> BTreeMap<String, String> {
        let held = self.held.get(&kind).cloned().unwrap_or_default();
        let wanted = self.wanted.get(&kind).cloned().unwrap_or_default();
        let wants = |name: &str| match kind {
            Kind::Cluster | Kind::Listener => true,
            Kind::VirtualHost => self.held_route_of(name),
            _ => wanted.contains(name),
        };
        let resources = self.rig.resources.of(kind).iter();
        let mut due: BTreeMap<_, _> = resources
            .filter(|resource| wants(resource.name()))
            .filter_map(|resource| {
                let name = resource.name().to_string();
                let version = resource.version().to_string();
                if version.ends_with(BAD) {
                    held.get(&name).map(|old| (name, old.clone()))
                } else {
                    Some((name, version))
                }
            })
            .collect();
        // While a listener, route or host is refused, what was dropped with it may still be in use and stays.
        if self.something_is_refused() {
            due.extend(held.iter().filter(|(name, _)| self.rig.resources.get(kind, name).is_none()).map(owned));
        }
        due
    }

    fn something_is_refused(&self) -> bool {
        KINDS.iter().any(|&kind| self.rig.resources.of(kind).iter().any(|found| found.version().ends_with(BAD)))
    }

    fn held_route_of(&self, host: &str) -> bool {
        let route = host.split('/').next().unwrap_or_default();
        self.held.get(&Kind::Route).is_some_and(|routes| routes.contains_key(route))
    }

    fn change(&mut self, changes: &[(usize, usize, Fate)]) {
        let epoch = self.clusters.len();
        let updates: Vec<_> = changes
            .iter()
            .map(|&(kind, name, fate)| {
                let (kind, name) = (named_kind(kind), name_of(named_kind(kind), name));
                match fate {
                    Fate::Good => put(kind, &name, &format!("{epoch}")),
                    Fate::Bad => put(kind, &name, &format!("{epoch}{BAD}")),
                    Fate::Gone => (kind, Update::gone(name)),
                }
            })
            .collect();
        self.rig.apply(updates);
        let clusters = self.rig.resources.of(Kind::Cluster).iter();
        self.clusters.push(clusters.map(|found| (found.name().to_string(), found.version().to_string())).collect());
    }

    fn subscribe(&mut self, kind: Kind, name: usize) {
        if !matches!(kind, Kind::Endpoint | Kind::Route) {
            return;
        }
        let name = name_of(kind, name);
        self.wanted.entry(kind).or_default().insert(name.clone());
        self.owed.insert((kind, name.clone()), self.time);
        self.rig.ask(kind, &[&name], &[]);
    }

    fn unsubscribe(&mut self, kind: Kind, name: usize) {
        let name = name_of(kind, name);
        if !self.wanted.entry(kind).or_default().remove(&name) {
            return;
        }
        self.held.entry(kind).or_default().remove(&name);
        if kind == Kind::Route {
            self.held.entry(Kind::VirtualHost).or_default().retain(|host, _| !host.starts_with(&format!("{name}/")));
        }
        self.rig.unsubscribe(kind, &name);
    }

    fn receive(&mut self) {
        while let Some(response) = self.rig.next() {
            let same = self.unanswered.iter().filter(|(_, waiting)| waiting.kind == response.kind).count();
            assert_eq!(same, 0, "two {:?} responses wait for an answer", response.kind);
            self.check_names(&response);
            self.check_order(&response);
            self.unanswered.push_back((self.time, response.clone()));
            self.time += 1;
            self.note_owed(&response);
        }
    }

    fn check_names(&self, response: &Response) {
        let mut seen = BTreeSet::new();
        for resource in &*response.resources {
            assert!(seen.insert(resource.name()), "{} stands twice", resource.name());
            let known = self.held.get(&response.kind).and_then(|held| held.get(&**resource.name()));
            let unchanged = known.is_some_and(|version| **version == **resource.version());
            let owed = self.owed.contains_key(&(response.kind, resource.name().to_string()));
            let cure = response.kind == Kind::Cluster && self.something_is_refused_of(resource.name());
            assert!(!unchanged || owed || cure, "{} is sent again unchanged", resource.name());
        }
        for name in &response.removed {
            assert!(seen.insert(name), "{name} is both sent and removed");
        }
    }

    fn something_is_refused_of(&self, cluster: &str) -> bool {
        self.rig.resources.get(Kind::Cluster, cluster).is_some_and(|found| found.version().ends_with(BAD))
            || self.clusters.iter().any(|epoch| epoch.get(cluster).is_some_and(|version| version.ends_with(BAD)))
    }

    /// Make before break.
    fn check_order(&self, response: &Response) {
        match response.kind {
            Kind::Listener | Kind::Route | Kind::VirtualHost => {
                for resource in &*response.resources {
                    self.check_clusters_of(epoch_of(resource.version()));
                }
            }
            Kind::Cluster => {
                let held = self.held.get(&Kind::Cluster);
                let breaks = response.removed.iter().any(|name| held.is_some_and(|held| held.contains_key(&**name)));
                assert!(!breaks || self.nothing_old_is_in_use(), "a cluster is removed while it may be in use");
            }
            _ => {}
        }
    }

    /// What was made in an epoch goes out only once the clusters of that epoch were accepted or refused.
    fn check_clusters_of(&self, epoch: usize) {
        if self.fresh_until.is_some_and(|fresh| epoch <= fresh) {
            return;
        }
        let held = self.held.get(&Kind::Cluster).cloned().unwrap_or_default();
        for (name, version) in &self.clusters[epoch] {
            let newer = held.get(name).is_some_and(|held| epoch_of(held) >= epoch_of(version));
            let gone_since = self.clusters[epoch..].iter().any(|later| later.get(name) != Some(version));
            assert!(newer || version.ends_with(BAD) || gone_since, "epoch {epoch} goes out without cluster {name}");
        }
    }

    fn nothing_old_is_in_use(&self) -> bool {
        [Kind::Listener, Kind::Route].into_iter().all(|kind| {
            let held = self.held.get(&kind).cloned().unwrap_or_default();
            held.iter().all(|(name, version)| {
                let newest = self.rig.resources.get(kind, name);
                newest.is_none_or(|newest| **newest.version() == **version)
            })
        })
    }

    fn note_owed(&mut self, response: &Response) {
        for resource in &*response.resources {
            let name = resource.name().to_string();
            match response.kind {
                Kind::Cluster => {
                    self.owed.insert((Kind::Endpoint, name), self.time);
                }
                Kind::Route => {
                    let hosts = (0..NAMES).map(|host| name_of(Kind::VirtualHost, host));
                    let hosts = hosts.filter(|host| host.starts_with(&format!("{name}/")));
                    self.owed.extend(hosts.map(|host| ((Kind::VirtualHost, host), self.time)));
                }
                _ => {}
            }
        }
    }

    fn answer(&mut self) {
        let Some((came, response)) = self.unanswered.pop_front() else { return };
        let bad = response.resources.iter().find(|resource| resource.version().ends_with(BAD));
        if let Some(bad) = bad {
            let reason = if self.names_the_culprit { format!("error in {}: no", bad.name()) } else { "no".to_owned() };
            self.rig.nack(&response, &reason);
            return;
        }
        let wanted = self.wanted.get(&response.kind).cloned().unwrap_or_default();
        let by_name = matches!(response.kind, Kind::Endpoint | Kind::Route);
        let held = self.held.entry(response.kind).or_default();
        for resource in &*response.resources {
            let key = (response.kind, resource.name().to_string());
            if self.owed.get(&key).is_some_and(|since| *since <= came) {
                self.owed.remove(&key);
            }
            // What was unsubscribed while the response was under way is not kept.
            if !by_name || wanted.contains(&**resource.name()) {
                held.insert(resource.name().to_string(), resource.version().to_string());
            }
        }
        for name in &response.removed {
            held.remove(&**name);
        }
        if matches!(response.kind, Kind::Route | Kind::VirtualHost) {
            let routes = self.held.get(&Kind::Route).cloned().unwrap_or_default();
            let hosts = self.held.entry(Kind::VirtualHost).or_default();
            hosts.retain(|host, _| routes.contains_key(host.split('/').next().unwrap_or_default()));
        }
        self.rig.ack(&response);
    }

    fn reconnect(&mut self) {
        self.unanswered.clear();
        let carried = self.rig.session.carry();
        let now = self.rig.now;
        self.rig = Rig::resumed(Variant::Delta, self.rig.resources.clone(), carried);
        self.rig.now = self.rig.now.max(now);
        self.greet();
    }

    /// The first requests of a stream, as Envoy sends them: everything wanted, everything held (M11).
    fn greet(&mut self) {
        let fresh = self.held.get(&Kind::Cluster).is_none_or(BTreeMap::is_empty);
        self.fresh_until = fresh.then_some(self.clusters.len() - 1);
        for kind in KINDS {
            let held = self.held.get(&kind).cloned().unwrap_or_default();
            let held: Vec<_> = held.iter().map(|(name, version)| (name.as_str(), version.as_str())).collect();
            let wanted = self.wanted.get(&kind).cloned().unwrap_or_default();
            let wanted: Vec<_> = wanted.iter().map(String::as_str).collect();
            self.rig.ask(kind, &wanted, &held);
        }
    }
}

/// How many names of a kind there are.
pub(super) const NAMES: usize = 4;

fn named_kind(kind: usize) -> Kind {
    KINDS[kind % KINDS.len()]
}

fn name_of(kind: Kind, name: usize) -> String {
    match kind {
        Kind::Cluster | Kind::Endpoint => format!("c{name}"),
        Kind::Listener => format!("l{name}"),
        Kind::Route => format!("r{}", name % 2),
        _ => format!("r{}/h{}", name % 2, name / 2),
    }
}

fn epoch_of(version: &str) -> usize {
    version.trim_end_matches(BAD).parse().unwrap_or_default()
}

fn owned((name, version): (&String, &String)) -> (String, String) {
    (name.clone(), version.clone())
}

impl Rig {
    fn unsubscribe(&mut self, kind: Kind, name: &str) {
        let request = ferro_xds_protos::envoy::envoy::service::discovery::v3::DeltaDiscoveryRequest {
            type_url: kind.type_url().to_owned(),
            resource_names_unsubscribe: vec![name.to_owned()],
            ..Default::default()
        };
        self.session.on_delta_request(request, self.now).expect("an unsubscription");
    }
}
