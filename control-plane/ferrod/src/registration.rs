//! Which workloads announced themselves: a pure state machine.
//!
//! ```text
//!            connects with AUTO_REGISTER_GROUP
//! (unknown) ─────────────────────────────────► present ──── last stream ends ────► leaving(since)
//!                                                 ▲                                   │      │
//!                                                 └──────── connects again ───────────┘      │ grace over
//!                                                                                            ▼
//!                                                                                        (unknown)
//! ```
//!
//! Being present or leaving, a workload has a WorkloadEntry; its health is what its agent reported last. Before the first
//! report a group with a probe makes a workload unhealthy, since nothing is sent to an application that may not be up, and
//! a group without one makes it healthy. Agents read their probe once, when they start, and one without a probe reports
//! when its sidecar is ready: a probe that a group gains later waits for nobody who will never report.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferro_xds::StreamId;

/// How long a workload stays after its last stream ended (Istio's `PILOT_WORKLOAD_ENTRY_GRACE_PERIOD`).
pub const GRACE: Duration = Duration::from_secs(10);
/// How long a workload found in the store at start has to come back. Longer than [`GRACE`]: nobody saw its stream end, only
/// ferrod was away, and an agent that has failed to reach it for a while waits up to 30 s (`Policy::cap`) before its next
/// attempt, which may take 5 s to connect. Shorter, and a restart would empty the endpoints of a healthy mesh.
pub const GRACE_AFTER_RESTART: Duration = Duration::from_secs(30 + 5 + GRACE.as_secs());

/// What identifies a registered workload: the object it makes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryName {
    /// The namespace.
    pub namespace: Arc<str>,
    /// `<group>-<address>`.
    pub name: Arc<str>,
}

/// What an agent says about the workload it stands beside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The WorkloadGroup, in the workload's namespace.
    pub group: Arc<str>,
    /// The workload's namespace.
    pub namespace: Arc<str>,
    /// Its address in the mesh.
    pub address: Arc<str>,
    /// The node id of its proxy.
    pub node: Arc<str>,
    /// Labels of the instance, over those of the group.
    pub labels: BTreeMap<String, String>,
    /// `region/zone/subzone`, if it has one.
    pub locality: Option<String>,
}

/// The health of a workload as its agent reported it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It has a probe and no result yet.
    Unknown,
    /// It answers.
    Healthy,
    /// It does not; the agent's words.
    Unhealthy(String),
}

/// What is to be written to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The entry exists and looks like this.
    Put(Announcement, Health),
    /// The entry is gone.
    Remove(EntryName, Arc<str>),
}

/// Every registered workload, and what of it is not written yet: the newest per entry, so nothing queues.
#[derive(Debug, Default)]
pub struct Registrations {
    entries: BTreeMap<EntryName, Entry>,
    streams: HashMap<StreamId, EntryName>,
    pending: BTreeMap<EntryName, Action>,
    /// When resumed entries leave whose agents did not come back; `None` while agents are not served yet.
    back_by: Option<Instant>,
}

#[derive(Debug)]
struct Entry {
    node: Arc<str>,
    announcement: Option<Announcement>,
    /// Whether nothing is known of its health before a report. Set when the workload comes, and only ever lifted: an agent
    /// that was started without a probe does not get one because its group does.
    probed: bool,
    reported: Option<Health>,
    streams: BTreeSet<StreamId>,
    leaves_at: Option<Instant>,
}

// === impl Announcement ===

impl Announcement {
    /// The name of the WorkloadEntry it makes.
    pub fn entry(&self) -> EntryName {
        let name = format!("{}-{}", self.group, self.address).replace(':', "-");
        EntryName { namespace: Arc::clone(&self.namespace), name: name.into() }
    }
}

// === impl Entry ===

impl Entry {
    fn health(&self) -> Health {
        let unreported = if self.probed { Health::Unknown } else { Health::Healthy };
        self.reported.clone().unwrap_or(unreported)
    }
}

// === impl Registrations ===

impl Registrations {
    /// Entries found in the store at start: their agents are expected back, and their health is what was last reported.
    pub fn resume(&mut self, entries: impl IntoIterator<Item = (EntryName, Arc<str>, Health)>) {
        for (name, node, health) in entries {
            let reported = Some(health).filter(|health| *health != Health::Unknown);
            let (streams, leaves_at) = (BTreeSet::new(), self.back_by);
            let entry = Entry { node, announcement: None, probed: true, reported, streams, leaves_at };
            self.entries.entry(name).or_insert(entry);
        }
    }

