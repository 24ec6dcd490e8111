//! ferrod in this process: what its ports say, and whom it serves.

mod body;
mod diagnostics;
mod dump;
mod metrics;
mod protocol;
mod registration;
mod rig;
