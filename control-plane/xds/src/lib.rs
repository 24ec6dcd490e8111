//! xDS as Ferromesh speaks it: what clients should have ([`Snapshot`]), the protocol without sockets or clocks
//! ([`session`]), the gRPC server around it ([`server`]), and the client's side ([`client`]).
//!
//! The rules cited by number throughout are those of the conformance checklist; each has a test of that number in
//! `tests/`.

#![deny(missing_docs)]

pub mod client;
mod event;
mod interest;
mod limits;
pub mod server;
pub mod session;
mod snapshot;
mod source;
mod status;

pub use event::{Closed, HEALTH_TYPE_URL, Item, SessionEvent, StreamId, StreamScope, Variant, What};
pub use interest::Interest;
pub use limits::Limits;
pub use snapshot::{Coverage, Lookup, ResourceSet, Snapshot, TypeSet, Update};
pub use source::{Attachment, Refusal, SharedView, Source};
pub use status::{KindStatus, Nack, Sent, SessionStatus};
