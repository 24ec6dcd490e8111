//! Who wins when two objects want the same thing: the oldest.

use std::sync::Arc;

use crate::object::{Object, Timestamp};

/// Sort key of an object among its rivals: creation time, then name, then namespace. The smallest wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Precedence {
    /// When the object was created.
    pub created: Timestamp,
    /// Its name.
    pub name: Arc<str>,
    /// Its namespace.
    pub namespace: Arc<str>,
}

impl Precedence {
    /// The key of `object`.
    pub fn of(object: &Object) -> Self {
        Self {
            created: object.meta.created,
            name: Arc::clone(&object.key.name),
            namespace: Arc::clone(&object.key.namespace),
        }
    }
}
