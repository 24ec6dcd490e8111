//! Finds, in one namespace, the selectors that match a set of labels and the workloads that match a selector.

use std::sync::Arc;

use super::multimap::Multimap;
use super::service::Labels;

/// Things filed under `namespace, label, value`.
///
/// A selector is filed under its first pair alone and a workload under all of its own, so that both questions are answered from
/// a few small sets instead of a walk over the namespace; the caller checks the whole selector against what comes back.
#[derive(Clone, Debug)]
pub(crate) struct LabelIndex<T: Ord> {
    by_pair: Multimap<Arc<str>, T>,
}

impl<T: Ord> Default for LabelIndex<T> {
    fn default() -> Self {
        Self { by_pair: Multimap::default() }
    }
}

impl<T: Ord + Clone> LabelIndex<T> {
    /// Files a selector; an empty one selects nothing and is not filed.
    pub(crate) fn insert_selector(&mut self, namespace: &str, selector: &Labels, item: T) {
        if let Some((key, value)) = selector.first_key_value() {
            self.by_pair.insert(pair(namespace, key, value), item, ());
        }
    }

    /// Takes a selector out again.
    pub(crate) fn remove_selector(&mut self, namespace: &str, selector: &Labels, item: T) {
        if let Some((key, value)) = selector.first_key_value() {
            self.by_pair.remove(pair(namespace, key, value), item);
        }
    }

    /// Files a workload under each of its labels.
    pub(crate) fn insert_workload(&mut self, namespace: &str, labels: &Labels, item: &T) {
        for (key, value) in labels {
            self.by_pair.insert(pair(namespace, key, value), item.clone(), ());
        }
    }

    /// Takes a workload out again.
    pub(crate) fn remove_workload(&mut self, namespace: &str, labels: &Labels, item: &T) {
        for (key, value) in labels {
            self.by_pair.remove(pair(namespace, key, value), item.clone());
        }
    }

    /// Items among which all selectors stand that may match `labels`.
    pub(crate) fn selector_candidates(&self, namespace: &str, labels: &Labels) -> impl Iterator<Item = &T> {
        labels.iter().flat_map(move |(key, value)| self.filed(pair(namespace, key, value)))
    }

    /// Items among which all workloads stand that `selector` may match: those that have its rarest pair.
    pub(crate) fn workload_candidates(&self, namespace: &str, selector: &Labels) -> impl Iterator<Item = &T> {
        let mut walks: Vec<_> =
            selector.iter().map(|(key, value)| (self.filed(pair(namespace, key, value)), Vec::new())).collect();
        self.shortest(&mut walks).into_iter()
    }

    // Walks all at once, a step each, and stops with the first that ends: the cost follows the rarest pair.
    fn shortest<'a>(&'a self, walks: &mut [(impl Iterator<Item = &'a T>, Vec<&'a T>)]) -> Vec<&'a T> {
        while !walks.is_empty() {
            for (walk, found) in walks.iter_mut() {
                match walk.next() {
                    Some(item) => found.push(item),
                    None => return std::mem::take(found),
                }
            }
        }
        Vec::new()
    }

    fn filed(&self, pair: Arc<str>) -> impl Iterator<Item = &T> + use<'_, T> {
        self.by_pair.of(pair).map(|(item, ())| item)
    }
}

// Neither namespaces nor labels can hold a NUL.
fn pair(namespace: &str, key: &str, value: &str) -> Arc<str> {
    format!("{namespace}\0{key}\0{value}").into()
}

#[cfg(test)]
mod tests;
