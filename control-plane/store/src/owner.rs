//! Who an object belongs to. One object has one owner, and only the owner's family may change it.

use std::{fmt, str::FromStr, sync::Arc};

#[cfg(test)]
mod tests;

/// The source that an object comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// A policy file, by its absolute path: `file:/etc/mesh/shop.yaml`.
    File(Arc<str>),
    /// Somebody who called the API.
    Api,
    /// A workload that registered itself, by its node id.
    Registration(Arc<str>),
}

/// Sources that may hand an object to each other: a document that moves to another file keeps its creation time, while
/// the API never takes an object from a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Policy files.
    File,
    /// The API.
    Api,
    /// Registered workloads: the newest registration of a name wins, as its node has taken over the address.
    Registration,
}

/// A text that names no owner.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no owner: expected `api`, `file:<path>` or `registration:<node id>`")]
pub struct InvalidOwner(String);

// === impl Owner ===

impl Owner {
    /// The family this owner is of.
    pub fn family(&self) -> Family {
        match self {
            Self::File(_) => Family::File,
            Self::Api => Family::Api,
            Self::Registration(_) => Family::Registration,
        }
    }

    /// The path of the file, for a file owner.
    pub fn file(&self) -> Option<&Arc<str>> {
        match self {
            Self::File(path) => Some(path),
            Self::Api | Self::Registration(_) => None,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "file:{path}"),
            Self::Api => formatter.write_str("api"),
            Self::Registration(node) => write!(formatter, "registration:{node}"),
        }
    }
}

impl FromStr for Owner {
    type Err = InvalidOwner;

    fn from_str(text: &str) -> Result<Self, InvalidOwner> {
        match text.split_once(':') {
            Some(("file", path)) => Ok(Self::File(path.into())),
            Some(("registration", node)) => Ok(Self::Registration(node.into())),
            None if text == "api" => Ok(Self::Api),
            Some(_) | None => Err(InvalidOwner(text.to_owned())),
        }
    }
}
