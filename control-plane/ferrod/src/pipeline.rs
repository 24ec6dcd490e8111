//! From changed objects to the snapshots of every connected proxy. State and functions: no sockets, no clock, no locks.
//!
//! ```text
//! changes ──► Mesh ──► impact ──► dirty views ──► Translation.update ──► ResourceSet ──► Snapshot ──► watch of each proxy
//! ```
//!
//! A view part is translated once, whatever the number of proxies in it; a proxy's snapshot is its outbound part and its
//! local part, both shared.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use ferro_model::mesh::{AddressTable, Mesh};
use ferro_model::{Change, MeshConfig};
use ferro_translate::{Finding, Impact, Input, Proxy, Settings, Translation, View, Views, impact, views};
use ferro_xds::{ResourceSet, Snapshot, StreamId};
use ferro_xds_protos::Kind;
use tokio::sync::watch;

/// Everything translated, for everyone connected.
#[derive(Debug)]
pub struct Pipeline {
    mesh: Mesh,
    settings: Settings,
    parts: HashMap<View, Part>,
    proxies: HashMap<StreamId, Connected>,
}

/// One view part: what it holds, encoded, and how many proxies share it.
#[derive(Debug)]
struct Part {
    translation: Translation,
    resources: Arc<ResourceSet>,
    users: usize,
}

/// One stream of a proxy.
#[derive(Debug)]
struct Connected {
    proxy: Proxy,
    views: Views,
    snapshots: watch::Sender<Option<Arc<Snapshot>>>,
}

/// What one round of changes cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// View parts that were translated again, at least in part.
    pub parts: usize,
    /// Units translated in them: the work.
    pub units: usize,
    /// Resources whose bytes changed.
    pub resources: usize,
    /// Streams that were given a new snapshot.
    pub streams: Vec<StreamId>,
}

// === impl Pipeline ===

impl Pipeline {
    /// A mesh without objects.
    pub fn new(config: Arc<MeshConfig>, settings: Settings) -> Self {
        Self { mesh: Mesh::new(config), settings, parts: HashMap::new(), proxies: HashMap::new() }
    }

    /// The mesh in force.
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// Distinct view parts kept.
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Takes one revision's changes and, with them, the addresses allocated for it.
    pub fn apply(&mut self, changes: &[Change], addresses: Option<AddressTable>) -> Published {
        let before = self.mesh.clone();
        self.mesh = self.mesh.apply(changes);
        if let Some(addresses) = addresses {
            self.mesh = self.mesh.with_addresses(addresses);
        }
        self.publish(&impact(changes, &before, &self.mesh))
    }

    /// Exchanges the switches of translation; every part is translated again.
    pub fn set_settings(&mut self, settings: Settings) -> Published {
        self.settings = settings;
        self.publish(&Impact::everything())
    }

    /// The switches of translation.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Serves a proxy from now on; the receiver holds its first snapshot already.
    pub fn attach(&mut self, stream: StreamId, proxy: Proxy) -> watch::Receiver<Option<Arc<Snapshot>>> {
        let views = views(&self.mesh, &proxy);
        self.join(&views);
        let (snapshots, receiver) = watch::channel(Some(self.snapshot(&views)));
        self.proxies.insert(stream, Connected { proxy, views, snapshots });
        receiver
    }

    /// Forgets a stream; a part nobody uses is dropped with its last user.
    pub fn detach(&mut self, stream: StreamId) {
        if let Some(connected) = self.proxies.remove(&stream) {
            self.leave(&connected.views);
        }
    }

    /// What a stream is given, for dumps.
    pub fn snapshot_of(&self, stream: StreamId) -> Option<Arc<Snapshot>> {
        self.proxies.get(&stream).map(|connected| self.snapshot(&connected.views))
    }

    /// What translation had to say about the objects in force, once each.
    pub fn findings(&self) -> Vec<Finding> {
        let all: BTreeSet<Finding> = self.parts.values().flat_map(|part| part.translation.findings()).collect();
        all.into_iter().collect()
    }

