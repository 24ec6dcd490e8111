//! Test support: builders, a scripted ADS client, an Envoy runner

pub mod ads;
#[cfg(feature = "builders")]
pub mod builders;
pub mod envoy;
