//! What the agent asks of Envoy's admin interface.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Method, StatusCode};

use crate::http::{ClientError, fetch, request};

#[cfg(test)]
mod tests;

/// The longest answer to any question asked here.
const MAX_ANSWER: usize = 1 << 20;

/// How long Envoy's main thread may take.
const LIMIT: Duration = Duration::from_secs(5);

/// The admin interface of one Envoy.
#[derive(Clone, Copy, Debug)]
pub struct Admin {
    address: SocketAddr,
}

/// Why Envoy gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The question could not be written.
    #[error("{path} is no valid path")]
    Request {
        /// The path.
        path: String,
        /// Why.
        #[source]
        reason: http::Error,
    },
    /// No answer came.
    #[error("Envoy's admin interface at {address}")]
    Unreachable {
        /// Where it was looked for.
        address: SocketAddr,
        /// Why.
        #[source]
        reason: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer was a refusal.
    #[error("Envoy answered {status} to {path}")]
    Refused {
        /// The path.
        path: String,
        /// The status.
        status: StatusCode,
    },
}

/// Whether Envoy serves, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// It has everything it waited for, and serves.
    Live,
    /// It does not serve; the state's name in Envoy's words.
    Other(String),
}

// === impl Admin ===

impl Admin {
    /// The admin interface at `address`.
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Whether Envoy serves.
    ///
    /// # Errors
    /// When Envoy does not answer.
    pub async fn state(&self) -> Result<ServerState, AdminError> {
        let (status, body) = self.ask(Method::GET, "/ready").await?;
        if status == StatusCode::OK {
            return Ok(ServerState::Live);
        }
        Ok(ServerState::Other(String::from_utf8_lossy(&body).trim().to_owned()))
    }

    /// Whether clusters and listeners were accepted at least once and workers run.
    ///
    /// Being live is not enough: Envoy is live too when the first answer was one it had to refuse.
    ///
    /// # Errors
    /// When Envoy does not answer.
    pub async fn is_configured(&self) -> Result<bool, AdminError> {
        let stats = self
            .stats("%5E(listener_manager.lds.update_success%7Ccluster_manager.cds.update_success%7Clistener_manager.workers_started)%24")
            .await?;
        Ok(stats.len() == 3 && stats.iter().all(|(_, value)| *value > 0))
    }

    /// Connections of clients, without those of the listeners for operators.
    ///
    /// # Errors
    /// When Envoy does not answer.
    pub async fn active_connections(&self, stats_port: u16) -> Result<u64, AdminError> {
        let stats = self.stats("%5Elistener%5C..*_%5B0-9%5D%2B%5C.downstream_cx_active%24").await?;
        Ok(of_clients(&stats, stats_port))
    }

    /// Begins to close connections as their requests finish; new ones are accepted until Envoy ends.
    ///
    /// # Errors
    /// When Envoy does not answer or refuses.
    pub async fn drain_listeners(&self) -> Result<(), AdminError> {
        let path = "/drain_listeners?graceful&skip_exit";
        self.ask(Method::POST, path).await.and_then(|(status, _)| accepted(path, status))
    }

    /// Stats whose name matches a percent-encoded regular expression.
    async fn stats(&self, filter: &str) -> Result<Vec<(String, u64)>, AdminError> {
        let path = format!("/stats?filter={filter}");
        let (status, body) = self.ask(Method::GET, &path).await?;
        accepted(&path, status)?;
        Ok(parse_stats(&String::from_utf8_lossy(&body)))
    }

    async fn ask(&self, method: Method, path: &str) -> Result<(StatusCode, Bytes), AdminError> {
        let request = request(method, &self.address.to_string(), path)
            .map_err(|reason| AdminError::Request { path: path.to_owned(), reason })?;
        fetch(self.address, request, MAX_ANSWER, LIMIT)
            .await
            .map_err(|reason: ClientError| AdminError::Unreachable { address: self.address, reason: reason.into() })
    }
}

fn accepted(path: &str, status: StatusCode) -> Result<(), AdminError> {
    if status.is_success() { Ok(()) } else { Err(AdminError::Refused { path: path.to_owned(), status }) }
}

/// The sum of gauges named `listener.<address>_<port>[.worker_<n>].downstream_cx_active`, without those of a port.
fn of_clients(stats: &[(String, u64)], own_port: u16) -> u64 {
    let own = format!("_{own_port}.");
    stats.iter().filter(|(name, _)| !name.contains(&own)).map(|(_, value)| value).sum()
}

/// Lines of `name: number`; histograms and text are passed over.
fn parse_stats(text: &str) -> Vec<(String, u64)> {
    text.lines()
        .filter_map(|line| {
            let (name, value) = line.rsplit_once(": ")?;
            Some((name.to_owned(), value.trim().parse().ok()?))
        })
        .collect()
}
