//! Between what the store serves and what it writes.

use std::sync::Arc;

use ferro_model::{
    Limits, document,
    mesh::AddressKey,
    object::{Object, ObjectKey, ObjectKind, Timestamp},
};

use crate::{
    disk::Record,
    owner::{InvalidOwner, Owner},
    snapshot::{ContentHash, Stored},
};

#[cfg(test)]
mod tests;

/// Why a stored object cannot be served. It stays in the file, and the next change of the object replaces it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidRecord {
    #[error("its key is not of the form Kind/namespace/name, or of an unknown kind")]
    Key,
    #[error(transparent)]
    Owner(#[from] InvalidOwner),
    #[error("its document is not accepted by this version: {0}")]
    Document(String),
}

/// `Kind/namespace/name`; the namespace is empty for kinds without one.
pub(crate) fn object_key(key: &ObjectKey) -> String {
    format!("{}/{}/{}", key.kind, key.namespace, key.name)
}

pub(crate) fn parse_object_key(text: &str) -> Option<ObjectKey> {
    let (kind, rest) = text.split_once('/')?;
    let (namespace, name) = rest.split_once('/')?;
    let kind: ObjectKind = kind.parse().ok()?;
    Some(ObjectKey { kind, namespace: namespace.into(), name: name.into() })
}

/// `namespace/host`.
pub(crate) fn address_key(key: &AddressKey) -> String {
    format!("{}/{}", key.namespace, key.host)
}

pub(crate) fn parse_address_key(text: &str) -> Option<AddressKey> {
    let (namespace, host) = text.split_once('/')?;
    Some(AddressKey { namespace: namespace.into(), host: host.into() })
}

pub(crate) fn from_stored(stored: &Stored) -> Record {
    Record {
        text: stored.object.source_text.to_string(),
        owner: stored.owner.to_string(),
        created: stored.object.meta.created.unix_millis(),
        hash: stored.hash.to_string(),
        version: stored.version,
    }
}

/// The object that `record` holds under `key`.
pub(crate) fn to_stored(key: &str, record: &Record) -> Result<(ObjectKey, Stored), InvalidRecord> {
    let key = parse_object_key(key).ok_or(InvalidRecord::Key)?;
    let owner = record.owner.parse::<Owner>()?;
    let mut object = read_object(&key, &record.text)?;
    // To the letter, as it is compared with what the sources say.
    object.source_text = record.text.as_str().into();
    object.meta.created = Timestamp::from_unix_millis(record.created);
    let stored =
        Stored { object: Arc::new(object), owner, version: record.version, hash: ContentHash::of(&record.text) };
    Ok((key, stored))
}

fn read_object(key: &ObjectKey, text: &str) -> Result<Object, InvalidRecord> {
    let parsed = document::parse("store", text, &Limits::default());
    let found = parsed.objects.into_iter().map(|(object, _)| object).find(|object| object.key == *key);
    found.ok_or_else(|| {
        let reasons: Vec<String> = parsed.diagnostics.iter().map(|diagnostic| diagnostic.message.clone()).collect();
        InvalidRecord::Document(reasons.join("; "))
    })
}
