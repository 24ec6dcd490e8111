//! Finds, in one namespace, the selectors that match a set of labels and the workloads that match a selector.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::service::Labels;

/// Things filed under `namespace, label, value`.
///
/// A selector is filed under its first pair alone and a workload under all of its own, so that both questions are answered from
/// a few small sets instead of a walk over the namespace; the caller checks the whole selector against what comes back.
#[derive(Clone, Debug)]
pub(crate) struct LabelIndex<T: Ord> {
    by_pair: OrdMap<Arc<str>, OrdSet<T>>,
}

impl<T: Ord> Default for LabelIndex<T> {
    fn default() -> Self {
        Self { by_pair: OrdMap::new() }
    }
}

impl<T: Ord + Clone> LabelIndex<T> {
    /// Files a selector; an empty one selects nothing and is not filed.
    pub(crate) fn insert_selector(&mut self, namespace: &str, selector: &Labels, item: T) {
        if let Some((key, value)) = selector.first_key_value() {
            self.insert(pair(namespace, key, value), item);
        }
    }

    /// Takes a selector out again.
    pub(crate) fn remove_selector(&mut self, namespace: &str, selector: &Labels, item: &T) {
        if let Some((key, value)) = selector.first_key_value() {
            self.remove(&pair(namespace, key, value), item);
        }
    }

    /// Files a workload under each of its labels.
    pub(crate) fn insert_workload(&mut self, namespace: &str, labels: &Labels, item: &T) {
        for (key, value) in labels {
            self.insert(pair(namespace, key, value), item.clone());
        }
    }

    /// Takes a workload out again.
    pub(crate) fn remove_workload(&mut self, namespace: &str, labels: &Labels, item: &T) {
        for (key, value) in labels {
            self.remove(&pair(namespace, key, value), item);
        }
    }

    /// Items among which all selectors stand that may match `labels`.
    pub(crate) fn selector_candidates(&self, namespace: &str, labels: &Labels) -> impl Iterator<Item = &T> {
        labels.iter().filter_map(move |(key, value)| self.by_pair.get(&*pair(namespace, key, value))).flatten()
    }

    /// Items among which all workloads stand that `selector` may match: those that have its rarest pair.
    pub(crate) fn workload_candidates(&self, namespace: &str, selector: &Labels) -> impl Iterator<Item = &T> {
        let sets: Option<Vec<_>> =
            selector.iter().map(|(key, value)| self.by_pair.get(&*pair(namespace, key, value))).collect();
        let rarest = sets.unwrap_or_default().into_iter().min_by_key(|set| set.len());
        rarest.into_iter().flatten()
    }

    fn insert(&mut self, pair: Arc<str>, item: T) {
        self.by_pair.entry(pair).or_default().insert(item);
    }

    fn remove(&mut self, pair: &str, item: &T) {
        let Some(set) = self.by_pair.get_mut(pair) else { return };
        set.remove(item);
        if set.is_empty() {
            self.by_pair.remove(pair);
        }
    }
}

// Neither namespaces nor labels can hold a NUL.
fn pair(namespace: &str, key: &str, value: &str) -> Arc<str> {
    format!("{namespace}\0{key}\0{value}").into()
}

#[cfg(test)]
mod tests;
