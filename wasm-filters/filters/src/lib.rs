//! The Wasm module Envoy loads
