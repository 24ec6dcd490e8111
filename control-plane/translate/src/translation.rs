//! The state of one view: what every unit yields, and what follows for the clients.
//!
//! Translation itself is pure and per unit; this keeps the results, so that a change costs the units it touches. What an
//! incremental update arrives at is what a translation from scratch yields; a property test holds the two together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ferro_model::mesh::{HostPattern, Mesh};
use ferro_xds_protos::{Kind, Resource};

use crate::finding::{Code, Finding};
use crate::local::Local;
use crate::outbound::Outbound;
use crate::output::{Output, Owner};
use crate::proxy::Variant;
use crate::settings::Settings;
use crate::tables::{Layout, Tables};
use crate::unit::{Dirty, Unit};
use crate::view::View;

/// What a translation reads.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The mesh, in one revision.
    pub mesh: &'a Mesh,
    /// Switches of ferrod.
    pub settings: &'a Settings,
}

/// A change of one resource.
#[derive(Clone, Debug)]
pub struct Update {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Arc<str>,
    /// Its new content; `None` if it is gone.
    pub resource: Option<Resource>,
}

/// Everything that one view is sent.
#[derive(Debug)]
pub struct Translation {
    view: View,
    units: BTreeMap<Unit, Kept>,
    resources: BTreeMap<(Kind, Arc<str>), Claims>,
    tables: Tables,
    dependents: BTreeMap<Arc<str>, BTreeSet<Unit>>,
    translated: usize,
}

/// Who wants a name, the winner first.
type Claims = BTreeMap<(Option<Owner>, Unit), Resource>;

/// What is remembered of a unit, to take it back.
#[derive(Debug, Default)]
struct Kept {
    resources: Vec<(Kind, Arc<str>, Option<Owner>)>,
    hosts: Vec<(Arc<str>, Arc<str>)>,
    shells: Vec<Arc<str>>,
    findings: Vec<Finding>,
    destinations: BTreeSet<Arc<str>>,
}

/// The part of the mesh that a view is made of.
enum Source<'a> {
    Outbound(Outbound<'a>),
    Local(Local<'a>),
}

// === impl Translation ===

impl Translation {
    /// An empty translation; the first update must be given [`Dirty::everything`].
    pub fn new(view: View) -> Self {
        let layout = match view.variant() {
            Variant::Delta => Layout::Apart,
            Variant::Sotw | Variant::Grpc => Layout::Inline,
        };
        Self {
            view,
            units: BTreeMap::new(),
            resources: BTreeMap::new(),
            tables: Tables::new(layout),
            dependents: BTreeMap::new(),
            translated: 0,
        }
    }

    /// The view it is of.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Translates again what is dirty and returns the resources whose content changed.
    pub fn update(&mut self, input: &Input<'_>, dirty: &Dirty) -> Vec<Update> {
        let view = self.view.clone();
        let source = Source::new(&view, input);
        let mut touched = BTreeMap::new();
        for unit in self.expand(&source, dirty) {
            self.translated += 1;
            let output = source.translate(&unit);
            self.replace(unit, output, &mut touched);
        }
        self.changes(touched)
    }

    /// How many units were translated since the beginning: what updates cost.
    pub fn translated(&self) -> usize {
        self.translated
    }

    /// Everything the view is sent.
    pub fn resources(&self) -> impl Iterator<Item = (Kind, &Resource)> {
        let whole = self.resources.iter().filter_map(|((kind, _), claims)| Some((*kind, claims.first_key_value()?.1)));
        whole.chain(self.tables.resources())
    }

    /// What has to be said about the present state.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings: BTreeSet<Finding> =
            self.units.values().flat_map(|kept| kept.findings.iter().cloned()).collect();
        findings.extend(self.tables.findings());
        findings.extend(self.resources.iter().filter(|(_, claims)| claims.len() > 1).flat_map(rivals));
        findings.into_iter().collect()
    }

    fn expand(&self, source: &Source<'_>, dirty: &Dirty) -> BTreeSet<Unit> {
        if dirty.everything {
            let mut units: BTreeSet<Unit> = self.units.keys().cloned().collect();
            units.extend(source.units());
            return units;
        }
        let mut units = dirty.units.clone();
        let mut destinations = dirty.destinations.clone();
        for pattern in &dirty.services {
            for host in source.services(pattern) {
                units.extend(Unit::of_service(&host));
                destinations.insert(host);
            }
        }
        for pattern in &dirty.routes {
            let known = self.units.keys().filter_map(|unit| match unit {
                Unit::VirtualHosts(host) if pattern.is_wildcard() && pattern.overlaps(host) => Some(Arc::clone(host)),
                _ => None,
            });
            units.extend(known.chain(source.routes(pattern)).map(Unit::VirtualHosts));
        }
        for pattern in &dirty.l4 {
            units.extend(source.carriers(pattern));
        }
        for host in &destinations {
            units.extend(self.dependents.get(host).into_iter().flatten().cloned());
        }
        units
    }

    fn replace(&mut self, unit: Unit, output: Output, touched: &mut Touched) {
        if let Some(kept) = self.units.remove(&unit) {
            self.take_back(&unit, kept, &output, touched);
        }
        if output.is_empty() {
            return;
        }
        let mut kept = Kept { findings: output.findings, destinations: output.destinations, ..Kept::default() };
        for claimed in output.resources {
            let key = (claimed.kind, Arc::clone(claimed.resource.name()));
            self.touch(&key, touched);
            kept.resources.push((key.0, Arc::clone(&key.1), claimed.owner.clone()));
            self.resources.entry(key).or_default().insert((claimed.owner, unit.clone()), claimed.resource);
        }
        for shell in output.shells {
            self.tables.set_shell(&shell.name, Some(shell.body));
            kept.shells.push(shell.name);
        }
        for host in output.hosts {
            kept.hosts.push((Arc::clone(&host.table), Arc::clone(&host.name)));
            self.tables.insert_host(host);
        }
        for host in &kept.destinations {
            self.dependents.entry(Arc::clone(host)).or_default().insert(unit.clone());
        }
        self.units.insert(unit, kept);
    }

    fn take_back(&mut self, unit: &Unit, kept: Kept, next: &Output, touched: &mut Touched) {
        for (kind, name, owner) in kept.resources {
            let key = (kind, name);
            self.touch(&key, touched);
            let Some(claims) = self.resources.get_mut(&key) else { continue };
            claims.remove(&(owner, unit.clone()));
            if claims.is_empty() {
                self.resources.remove(&key);
            }
        }
        for (table, host) in &kept.hosts {
            self.tables.remove_host(table, host);
        }
        for shell in kept.shells.iter().filter(|shell| next.shells.iter().all(|kept| kept.name != **shell)) {
            self.tables.set_shell(shell, None);
        }
        for host in &kept.destinations {
            let Some(units) = self.dependents.get_mut(host) else { continue };
            units.remove(unit);
            if units.is_empty() {
                self.dependents.remove(host);
            }
        }
    }

    /// Remembers what clients have before the first change of a name.
    fn touch(&self, key: &(Kind, Arc<str>), touched: &mut Touched) {
        if !touched.contains_key(key) {
            touched.insert(key.clone(), self.winner(key).map(|resource| Arc::clone(resource.version())));
        }
    }

    fn winner(&self, key: &(Kind, Arc<str>)) -> Option<&Resource> {
        self.resources.get(key)?.first_key_value().map(|(_, resource)| resource)
    }

    fn changes(&mut self, touched: Touched) -> Vec<Update> {
        let mut updates = Vec::new();
        for ((kind, name), before) in touched {
            let key = (kind, name);
            let after = self.winner(&key);
            if before.as_ref() != after.map(Resource::version) {
                updates.push(Update { kind: key.0, resource: after.cloned(), name: key.1 });
            }
        }
        let tables = self.tables.flush().into_iter();
        updates.extend(tables.map(|(kind, name, resource)| Update { kind, name, resource }));
        updates
    }
}

