//! A thin binding of the proxy-wasm ABI
