//! Protos of our own, for what xDS has no type for. The code under here is generated from `proto/`; the test
//! `generated` makes it anew and compares.

/// The package `ferromesh.v1`.
#[rustfmt::skip]
#[expect(clippy::too_many_lines, reason = "generated")]
pub mod v1;

/// The version of what agent and ferrod say to each other: node metadata, resource types of our own, side services.
///
/// Raised when one side may send something an older other side would misread. A side that meets a lower number keeps to
/// the lower one; a higher number is answered with our own. Only neighbours are kept compatible, see [`speaks_with`].
pub const PROTOCOL_VERSION: u32 = 1;

/// Whether a side of our version serves one of another: the versions before and after, so that either side of a mesh can
/// be upgraded first.
pub const fn speaks_with(other: u32) -> bool {
    PROTOCOL_VERSION.abs_diff(other) <= 1
}
