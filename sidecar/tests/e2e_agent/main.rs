//! The agent as a process, with a real Envoy, an application and a scripted ferrod.

mod fake_ferrod;
mod mesh;
mod metrics;
mod names;
mod probes;
mod process;
mod resources;
