//! What every long-running process of Ferromesh needs and no mesh noun touches.
//!
//! - [`signal`]: SIGTERM and SIGINT become a cancellation token.
//! - [`supervise`]: essential tasks; one that ends, ends the process with its name and reason.
//! - [`drain`]: guards held by work in flight; the owner waits until they are dropped.
//! - [`readiness`]: named guards held by what is not ready yet.
//! - [`backoff`]: exponential waits with full jitter.
//! - [`clock`]: time as a value that is handed in.
//! - [`telemetry`]: one way to set up logs.

pub mod backoff;
pub mod clock;
pub mod drain;
pub mod readiness;
pub mod signal;
pub mod supervise;
pub mod telemetry;

pub use tokio_util::sync::CancellationToken;
