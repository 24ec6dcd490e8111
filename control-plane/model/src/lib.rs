//! Typed, validated mesh policy and the immutable index over it.
//!
//! ```text
//! text ──► document::parse ──► Object (typed) + Diagnostic ──► Mesh::apply ──► queries
//! ```

#![deny(missing_docs)]

mod context;
pub mod corpus;
pub mod diagnostic;
pub mod document;
mod fields;
pub mod istio;
pub mod kube;
pub mod mesh;
pub mod mesh_config;
mod node;
pub mod object;
mod validate;
mod yaml;

pub use diagnostic::{Diagnostic, Location, Severity};
pub use mesh_config::MeshConfig;
pub use object::{Change, Object, ObjectKey, ObjectKind, ObjectMeta, Spec, Timestamp};
pub use yaml::Limits;
