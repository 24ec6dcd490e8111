//! Who may see an object: the `exportTo` rules.

use std::collections::BTreeSet;
use std::sync::Arc;

/// The namespaces whose proxies may see an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// `*`: everybody.
    Everyone,
    /// The named namespaces; none for `~`.
    Namespaces(BTreeSet<Arc<str>>),
}

/// How an object is visible to one namespace. The order is the order of look-up: nearer wins over wider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Of the namespace itself, and exported to it by name.
    Private,
    /// Of another namespace, exported to this one by name.
    Exported,
    /// Exported to everybody.
    Public,
}

impl Visibility {
    /// Resolves an `exportTo` list of an object in `namespace`; an absent or empty list means `default`.
    ///
    /// `.` is the object's own namespace, `*` everybody and wins over any other entry, `~` nobody.
    pub fn resolve<S: AsRef<str>>(export_to: &[S], namespace: &str, default: &[String]) -> Self {
        if !export_to.is_empty() {
            return Self::from_entries(export_to.iter().map(AsRef::as_ref), namespace);
        }
        if default.is_empty() {
            Self::Everyone
        } else {
            Self::from_entries(default.iter().map(String::as_str), namespace)
        }
    }

    /// Visible to the object's own namespace only.
    pub fn private(namespace: &str) -> Self {
        Self::Namespaces(BTreeSet::from([namespace.into()]))
    }

    fn from_entries<'a>(entries: impl Iterator<Item = &'a str>, namespace: &str) -> Self {
        let mut named = BTreeSet::new();
        for entry in entries.map(str::trim) {
            match entry {
                "*" => return Self::Everyone,
                "." => named.insert(namespace.into()),
                "~" | "" => false,
                other => named.insert(other.into()),
            };
        }
        Self::Namespaces(named)
    }

    /// Whether proxies of `namespace` may see the object.
    pub fn allows(&self, namespace: &str) -> bool {
        match self {
            Self::Everyone => true,
            Self::Namespaces(named) => named.contains(namespace),
        }
    }

    /// How proxies of `namespace` see an object that lives in `owner`, or `None` if they do not.
    pub fn reach(&self, owner: &str, namespace: &str) -> Option<Reach> {
        match self {
            Self::Everyone => Some(Reach::Public),
            Self::Namespaces(named) if !named.contains(namespace) => None,
            Self::Namespaces(_) if owner == namespace => Some(Reach::Private),
            Self::Namespaces(_) => Some(Reach::Exported),
        }
    }

    /// Whether nobody outside `owner` may see the object.
    pub fn is_private_to(&self, owner: &str) -> bool {
        matches!(self, Self::Namespaces(named) if named.iter().all(|namespace| &**namespace == owner))
    }

    /// Whether everybody who sees `other` sees this too.
    pub fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Everyone, _) => true,
            (Self::Namespaces(_), Self::Everyone) => false,
            (Self::Namespaces(mine), Self::Namespaces(theirs)) => mine.is_superset(theirs),
        }
    }
}

#[cfg(test)]
mod tests;
