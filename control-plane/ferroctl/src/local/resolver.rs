//! Who resolves names inside a network namespace.
//!
//! The application asks its sidecar: whatever resolver it asks, the question is captured. The agent asks the resolvers of the
//! machine about names outside the mesh. That works where one of them can be reached from the namespace: one that listens
//! on an address of this machine other than loopback always, one elsewhere if this machine forwards and masquerades.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// systemd-resolved names only its own stub on loopback in the usual place; here are the resolvers that it asks.
const BEHIND_STUB: &str = "/run/systemd/resolve/resolv.conf";

/// Writes the `resolv.conf` of a namespace: `ip netns exec` shows it to whoever runs inside.
pub(super) fn write_for_application(folder: &Path, namespace: &str) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("resolv.conf"), for_application(namespace))
        .context("cannot write the namespace's resolv.conf")
}

/// As a pod's: short names are completed in the workload's own namespace first.
pub(super) fn for_application(namespace: &str) -> String {
    format!(
        "nameserver 127.0.0.1\nsearch {namespace}.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5 timeout:2\n"
    )
}

/// Writes down the machine's resolvers where agents look for them.
pub(super) fn write_for_agents(path: &Path) -> Result<()> {
    let usual = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let behind = fs::read_to_string(BEHIND_STUB).ok();
    let text = reachable(&usual, behind.as_deref());
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// The list that a namespace has a chance with: loopback is another one in there.
fn reachable<'a>(usual: &'a str, behind_stub: Option<&'a str>) -> &'a str {
    let mut servers = usual.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    let only_loopback = servers.all(|server| server.trim().starts_with("127."));
    behind_stub.filter(|_| only_loopback).unwrap_or(usual)
}

#[cfg(test)]
mod tests;
