//! Objects and stores for the tests of this folder.

use std::{path::Path, sync::Arc};

use ferro_model::{
    Limits, document,
    object::{Object, ObjectKey, ObjectKind},
};
use ferro_store::{
    Snapshot, Store, StoreOptions,
    owner::Owner,
    transaction::{Action, Edit, Expected, Transaction},
};

/// A VirtualService of the namespace `shop`, which differs by `weight`.
pub(crate) fn text(name: &str, weight: u64) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: {name}\n  namespace: shop\n  \
         annotations:\n    weight: \"{weight}\"\nspec:\n  hosts: [{name}]\n  http:\n  - route:\n    - destination: {{host: {name}}}\n"
    )
}

pub(crate) fn key(name: &str) -> ObjectKey {
    ObjectKey { kind: ObjectKind::VirtualService, namespace: "shop".into(), name: name.into() }
}

pub(crate) fn object_of(text: &str) -> Arc<Object> {
    let parsed = document::parse("test", text, &Limits::default());
    let (object, _) = parsed.objects.into_iter().next().expect("the text of the test is valid");
    Arc::new(object)
}

pub(crate) fn apply(owner: &Owner, name: &str, weight: u64) -> Transaction {
    transaction(owner, Action::Apply(object_of(&text(name, weight))))
}

pub(crate) fn delete(owner: &Owner, name: &str) -> Transaction {
    transaction(owner, Action::Delete(key(name)))
}

pub(crate) fn transaction(owner: &Owner, action: Action) -> Transaction {
    let edit = Edit { owner: owner.clone(), expected: Expected::Any, action };
    Transaction { author: owner.to_string(), expected: None, edits: vec![edit] }
}

pub(crate) fn open(directory: &Path) -> Store {
    Store::open(directory, StoreOptions::default()).expect("the store opens")
}

/// `name=weight` of every object.
pub(crate) fn weights(snapshot: &Snapshot) -> Vec<(String, u64)> {
    let weight = |object: &Object| object.meta.annotations.get("weight").and_then(|text| text.parse().ok());
    snapshot.iter().map(|(key, stored)| (key.name.to_string(), weight(&stored.object).unwrap_or_default())).collect()
}