/// The version that clients have of each name that is being changed.
type Touched = BTreeMap<(Kind, Arc<str>), Option<Arc<str>>>;

fn rivals(((kind, name), claims): (&(Kind, Arc<str>), &Claims)) -> Vec<Finding> {
    let mut owners = claims.keys().filter_map(|(owner, _)| owner.as_ref());
    let Some(winner) = owners.next() else { return Vec::new() };
    owners
        .map(|loser| Finding {
            code: Code::Conflict,
            object: Some(loser.object.clone()),
            field: String::new(),
            message: format!(
                "{} {name} is already taken by {}, which is older; give one of the two another address or port",
                kind.short(),
                winner.object
            ),
        })
        .collect()
}

// === impl Source ===

impl<'a> Source<'a> {
    fn new(view: &'a View, input: &Input<'a>) -> Self {
        match view {
            View::Outbound(key) => Self::Outbound(Outbound::new(*input, key)),
            View::Local(key) => Self::Local(Local::new(*input, key)),
        }
    }

    /// Every unit that may yield something.
    fn units(&self) -> BTreeSet<Unit> {
        match self {
            Self::Outbound(outbound) => outbound.units(),
            Self::Local(_) => BTreeSet::from([Unit::Fixed]),
        }
    }

    /// The hosts of the services that a pattern covers.
    fn services(&self, pattern: &HostPattern) -> Vec<Arc<str>> {
        match self {
            Self::Outbound(outbound) => outbound.services(pattern),
            Self::Local(_) => Vec::new(),
        }
    }

    /// The hosts that may have virtual hosts and that a pattern covers.
    fn routes(&self, pattern: &HostPattern) -> Vec<Arc<str>> {
        match self {
            Self::Outbound(outbound) => outbound.routes(pattern),
            Self::Local(_) => Vec::new(),
        }
    }

    /// The units in which the listeners of services stand that a pattern covers.
    fn carriers(&self, pattern: &HostPattern) -> BTreeSet<Unit> {
        match self {
            Self::Outbound(outbound) => outbound.carriers(pattern),
            Self::Local(_) => BTreeSet::new(),
        }
    }

    fn translate(&self, unit: &Unit) -> Output {
        match (self, unit) {
            (Self::Outbound(outbound), unit) => outbound.translate(unit),
            (Self::Local(local), Unit::Fixed) => local.translate(),
            (Self::Local(_), _) => Output::default(),
        }
    }
}