    /// Agents are served from now on: those of resumed entries that are not here yet have this long to come back.
    pub fn expect_back(&mut self, now: Instant) {
        let by = now + GRACE_AFTER_RESTART;
        self.back_by = Some(by);
        for entry in self.entries.values_mut().filter(|entry| entry.streams.is_empty()) {
            entry.leaves_at.get_or_insert(by);
        }
    }

    /// An agent connected. `probed`: its group has a probe, or is not there to say.
    pub fn connected(&mut self, stream: StreamId, announcement: Announcement, probed: bool) {
        let name = announcement.entry();
        self.streams.insert(stream, name.clone());
        let entry = self.entries.entry(name.clone()).or_insert_with(|| Entry {
            node: Arc::clone(&announcement.node),
            announcement: None,
            probed,
            reported: None,
            streams: BTreeSet::new(),
            leaves_at: None,
        });
        entry.streams.insert(stream);
        entry.leaves_at = None;
        let before = entry.health();
        entry.probed &= probed;
        if entry.announcement.as_ref() != Some(&announcement) || entry.health() != before {
            entry.node = Arc::clone(&announcement.node);
            entry.announcement = Some(announcement);
            Self::rewrite(&mut self.pending, &name, entry);
        }
    }

    /// A stream ended; its workload leaves unless it comes back in time.
    pub fn disconnected(&mut self, stream: StreamId, now: Instant) {
        let Some(entry) = self.streams.remove(&stream).and_then(|name| self.entries.get_mut(&name)) else { return };
        entry.streams.remove(&stream);
        if entry.streams.is_empty() {
            entry.leaves_at = Some(now + GRACE);
        }
    }

    /// An agent reported the health of its workload.
    pub fn reported(&mut self, stream: StreamId, health: Health) {
        let Some(name) = self.streams.get(&stream) else { return };
        let Some(entry) = self.entries.get_mut(name) else { return };
        let before = entry.health();
        entry.reported = Some(health);
        if entry.health() != before {
            Self::rewrite(&mut self.pending, name, entry);
        }
    }

    /// The WorkloadGroup came or changed: its entries are written anew. `probed`: it has a probe, or is gone.
    pub fn group_changed(&mut self, namespace: &str, group: &str, probed: bool) {
        for (name, entry) in &mut self.entries {
            if entry.announcement.as_ref().is_some_and(|said| &*said.namespace == namespace && &*said.group == group) {
                entry.probed &= probed;
                Self::rewrite(&mut self.pending, name, entry);
            }
        }
    }

    /// Lets go of what left for good by `now`.
    pub fn expire(&mut self, now: Instant) {
        let pending = &mut self.pending;
        self.entries.retain(|name, entry| {
            let stays = entry.leaves_at.is_none_or(|at| at > now);
            if !stays {
                pending.insert(name.clone(), Action::Remove(name.clone(), Arc::clone(&entry.node)));
            }
            stays
        });
    }

    /// What is to be written; it is the caller's from now on.
    pub fn take_pending(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.pending).into_values().collect()
    }

    /// Gives back what could not be written, unless something newer is to be written instead.
    pub fn put_back(&mut self, action: Action) {
        let name = match &action {
            Action::Put(announcement, _) => announcement.entry(),
            Action::Remove(name, _) => name.clone(),
        };
        self.pending.entry(name).or_insert(action);
    }

    /// Has an entry written once more as it is now, if it is still wanted.
    pub fn write_again(&mut self, name: &EntryName) {
        if let Some(entry) = self.entries.get(name)
            && !self.pending.contains_key(name)
        {
            Self::rewrite(&mut self.pending, name, entry);
        }
    }

    fn rewrite(pending: &mut BTreeMap<EntryName, Action>, name: &EntryName, entry: &Entry) {
        if let Some(announcement) = &entry.announcement {
            pending.insert(name.clone(), Action::Put(announcement.clone(), entry.health()));
        }
    }

    /// When [`Self::expire`] has something to do next.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.entries.values().filter_map(|entry| entry.leaves_at).min()
    }
}

#[cfg(test)]
mod tests;
