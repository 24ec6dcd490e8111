//! The client's side of delta ADS: a pure session, and a thin runner that keeps one stream to a server alive.
//!
//! The caller decides when a response is accepted: the agent's relay does so only when Envoy has. Until then later
//! responses of other kinds flow on, and of the same kind too if the server sends them.

mod runner;
mod session;

pub use runner::{ClientEvent, Handle, Upstream, connect, run};
pub use session::{ClientSession, Received, Unusable};

pub use crate::Interest;
