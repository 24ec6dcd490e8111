//! The part of the proxy-wasm ABI 0.2.1 that our filters use, as safe Rust.
//!
//! Why not the public SDK: its dispatcher exports every callback, and the host pays a crossing (0.4-0.7 us) for each
//! callback a module exports, whether or not it does anything. Here a module exports the six functions it needs.
//!
//! * [`host`]: calls into Envoy. Values come back through a small static arena and are lent to a closure, so that
//!   reading a property allocates nothing.
//! * [`Module`] and [`export!`]: what Envoy calls. The macro emits the exported symbols in the module's crate, which
//!   therefore contains no unsafe code of its own.
//!
//! Everything assumes what Wasm guarantees: one VM is one thread. Natively this crate is only ever type-checked.

pub mod host;
mod memory;
mod module;

pub use memory::allocate;
pub use module::{ContextId, Module, Refusal, configure, context_create};
