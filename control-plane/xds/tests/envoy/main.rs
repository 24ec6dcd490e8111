//! The rules about how Envoy itself behaves (`M1` to `M15`), as far as the server leans on them: a real Envoy against a
//! real server. A missing Envoy fails these tests.

mod boot;
mod change;
mod hosts;
mod load;
mod proxy;
mod refusal;
mod resources;
mod rig;
