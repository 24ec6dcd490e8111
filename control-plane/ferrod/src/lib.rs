//! The Ferromesh control plane.
//!
//! ```text
//! files, API, registrations ──► store ──► control (mesh ─► translate ─► views) ──► xDS sessions
//! ```

pub mod api;
pub mod app;
pub mod args;
pub mod control;
mod convergence;
pub mod entry;
pub mod metrics;
pub mod modules;
mod node;
pub mod pipeline;
pub mod registration;
mod status;
pub mod tasks;
#[cfg(test)]
mod testing;
