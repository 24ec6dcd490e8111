use std::{collections::BTreeSet, ops::Bound, sync::Arc};

use ferro_xds_protos::Resource;
use imbl::{OrdMap, Vector};
use xxhash_rust::xxh3::xxh3_128;

/// How many changed names a set remembers. A session that is further behind compares in full.
const LOG_LIMIT: usize = 4096;

/// The resources of one kind in one part of a view. Clones share their content.
#[derive(Clone, Debug)]
pub struct TypeSet {
    /// `None` is a tombstone: known not to exist. Only partial sets hold them.
    entries: OrdMap<Arc<str>, Option<Resource>>,
    coverage: Coverage,
    answered: bool,
    found: usize,
    digest: u128,
    /// The identity of this state. A pointer, not a counter: two sets made from one by different updates are different
    /// states, and a counter would give them the same number.
    state: Arc<()>,
    /// The latest changes, oldest first; the changes of one `apply` stand together.
    log: Vector<Logged>,
}

/// One changed name, with the state it changed.
#[derive(Clone, Debug)]
struct Logged {
    before: Arc<()>,
    name: Arc<str>,
}

/// What it means that a set does not hold a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// The resource does not exist.
    Whole,
    /// Nothing is known of it yet: the agent's relay has not heard from ferrod. Nobody is told anything.
    Partial,
}

/// What a set knows of a name.
#[derive(Clone, Copy, Debug)]
pub enum Lookup<'a> {
    /// It exists.
    Found(&'a Resource),
    /// It is known not to exist.
    Absent,
    /// It may exist; a partial set has not been told.
    Unknown,
}

/// A change to one resource.
#[derive(Clone, Debug)]
pub struct Update {
    /// The resource's name on the wire.
    pub name: Arc<str>,
    /// Its new content, or `None` if it is gone.
    pub resource: Option<Resource>,
}

// === impl Update ===

impl Update {
    /// The resource exists, with this content.
    pub fn put(resource: Resource) -> Self {
        Self { name: Arc::clone(resource.name()), resource: Some(resource) }
    }

    /// The resource does not exist.
    pub fn gone(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), resource: None }
    }
}

// === impl TypeSet ===

impl TypeSet {
    /// An empty set that knows all its names.
    pub fn whole() -> Self {
        Self::empty(Coverage::Whole, true)
    }

    /// An empty set that has not been told anything yet.
    pub fn partial() -> Self {
        Self::empty(Coverage::Partial, false)
    }

    fn empty(coverage: Coverage, answered: bool) -> Self {
        Self {
            entries: OrdMap::new(),
            coverage,
            answered,
            found: 0,
            digest: 0,
            state: Arc::new(()),
            log: Vector::new(),
        }
    }

    /// The set after these updates. An update that changes nothing leaves no trace. In a partial set "gone" leaves a
    /// tombstone, in a whole set nothing.
    #[must_use]
    pub fn apply(&self, updates: impl IntoIterator<Item = Update>) -> Self {
        let mut next = self.successor();
        for Update { name, resource } in updates {
            match (resource, self.coverage) {
                (None, Coverage::Whole) => next.remove(&name, &self.state),
                (resource, _) => next.insert(name, resource, &self.state),
            }
        }
        next.unless_same(self)
    }

