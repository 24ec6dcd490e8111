//! Walks over the part of a map that belongs to one kind or one namespace.

use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;

use crate::object::{ObjectKey, ObjectKind};

/// The entries of one kind in one namespace. Rests on the order of [`ObjectKey`]: kind, namespace, name.
pub(crate) fn in_namespace<'a, V: Clone>(
    map: &'a OrdMap<ObjectKey, V>,
    kind: ObjectKind,
    namespace: &str,
) -> impl Iterator<Item = (&'a ObjectKey, &'a V)> + use<'a, V> {
    let namespace: Arc<str> = namespace.into();
    from(map, kind, &namespace).take_while(move |(key, _)| key.kind == kind && key.namespace == namespace)
}

/// The entries of one kind.
pub(crate) fn of_kind<V: Clone>(
    map: &OrdMap<ObjectKey, V>,
    kind: ObjectKind,
) -> impl Iterator<Item = (&ObjectKey, &V)> {
    from(map, kind, &"".into()).take_while(move |(key, _)| key.kind == kind)
}

fn from<'a, V: Clone>(
    map: &'a OrdMap<ObjectKey, V>,
    kind: ObjectKind,
    namespace: &Arc<str>,
) -> impl Iterator<Item = (&'a ObjectKey, &'a V)> + use<'a, V> {
    let first = ObjectKey { kind, namespace: Arc::clone(namespace), name: "".into() };
    map.range((Bound::Included(first), Bound::Unbounded))
}
