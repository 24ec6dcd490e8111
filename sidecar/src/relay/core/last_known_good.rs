//! The last known good: when it is served, and when it is written.

use std::{sync::Arc, time::Duration};

use ferro_xds::client::ClientSession;
use ferro_xds_protos::{Kind, Resource};
use tokio::time::Instant;

use super::{Core, Upstream, envoy_kinds};

/// Envoy has named all it wants when it has asked for nothing new for this long.
pub(super) const QUIET: Duration = Duration::from_secs(2);
/// The cache is not written more often than this.
pub(super) const SAVE_INTERVAL: Duration = Duration::from_secs(1);

/// Where content that nobody was offered yet comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// An earlier process wrote it. It was good for an Envoy that may be long gone: ferrod is given time to answer.
    Disk { unix_millis: u64 },
    /// The Envoy before this one ran with it, a moment ago.
    Memory { unix_millis: u64 },
}

/// When the cache is written.
#[derive(Debug, Default)]
pub(super) struct Saving {
    /// Once Envoy had everything it asked for. Before that, the file of the last run is the better one.
    pub(super) complete: bool,
    pub(super) dirty: bool,
    last: Option<Instant>,
}

// === impl Core ===

impl Core {
    /// Takes in the file that an earlier process wrote.
    pub(in crate::relay) fn load(
        &mut self,
        session: &mut ClientSession,
        unix_millis: u64,
        resources: Vec<(Kind, Resource)>,
    ) {
        self.cold = Some(Origin::Disk { unix_millis });
        for (kind, resource) in resources {
            let name = Arc::clone(resource.name());
            self.table(kind).load(resource);
            if kind == Kind::NameTable {
                self.record(session, kind, &[name]);
            }
        }
    }

    /// When [`Core::fill`] is due.
    pub(in crate::relay) fn fill_at(&self) -> Option<Instant> {
        let origin = self.cold?;
        match (&self.upstream, &self.envoy, origin) {
            (Upstream::Down { silent, .. }, _, Origin::Disk { .. }) => Some(*silent + self.patience),
            (Upstream::Down { silent, .. }, Some(_), Origin::Memory { .. }) => Some(*silent),
            (Upstream::Up { since, .. } | Upstream::Reopening { since }, Some(envoy), _)
                if !self.served.of(Kind::Cluster).answered() =>
            {
                Some(envoy.opened.max(*since) + self.patience)
            }
            _ => None,
        }
    }

    /// Serves what was last known to be good, where ferrod has said nothing.
    pub(in crate::relay) fn fill(&mut self, session: &mut ClientSession) {
        let Some(Origin::Disk { unix_millis } | Origin::Memory { unix_millis }) = self.cold else { return };
        self.cold = None;
        let mut filled = 0;
        for kind in Kind::ALL {
            let outcome = self.table(kind).fill();
            filled += outcome.updates.len();
            self.carry_out(session, kind, outcome);
            if !self.served.of(kind).is_empty() {
                self.answered(kind);
            }
        }
        if filled > 0 {
            tracing::warn!(resources = filled, "ferrod does not answer: serving the last known good configuration");
            self.served_from_cache = Some(unix_millis);
            self.counters.cache_fills += 1;
        }
    }

    /// When [`Core::save`] may be due.
    pub(in crate::relay) fn save_at(&self) -> Option<Instant> {
        if self.saving.complete {
            return self.saving.last.filter(|_| self.saving.dirty).map(|last| last + SAVE_INTERVAL);
        }
        let known = |kind: Kind| self.served.of(kind).answered();
        match (&self.upstream, &self.envoy) {
            (Upstream::Up { since, .. }, Some(envoy)) if known(Kind::Cluster) && known(Kind::Listener) => {
                Some(envoy.asked.max(*since) + QUIET)
            }
            _ => None,
        }
    }

    /// The content to write now, if it is time. Clears away what nobody needs any more.
    pub(in crate::relay) fn save(
        &mut self,
        session: &mut ClientSession,
        now: Instant,
    ) -> Option<Vec<(Kind, Vec<Resource>)>> {
        if self.save_at().is_none_or(|at| now < at) || (!self.saving.complete && !self.is_complete(session)) {
            return None;
        }
        for kind in Kind::ALL {
            let spare = self.table(kind).spare(session.interest(kind));
            let outcome = self.table(kind).dropped(spare);
            self.carry_out(session, kind, outcome);
        }
        if !self.saving.complete {
            self.cold = None;
            self.served_from_cache = None;
        }
        self.saving = Saving { complete: true, dirty: false, last: Some(now) };
        Some(self.good())
    }

    /// Whether everything Envoy has accepted was written.
    pub(in crate::relay) fn is_saved(&self) -> bool {
        self.saving.complete && !self.saving.dirty
    }

    /// The content could not be written; it is due again.
    pub(in crate::relay) fn save_failed(&mut self) {
        self.saving.dirty = true;
    }

    fn good(&self) -> Vec<(Kind, Vec<Resource>)> {
        let sections = Kind::ALL.into_iter().zip(&self.tables).map(|(kind, table)| (kind, table.good()));
        sections.filter(|(_, resources)| !resources.is_empty()).collect()
    }

    /// Whether Envoy has been told all it asked for, and has judged it.
    fn is_complete(&self, session: &ClientSession) -> bool {
        envoy_kinds().all(|kind| {
            let table = &self.tables[kind.index()];
            table.undecided() == 0 && session.interest(kind).names.iter().all(|name| table.is_served(name))
        })
    }
}