    /// The set without what it knew of these names: neither resource nor tombstone. In a partial set they are unknown
    /// again, and no session says a word about them.
    #[must_use]
    pub fn forget<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut next = self.successor();
        for name in names {
            next.remove(name, &self.state);
        }
        next.unless_same(self)
    }

    /// The set, with the knowledge whether the list of its names is complete, so that a wildcard subscription that
    /// matches nothing may be answered so.
    #[must_use]
    pub fn with_answered(&self, answered: bool) -> Self {
        let answered = answered || self.coverage == Coverage::Whole;
        if answered == self.answered { self.clone() } else { Self { answered, ..self.successor() } }
    }

    /// What is known of `name`.
    pub fn lookup(&self, name: &str) -> Lookup<'_> {
        match (self.entries.get(name), self.coverage) {
            (Some(Some(resource)), _) => Lookup::Found(resource),
            (Some(None), _) | (None, Coverage::Whole) => Lookup::Absent,
            (None, Coverage::Partial) => Lookup::Unknown,
        }
    }

    /// The resource, if it is there.
    pub fn get(&self, name: &str) -> Option<&Resource> {
        self.entries.get(name)?.as_ref()
    }

    /// Every resource, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = &Resource> {
        self.entries.values().filter_map(Option::as_ref)
    }

    /// Every name, tombstones included, in order.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.entries.keys()
    }

    /// The resources whose names begin with `prefix`, ordered by name.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a Resource> {
        self.entries
            .range::<_, str>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(move |(name, _)| name.starts_with(prefix))
            .filter_map(|(_, resource)| resource.as_ref())
    }

    /// How many resources there are.
    pub fn len(&self) -> usize {
        self.found
    }

    /// Whether there is no resource.
    pub fn is_empty(&self) -> bool {
        self.found == 0
    }

    /// What it means that a name is missing.
    pub fn coverage(&self) -> Coverage {
        self.coverage
    }

    /// Whether the list of names is complete.
    pub fn answered(&self) -> bool {
        self.answered
    }

    /// A hash of every (name, version), independent of how the set came about.
    pub fn digest(&self) -> u128 {
        self.digest
    }

    /// Adds to `names` every name that may differ from `older`, at a cost that follows the change when `older` is a
    /// recent ancestor.
    pub(super) fn changed_since(&self, older: &Self, names: &mut BTreeSet<Arc<str>>) {
        if self.same(older) {
            return;
        }
        // Batches stand together, so the entries from the first one that changed `older` are all that came after it.
        let (mut recent, mut reached) = (Vec::new(), false);
        for logged in self.log.iter().rev() {
            let changed_older = Arc::ptr_eq(&logged.before, &older.state);
            if reached && !changed_older {
                break;
            }
            reached |= changed_older;
            recent.push(&logged.name);
        }
        if reached {
            names.extend(recent.into_iter().cloned());
        } else {
            names.extend(older.differing(self));
        }
    }

    /// Whether both hold the same names in the same state.
    pub(super) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.state, &other.state)
    }

    fn successor(&self) -> Self {
        Self { state: Arc::new(()), ..self.clone() }
    }

    fn differing(&self, other: &Self) -> BTreeSet<Arc<str>> {
        let missing_or_other = |here: &Self, there: &Self| -> Vec<Arc<str>> {
            let differs = |(name, entry): &(&Arc<str>, &Option<Resource>)| {
                there.entries.get(&**name).is_none_or(|found| version(found.as_ref()) != version(entry.as_ref()))
            };
            here.entries.iter().filter(differs).map(|(name, _)| Arc::clone(name)).collect()
        };
        missing_or_other(self, other).into_iter().chain(missing_or_other(other, self)).collect()
    }

    fn insert(&mut self, name: Arc<str>, resource: Option<Resource>, changed: &Arc<()>) {
        let before = self.entries.get(&name);
        if before.is_some_and(|entry| version(entry.as_ref()) == version(resource.as_ref())) {
            return;
        }
        let before = before.cloned().flatten();
        self.account(before.as_ref(), resource.as_ref());
        self.entries.insert(Arc::clone(&name), resource);
        self.note(name, changed);
    }

    fn remove(&mut self, name: &str, changed: &Arc<()>) {
        let Some((name, before)) = self.entries.remove_with_key(name) else { return };
        self.account(before.as_ref(), None);
        self.note(name, changed);
    }

    fn account(&mut self, before: Option<&Resource>, after: Option<&Resource>) {
        if let Some(resource) = before {
            self.digest = self.digest.wrapping_sub(entry_digest(resource));
            self.found -= 1;
        }
        if let Some(resource) = after {
            self.digest = self.digest.wrapping_add(entry_digest(resource));
            self.found += 1;
        }
    }

    fn note(&mut self, name: Arc<str>, before: &Arc<()>) {
        self.log.push_back(Logged { before: Arc::clone(before), name });
    }

    /// Ends an update: bounds the log, by whole batches, or keeps `before` if nothing changed.
    fn unless_same(mut self, before: &Self) -> Self {
        if self.log.back().is_none_or(|last| !Arc::ptr_eq(&last.before, &before.state)) {
            return before.clone();
        }
        while self.log.len() > LOG_LIMIT {
            self.drop_oldest_batch();
        }
        self
    }

    fn drop_oldest_batch(&mut self) {
        let Some(oldest) = self.log.pop_front() else { return };
        while self.log.front().is_some_and(|next| Arc::ptr_eq(&next.before, &oldest.before)) {
            self.log.pop_front();
        }
    }
}

/// A hash of one (name, version). The digest of a set is their sum, so that it can be kept up to date in O(change).
pub(crate) fn entry_digest(resource: &Resource) -> u128 {
    let mut bytes = Vec::with_capacity(resource.name().len() + resource.version().len() + 1);
    bytes.extend_from_slice(resource.name().as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(resource.version().as_bytes());
    xxh3_128(&bytes)
}

/// A digest as the text of a version.
pub(crate) fn version_of(digest: u128) -> String {
    format!("{:016x}", (digest >> 64) ^ (digest & u128::from(u64::MAX)))
}

fn version(resource: Option<&Resource>) -> Option<&Arc<str>> {
    resource.map(Resource::version)
}
