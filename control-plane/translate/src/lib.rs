//! Pure translation of mesh and proxy into Envoy resources