    fn publish(&mut self, impact: &Impact) -> Published {
        let moved = self.rekey(impact);
        let mut published = Published::default();
        let mut touched = Vec::new();
        let input = Input { mesh: &self.mesh, settings: &self.settings };
        for (view, part) in &mut self.parts {
            let dirty = impact.dirty(view);
            if dirty.is_empty() {
                continue;
            }
            published.parts += 1;
            let before = part.translation.translated();
            let changed = part.update(&input, &dirty);
            published.units += part.translation.translated() - before;
            if changed > 0 {
                published.resources += changed;
                touched.push(view.clone());
            }
        }
        published.streams = self.wake(&touched, &moved);
        published
    }

    /// Moves proxies whose view may have changed; the streams that did move.
    fn rekey(&mut self, impact: &Impact) -> Vec<StreamId> {
        let candidates = self.proxies.iter().filter(|(_, connected)| impact.rekeys(&connected.proxy));
        let moves: Vec<_> = candidates
            .map(|(stream, connected)| (*stream, views(&self.mesh, &connected.proxy)))
            .filter(|(stream, new)| self.proxies.get(stream).is_some_and(|connected| connected.views != *new))
            .collect();
        for (stream, new) in &moves {
            self.join(new);
            let old =
                self.proxies.get_mut(stream).map(|connected| std::mem::replace(&mut connected.views, new.clone()));
            old.iter().for_each(|old| self.leave(old));
        }
        moves.into_iter().map(|(stream, _)| stream).collect()
    }

    fn wake(&self, touched: &[View], moved: &[StreamId]) -> Vec<StreamId> {
        let concerned = self.proxies.iter().filter(|(stream, connected)| {
            moved.contains(stream)
                || touched.contains(&connected.views.outbound)
                || touched.contains(&connected.views.local)
        });
        let woken = concerned.map(|(stream, connected)| {
            connected.snapshots.send_replace(Some(self.snapshot(&connected.views)));
            *stream
        });
        woken.collect()
    }

    fn join(&mut self, views: &Views) {
        let input = Input { mesh: &self.mesh, settings: &self.settings };
        for view in [&views.outbound, &views.local] {
            let part = self.parts.entry(view.clone()).or_insert_with(|| Part::new(view.clone(), &input));
            part.users += 1;
        }
    }

    fn leave(&mut self, views: &Views) {
        for view in [&views.outbound, &views.local] {
            let Some(part) = self.parts.get_mut(view) else { continue };
            part.users -= 1;
            if part.users == 0 {
                self.parts.remove(view);
            }
        }
    }

    fn snapshot(&self, views: &Views) -> Arc<Snapshot> {
        let parts = [&views.outbound, &views.local].into_iter().filter_map(|view| self.parts.get(view));
        Arc::new(Snapshot::new(parts.map(|part| Arc::clone(&part.resources)).collect()))
    }
}

// === impl Part ===

impl Part {
    fn new(view: View, input: &Input<'_>) -> Self {
        let mut part =
            Self { translation: Translation::new(view), resources: Arc::new(ResourceSet::whole()), users: 0 };
        part.update(input, &ferro_translate::Dirty::everything());
        part
    }

    /// Translates what is dirty; how many resources changed.
    fn update(&mut self, input: &Input<'_>, dirty: &ferro_translate::Dirty) -> usize {
        let updates = self.translation.update(input, dirty);
        let changed = updates.len();
        if changed > 0 {
            self.resources = Arc::new(self.resources.apply(updates.into_iter().map(for_xds)));
        }
        changed
    }
}

/// The same update in the terms of the xDS side.
fn for_xds(update: ferro_translate::Update) -> (Kind, ferro_xds::Update) {
    (update.kind, ferro_xds::Update { name: update.name, resource: update.resource })
}

#[cfg(test)]
mod tests;
