//! Objects and texts for tests.

use std::sync::Arc;

use ferro_model::{
    Limits, document,
    object::{Object, ObjectKey, ObjectKind},
};

use crate::{
    owner::Owner,
    transaction::{Action, Edit, Expected, Transaction},
};

/// A VirtualService of the namespace `shop`, which differs by `weight`.
pub(crate) fn text(name: &str, weight: u32) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: {name}\n  namespace: shop\n\
         spec:\n  hosts: [{name}]\n  http:\n  - route:\n    - destination: {{host: {name}}}\n      weight: {weight}\n"
    )
}

pub(crate) fn key(name: &str) -> ObjectKey {
    ObjectKey { kind: ObjectKind::VirtualService, namespace: "shop".into(), name: name.into() }
}

pub(crate) fn object(name: &str, weight: u32) -> Arc<Object> {
    let parsed = document::parse("test", &text(name, weight), &Limits::default());
    let (object, _) = parsed.objects.into_iter().next().expect("the text of the test is valid");
    Arc::new(object)
}

pub(crate) fn file(path: &str) -> Owner {
    Owner::File(path.into())
}

pub(crate) fn apply(owner: &Owner, object: Arc<Object>) -> Edit {
    Edit { owner: owner.clone(), expected: Expected::Any, action: Action::Apply(object) }
}

pub(crate) fn delete(owner: &Owner, name: &str) -> Edit {
    Edit { owner: owner.clone(), expected: Expected::Any, action: Action::Delete(key(name)) }
}

pub(crate) fn transaction(edits: impl IntoIterator<Item = Edit>) -> Transaction {
    Transaction { author: "test".to_owned(), expected: None, edits: edits.into_iter().collect() }
}
