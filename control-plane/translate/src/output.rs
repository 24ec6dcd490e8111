//! What the translation of one unit yields.

use std::collections::BTreeSet;
use std::sync::Arc;

use ferro_model::mesh::Precedence;
use ferro_model::object::ObjectKey;
use ferro_xds_protos::{Kind, Resource};
use prost::Message;

use crate::finding::{Code, Finding};
use crate::tables::{HostPart, Shell};

/// What the translation of one unit yields.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// Whole resources.
    pub(crate) resources: Vec<Claimed>,
    /// Virtual hosts, for tables that may be another unit's.
    pub(crate) hosts: Vec<HostPart>,
    /// Route configurations without their virtual hosts.
    pub(crate) shells: Vec<Shell>,
    /// What has to be said about it.
    pub(crate) findings: Vec<Finding>,
    /// The hosts of other services that went into it.
    pub(crate) destinations: BTreeSet<Arc<str>>,
}

/// A resource, and who asks for its name. Of several units that want one name the oldest owner's gets it.
#[derive(Clone, Debug)]
pub(crate) struct Claimed {
    pub(crate) kind: Kind,
    pub(crate) resource: Resource,
    /// `None` where no other unit can want the name.
    pub(crate) owner: Option<Owner>,
}

/// Who asks for a name or a domain: ordered by age, so that the first of a set wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner {
    pub(crate) precedence: Precedence,
    pub(crate) object: ObjectKey,
}

impl Output {
    /// Adds a resource whose name only this unit uses.
    pub(crate) fn put<M: Message>(&mut self, kind: Kind, name: &str, message: &M) {
        self.resources.push(Claimed { kind, resource: Resource::encode(kind, name, message), owner: None });
    }

    /// Adds a resource whose name other units may want as well.
    pub(crate) fn claim<M: Message>(&mut self, kind: Kind, name: &str, owner: Owner, message: &M) {
        self.resources.push(Claimed { kind, resource: Resource::encode(kind, name, message), owner: Some(owner) });
    }

    /// Adds a finding about an object.
    pub(crate) fn find(
        &mut self,
        code: Code,
        object: &ObjectKey,
        field: impl Into<String>,
        message: impl Into<String>,
    ) {
        self.findings.push(Finding {
            code,
            object: Some(object.clone()),
            field: field.into(),
            message: message.into(),
        });
    }

    /// Whether the unit yields nothing, and need not be remembered.
    pub(crate) fn is_empty(&self) -> bool {
        self.resources.is_empty()
            && self.hosts.is_empty()
            && self.shells.is_empty()
            && self.findings.is_empty()
            && self.destinations.is_empty()
    }
}
