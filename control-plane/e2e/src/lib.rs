//! Whole meshes of real processes for tests: ferrod, agents, Envoys and applications, as `ferroctl local up` starts them.
//!
//! A test describes its mesh with a [`Blueprint`], brings it [up](Blueprint::up) and owns it from then on as a [`Mesh`]:
//! files of policy to change, processes to kill and start again, [clients](Client) inside the mesh, and ferroctl. Whatever
//! happens to the test, the mesh's processes are gone when the [`Mesh`] is dropped; when the test fails, their logs are
//! printed first.
//!
//! Programs come from `$FERRO_DIST`, else from `dist/` of the workspace, where `make build` puts them.

mod blueprint;
mod client;
mod ctl;
mod dist;
mod lease;
mod load;
mod mesh;
mod process;
mod wait;

pub use blueprint::{Blueprint, HTTP_PROBE, Mode, SUBSETS};
pub use client::{Answer, Client};
pub use ctl::Ctl;
pub use load::{Load, Tally};
pub use mesh::{Mesh, Workload};
pub use wait::{PATIENCE, eventually, for_a_while, until};
