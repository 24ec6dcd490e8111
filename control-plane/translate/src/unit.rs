//! Units: the pieces in which a view is translated again.

use std::collections::BTreeSet;
use std::sync::Arc;

use ferro_model::mesh::HostPattern;

/// A piece of a view that is translated as a whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Unit {
    /// What no service changes: fixed clusters, catch-all listeners, the filters' configuration.
    Fixed,
    /// The clusters of one service.
    Clusters(Arc<str>),
    /// The endpoints of one service.
    Endpoints(Arc<str>),
    /// The virtual hosts of one host, in every route configuration where it occurs.
    VirtualHosts(Arc<str>),
    /// The listeners of one service port number, and the route configuration behind them.
    Port(u16),
    /// The listeners that one service has for itself: those at its own addresses.
    Listeners(Arc<str>),
    /// The entry of one host in the name table.
    Name(Arc<str>),
}

/// What of a view has to be translated again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dirty {
    pub(crate) everything: bool,
    pub(crate) units: BTreeSet<Unit>,
    /// Hosts whose definition as a destination changed: whatever routes to them is dirty too.
    pub(crate) destinations: BTreeSet<Arc<str>>,
    /// All virtual hosts that one of these covers.
    pub(crate) routes: BTreeSet<HostPattern>,
    /// All listeners of services that one of these covers.
    pub(crate) l4: BTreeSet<HostPattern>,
    /// All services that one of these covers.
    pub(crate) services: BTreeSet<HostPattern>,
}

impl Dirty {
    /// The whole view.
    pub fn everything() -> Self {
        Self { everything: true, ..Self::default() }
    }

    /// Whether nothing has to be translated again.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what another change made dirty.
    pub fn merge(&mut self, other: Self) {
        self.everything |= other.everything;
        self.units.extend(other.units);
        self.destinations.extend(other.destinations);
        self.routes.extend(other.routes);
        self.l4.extend(other.l4);
        self.services.extend(other.services);
    }
}

impl Unit {
    /// Everything that is made of one service.
    pub(crate) fn of_service(host: &Arc<str>) -> [Self; 5] {
        [
            Self::Clusters(Arc::clone(host)),
            Self::Endpoints(Arc::clone(host)),
            Self::VirtualHosts(Arc::clone(host)),
            Self::Listeners(Arc::clone(host)),
            Self::Name(Arc::clone(host)),
        ]
    }
}
