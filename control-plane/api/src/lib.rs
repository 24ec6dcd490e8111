//! The JSON of ferrod's admin API, one definition for the server and its clients.
//!
//! ```text
//! GET    /ready                                 200 when the first revision is served
//! GET    /api/v1/version                        Version
//! POST   /api/v1/apply?dryRun=&force=           YAML in, ApplyResponse out; 409 on a conflict, 422 on a refusal
//! GET    /api/v1/objects?kind=&namespace=&name= Vec<Object>
//! GET    /api/v1/objects/{kind}/{ns}/{name}     Object; `-` stands for "no namespace"
//! DELETE /api/v1/objects/{kind}/{ns}/{name}?resourceVersion=
//! GET    /api/v1/proxies                        Vec<ProxyStatus>
//! GET    /api/v1/revisions                      Vec<Revision>
//! GET    /api/v1/diagnostics                    Vec<Value>: the current diagnostics of every source
//! GET    /debug/syncz                           Vec<ProxyStatus>
//! GET    /debug/timeline                        Timeline of the newest revision
//! GET    /debug/config_dump?proxyID=            every resource as that proxy gets it, as proto JSON
//! ```

mod figure;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use figure::Figure;

/// What a server is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// The program: `ferrod`.
    pub component: String,
    /// Its release.
    pub version: String,
    /// The version of the agent protocol it speaks.
    pub protocol: u32,
    /// The version of the store's format.
    pub store_format: u32,
}

/// What became of the documents of one apply.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplyResponse {
    /// The revision in force afterwards.
    pub revision: u64,
    /// One entry a document, in the order of the documents.
    pub objects: Vec<Applied>,
    /// Everything worth telling, errors first.
    pub diagnostics: Vec<Value>,
    /// The same as lines a person reads.
    pub messages: Vec<String>,
}

/// One document of an apply.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// `VirtualService shop/product`.
    pub object: String,
    /// What happened to it.
    pub outcome: Outcome,
}

/// What happened to one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It did not exist before.
    Created,
    /// It replaced an older version.
    Configured,
    /// It says what was said before.
    Unchanged,
    /// It is gone.
    Deleted,
    /// It was not taken; the diagnostics say why.
    Refused,
    /// Its kind is not supported yet.
    Unsupported,
}

/// One object of the store.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// The kind, as in the YAML.
    pub kind: String,
    /// Empty for kinds without namespace.
    pub namespace: String,
    /// The name within the namespace.
    pub name: String,
    /// `api`, `file:<path>` or `registration:<node>`.
    pub owner: String,
    /// The revision of its last change: pass it back for optimistic concurrency.
    pub resource_version: u64,
    /// Milliseconds since 1970, the key of "oldest wins".
    pub created_ms: u64,
    /// The document as it was given.
    pub text: String,
}

/// One revision of the store, newest first in lists.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// Its number.
    pub revision: u64,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// Who made it: the owner of its changes.
    pub author: String,
    /// `applied VirtualService shop/product`, ...
    pub changes: Vec<String>,
}

/// One connected proxy.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxyStatus {
    /// The node id.
    pub id: String,
    /// `name.namespace`, the short form people type.
    pub name: String,
    /// `sidecar` or `router`.
    pub proxy_type: String,
    /// What the proxy says it runs.
    pub version: String,
    /// `delta` or `sotw`.
    pub protocol: String,
    /// The version of the agent protocol it says it speaks; 0 if it says none.
    #[serde(default)]
    pub agent_protocol: u32,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Seconds since it connected.
    pub connected_s: u64,
    /// How old the cache is that it runs with, in seconds; absent once it has acknowledged everything it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_age_seconds: Option<u64>,
    /// By short type name: `CDS`, `EDS`, ...
    pub types: BTreeMap<String, TypeStatus>,
}

/// The state of one resource type of one proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TypeStatus {
    /// `SYNCED`, `STALE` (sent, not yet acknowledged), `NACKED`, `NOT SENT`.
    pub state: String,
    /// Resources the proxy holds of this type.
    pub resources: usize,
    /// The nonce sent last.
    pub sent: String,
    /// The nonce acknowledged last.
    pub acked: String,
    /// The proxy's words for its last refusal, while it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nack: Option<String>,
}

/// The body of every answer that is not 2xx.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// What went wrong and what to do next.
    pub error: String,
    /// The diagnostics behind it, if any.
    #[serde(default)]
    pub diagnostics: Vec<Value>,
}

/// How the newest revision travelled; times in microseconds since 1970, 0 while a stage was not reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    /// Its number.
    pub revision: u64,
    /// When its changes left the store: read, parsed, committed.
    pub committed_us: u64,
    /// When every view it touches was translated and published.
    pub published_us: u64,
    /// When the last response so far was handed to the transport.
    pub last_sent_us: u64,
    /// When the last acknowledgement so far came in.
    pub last_acked_us: u64,
    /// Responses sent since it was published.
    pub sent: u64,
    /// Responses acknowledged since.
    pub acked: u64,
    /// Responses refused since.
    pub refused: u64,
    /// Bytes sent since.
    pub bytes: u64,
}

impl Timeline {
    /// A response was handed to the transport at `now`.
    pub fn note_sent(&mut self, bytes: u64, now: u64) {
        self.last_sent_us = now;
        self.sent += 1;
        self.bytes += bytes;
    }

    /// A response was acknowledged at `now`.
    pub fn note_acked(&mut self, now: u64) {
        self.last_acked_us = now;
        self.acked += 1;
    }

    /// A response was refused.
    pub fn note_refused(&mut self) {
        self.refused += 1;
    }
}
