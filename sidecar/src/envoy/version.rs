//! Which Envoy there is, from what `envoy --version` prints.

use std::{io, path::Path, process::Stdio, str::FromStr, time::Duration};

use serde::Serialize;
use tokio::{process::Command, time};

#[cfg(test)]
mod tests;

/// How long Envoy may take to say its version. It takes 50 ms on an idle machine.
const LIMIT: Duration = Duration::from_secs(20);

/// A release of Envoy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EnvoyVersion {
    /// The first number.
    pub major: u32,
    /// The second.
    pub minor: u32,
    /// The third.
    pub patch: u32,
}

/// Why the version is not known.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// The program did not run.
    #[error("it cannot be run")]
    Run(#[source] io::Error),
    /// The program said something else.
    #[error("`--version` printed `{0}`")]
    Unexpected(String),
}

/// Asks a program for its version.
pub(super) async fn ask(program: &Path) -> Result<EnvoyVersion, VersionError> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).kill_on_drop(true).output();
    let output = time::timeout(LIMIT, output).await.unwrap_or_else(|late| Err(late.into()));
    let text = String::from_utf8_lossy(&output.map_err(VersionError::Run)?.stdout).trim().to_owned();
    text.parse()
}

// === impl EnvoyVersion ===

impl EnvoyVersion {
    /// `1.40`: what decides whether cached configuration still fits.
    pub fn minor_version(self) -> String {
        format!("{}.{}", self.major, self.minor)
    }
}

impl std::fmt::Display for EnvoyVersion {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for EnvoyVersion {
    type Err = VersionError;

    /// Reads `<program>  version: <commit>/<version>/<state>/<type>/<library>`; `-dev` behind the version is passed
    /// over.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let build = text.split_once("version: ").map_or("", |(_, build)| build);
        let version = build.split('/').nth(1).map(|version| version.split('-').next().unwrap_or_default());
        let numbers: Option<Vec<u32>> =
            version.map(|version| version.split('.').map_while(|n| n.parse().ok()).collect());
        match numbers.as_deref() {
            Some([major, minor, patch]) => Ok(Self { major: *major, minor: *minor, patch: *patch }),
            _ => Err(VersionError::Unexpected(text.chars().take(200).collect())),
        }
    }
}
