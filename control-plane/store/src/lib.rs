//! Versioned, journaled store of policy objects, and the sources that feed it.
//!
//! ```text
//! source/file ──┐                                    ┌──► watch: snapshots ──► feed: changes for the mesh
//! API ──────────┼─ Transaction ─► writer ─► disk ────┤
//! registration ─┘   (bounded      (plan: pure,       └──► answer: Committed, or the conflict
//!                    queue)        one fsync a group)
//! ```
//! - [`Store`] is the handle: open, commit, snapshot, feed, history, addresses.
//! - An object has one [`owner::Owner`]; the API cannot change what a file says.
//! - A [`Revision`] is durable before anybody sees it, and a restart comes back with the same one.
//! - [`source::file::FileSource`] follows folders of YAML.

pub mod address;
mod disk;
pub mod feed;
pub mod journal;
pub mod owner;
mod record;
pub mod revision;
pub mod snapshot;
pub mod source;
mod store;
#[cfg(test)]
mod testing;
pub mod transaction;
mod writer;

pub use disk::{DiskError, OpenError, Retention, format::STORE_FORMAT};
pub use revision::Revision;
pub use snapshot::Snapshot;
pub use store::{Store, StoreOptions, Unserved};
pub use writer::CommitError;
