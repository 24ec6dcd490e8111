//! What this repository promises about itself, checked: rules that no compiler and no linter knows.
//!
//! A broken rule is listed with the file it is broken in; all of them at once. The rules read the tree as it would be
//! committed: what git tracks, and what it would add.

mod crates;
mod files;
mod habits;
mod modules;
mod packages;
mod picture;
mod repository;

/// Fails with every violation on a line of its own.
fn hold(rule: &str, violations: &[String]) {
    assert!(violations.is_empty(), "{rule}:\n  {}", violations.join("\n  "));
}
