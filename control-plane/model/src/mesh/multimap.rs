//! Many items under one key, in one flat persistent map.
//!
//! Most keys here have one or two items. A map of maps would spend a node on each key; a flat one packs them densely.

use std::ops::Bound;

use imbl::OrdMap;

/// A persistent map from a key to items in their order, each with a value.
#[derive(Clone, Debug)]
pub(crate) struct Multimap<K: Ord, I: Ord, V = ()> {
    // No item is ever stored as `None`: it stands before all items of a key, where a walk begins.
    entries: OrdMap<(K, Option<I>), V>,
}

impl<K: Ord, I: Ord, V> Default for Multimap<K, I, V> {
    fn default() -> Self {
        Self { entries: OrdMap::new() }
    }
}

impl<K: Ord + Clone, I: Ord + Clone, V: Clone> Multimap<K, I, V> {
    /// Puts or replaces an item.
    pub(crate) fn insert(&mut self, key: K, item: I, value: V) {
        self.entries.insert((key, Some(item)), value);
    }

    /// Takes an item out.
    pub(crate) fn remove(&mut self, key: K, item: I) {
        self.entries.remove(&(key, Some(item)));
    }

    /// The items of a key.
    pub(crate) fn of(&self, key: K) -> impl Iterator<Item = (&I, &V)> + use<'_, K, I, V> {
        let first = Bound::Included((key.clone(), None));
        self.entries
            .range((first, Bound::Unbounded))
            .take_while(move |((found, _), _)| *found == key)
            .filter_map(|((_, item), value)| Some((item.as_ref()?, value)))
    }

    /// Whether there is nothing.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests;
