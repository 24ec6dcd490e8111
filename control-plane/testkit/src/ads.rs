//! A scripted xDS client over a real socket: says exactly what a test tells it to, and nothing by itself.
//!
//! It knows nothing of our server, so the same test can be pointed at any other.

mod connect;
mod delta;
mod service;
mod sotw;
mod stream;

pub use connect::Address;
pub use delta::{DeltaClient, DeltaResponse};
pub use service::Service;
pub use sotw::{SotwClient, SotwResponse};
pub use stream::{PATIENCE, Stamp};
