//! xDS sessions, snapshots and server
