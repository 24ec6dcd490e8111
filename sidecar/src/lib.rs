//! The Ferromesh sidecar agent: stands beside a workload, runs its Envoy and keeps that configured.
//!
//! - [`args`], [`config`]: the command line as typed, and what it means.
//! - [`bootstrap`]: what Envoy must know before it can ask (pure).
//! - [`envoy`], [`launch`]: Envoy's process: started, watched, drained, never left behind.
//! - [`relay`], [`cache`], [`modules`]: configuration from ferrod to Envoy, also while ferrod is away.
//! - [`probes`]: whether the application is well.
//! - [`dns`]: names of the mesh for the application.
//! - [`app`]: all of it put together, with metrics and status pages.

mod accept;
pub mod app;
pub mod args;
pub mod bootstrap;
pub mod cache;
pub mod config;
pub mod dns;
pub mod envoy;
mod http;
pub mod launch;
mod metrics;
pub mod modules;
pub mod probes;
pub mod relay;
mod status;
