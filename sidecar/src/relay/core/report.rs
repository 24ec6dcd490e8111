use ferro_xds::{Item, client::ClientSession};
use ferro_xds_protos::Kind;

use super::{Core, Upstream};
use crate::relay::status::{KindStatus, LastNack, UpstreamStatus};

/// How many names a NACK is remembered with.
const NAMES_KEPT: usize = 20;

/// What happened since the agent started.
#[derive(Debug, Default)]
pub(in crate::relay) struct Counters {
    pub(in crate::relay) connects: u64,
    pub(in crate::relay) cache_fills: u64,
    pub(in crate::relay) module_failures: u64,
    nacks: [u64; Kind::ALL.len()],
    last_nacks: [Option<LastNack>; Kind::ALL.len()],
}

// === impl Counters ===

impl Counters {
    pub(super) fn nacked(&mut self, kind: Kind, items: &[Item], reason: &str) {
        let names = items.iter().take(NAMES_KEPT).map(|item| item.name.to_string()).collect();
        self.nacks[kind.index()] += 1;
        self.last_nacks[kind.index()] = Some(LastNack { names, reason: reason.to_owned() });
    }
}

// === impl Core ===

impl Core {
    pub(in crate::relay) fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(in crate::relay) fn envoy_connected(&self) -> bool {
        self.envoy.is_some()
    }

    #[cfg(test)]
    pub(in crate::relay) fn envoy_stream(&self) -> Option<ferro_xds::StreamId> {
        self.envoy.as_ref().map(|envoy| envoy.id)
    }

    #[cfg(test)]
    pub(in crate::relay) fn undecided(&self) -> usize {
        self.tables.iter().map(super::Table::undecided).sum()
    }

    /// The time from which the configuration is that Envoy is served from the cache, in milliseconds since 1970.
    pub(in crate::relay) fn served_from_cache(&self) -> Option<u64> {
        self.served_from_cache
    }

    pub(in crate::relay) fn upstream_status(&self) -> UpstreamStatus {
        let connects = self.counters.connects;
        match &self.upstream {
            Upstream::Up { unix_millis, .. } => {
                UpstreamStatus { connected_since_unix_millis: Some(*unix_millis), error: None, connects }
            }
            Upstream::Down { reason, .. } => {
                UpstreamStatus { connected_since_unix_millis: None, error: Some(reason.clone()), connects }
            }
            Upstream::Reopening { .. } => UpstreamStatus { connected_since_unix_millis: None, error: None, connects },
        }
    }

    pub(in crate::relay) fn kind_statuses(&self, session: &ClientSession) -> Vec<KindStatus> {
        let asked = |kind: &Kind| {
            let interest = session.interest(*kind);
            interest.wildcard || !interest.names.is_empty()
        };
        Kind::ALL.into_iter().filter(asked).map(|kind| self.kind_status(session, kind)).collect()
    }

    fn kind_status(&self, session: &ClientSession, kind: Kind) -> KindStatus {
        let interest = session.interest(kind);
        let table = &self.tables[kind.index()];
        let served = self.served.of(kind);
        KindStatus {
            kind: kind.short(),
            wildcard: interest.wildcard,
            names: interest.names.len(),
            resources: if kind == Kind::NameTable { self.names.len() } else { served.len() },
            version: format!("{:032x}", served.digest()),
            accepted: table.accepted(),
            refused: table.refusals(),
            undecided: table.undecided(),
            nacks: self.counters.nacks[kind.index()],
            last_nack: self.counters.last_nacks[kind.index()].clone(),
        }
    }
}
