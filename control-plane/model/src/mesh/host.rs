//! Host names and host patterns: short names, wildcards, and an index that answers "most specific pattern first".

use std::borrow::Borrow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use imbl::OrdMap;

/// Completes a short host name with the namespace of the object that uses it.
///
/// Only a name without a dot is short: `reviews` in namespace `default` becomes `reviews.default.svc.<domain>`. Dotted names,
/// wildcards and IP addresses stay as they are.
pub fn resolve_short_name(host: &str, namespace: &str, domain: &str) -> Arc<str> {
    let complete = host.is_empty() || host.starts_with('*') || host.contains('.') || host.parse::<IpAddr>().is_ok();
    if complete { host.into() } else { kubernetes_host(host, namespace, domain) }
}

/// The host name under which a Kubernetes Service is known: `<name>.<namespace>.svc.<domain>`.
pub fn kubernetes_host(name: &str, namespace: &str, domain: &str) -> Arc<str> {
    format!("{name}.{namespace}.svc.{domain}").into()
}

/// A host name, or a wildcard: `*` followed by the ending that a host must have (`*`, `*.example.com`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPattern(Arc<str>);

impl HostPattern {
    /// Takes the text as it stands in a policy, after short names were completed.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text of the pattern.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, shared.
    pub fn to_arc(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// Whether the pattern starts with `*`.
    pub fn is_wildcard(&self) -> bool {
        is_wildcard(&self.0)
    }

    /// Whether every host that `host` (a name or a pattern) stands for is matched by this pattern.
    pub fn covers(&self, host: &str) -> bool {
        covers(&self.0, host)
    }

    /// Whether one of the two covers the other.
    pub fn overlaps(&self, other: &str) -> bool {
        covers(&self.0, other) || covers(other, &self.0)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for HostPattern {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Whether `host` is a pattern rather than a name.
pub(crate) fn is_wildcard(host: &str) -> bool {
    host.starts_with('*')
}

/// Whether every host that `host` stands for is matched by `pattern`. Both may be wildcards.
pub(crate) fn covers(pattern: &str, host: &str) -> bool {
    match (pattern.strip_prefix('*'), host.strip_prefix('*')) {
        (Some(ending), Some(other)) => other.ends_with(ending),
        (Some(ending), None) => host.ends_with(ending),
        (None, Some(_)) => false,
        (None, None) => pattern == host,
    }
}

/// Values by host pattern, found from a host without looking at patterns that do not match it.
///
/// Wildcards are kept under the ending behind their `*`, so a look-up tries the endings of the host, longest first: its cost
/// grows with the length of one name, never with the number of patterns.
#[derive(Clone, Debug)]
pub(crate) struct HostIndex<V> {
    exact: OrdMap<Arc<str>, V>,
    endings: OrdMap<Arc<str>, V>,
}

impl<V> Default for HostIndex<V> {
    fn default() -> Self {
        Self { exact: OrdMap::new(), endings: OrdMap::new() }
    }
}

impl<V: Clone> HostIndex<V> {
    /// The value kept under exactly this pattern.
    pub(crate) fn get(&self, pattern: &str) -> Option<&V> {
        match pattern.strip_prefix('*') {
            Some(ending) => self.endings.get(ending),
            None => self.exact.get(pattern),
        }
    }

    /// Puts, replaces or (with `None`) removes the value of a pattern.
    pub(crate) fn set(&mut self, pattern: &str, value: Option<V>) {
        let (map, key) = match pattern.strip_prefix('*') {
            Some(ending) => (&mut self.endings, ending),
            None => (&mut self.exact, pattern),
        };
        match value {
            Some(value) => {
                map.insert(key.into(), value);
            }
            None => {
                map.remove(key);
            }
        }
    }

    /// The values of all patterns that cover `host`, the most specific first.
    pub(crate) fn most_specific(&self, host: &str) -> impl Iterator<Item = &V> {
        let exact = if is_wildcard(host) { None } else { self.exact.get(host) };
        let tail = host.strip_prefix('*').unwrap_or(host);
        let starts = if self.endings.is_empty() { 0 } else { tail.len() + 1 };
        let endings =
            (0..starts).filter_map(move |start| tail.get(start..).and_then(|ending| self.endings.get(ending)));
        exact.into_iter().chain(endings)
    }

    /// Whether nothing is kept.
    pub(crate) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.endings.is_empty()
    }
}

#[cfg(test)]
mod tests;
