//! One place for the wire types of Ferromesh.
//!
//! Envoy's protos come from the `envoy-types` crate and are re-exported as [`envoy`]; the few it lacks are our own. On
//! top stand the resource kinds xDS carries ([`Kind`]) and an encoded, hashed, shareable resource ([`Resource`]).

// No `deny`: the test that generates code is in this crate and must run before what it makes is complete. CI denies.
#![warn(missing_docs)]

mod canonical;
pub mod ferromesh;
#[cfg(feature = "json")]
pub mod json;
mod kind;
pub mod node;
mod resource;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod wkt;

pub use canonical::encode;
pub use envoy_types::pb as envoy;
pub use ferromesh::{PROTOCOL_VERSION, speaks_with};
pub use kind::Kind;
pub use resource::Resource;
