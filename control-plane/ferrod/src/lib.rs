//! The Ferromesh control plane
