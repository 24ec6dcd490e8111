//! The Ferromesh sidecar agent
