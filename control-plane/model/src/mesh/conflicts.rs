//! What objects that are valid by themselves lose to each other, said aloud.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Mesh;
use super::destination;
use super::gateway::GatewayRef;
use super::routes::MeshVirtualService;
use super::service::Service;
use super::visibility::Visibility;
use crate::diagnostic::{Diagnostic, Location};
use crate::object::{ObjectKey, ObjectKind};

impl Mesh {
    /// What the objects in force lose to each other. Looks at all of them: for reports, not for every change.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let kinds = [ObjectKind::VirtualService, ObjectKind::DestinationRule, ObjectKind::ServiceEntry];
        let objects = kinds.into_iter().flat_map(|kind| self.objects_of(kind));
        objects.flat_map(|object| self.diagnostics_of(&object.key)).collect()
    }

    /// What one object loses to others: a delegate that does not fit its root, a host or a subset that another has already.
    pub fn diagnostics_of(&self, key: &ObjectKey) -> Vec<Diagnostic> {
        match key.kind {
            ObjectKind::VirtualService => {
                self.virtual_service(key).map(|route| self.lost_routes(route)).unwrap_or_default()
            }
            ObjectKind::DestinationRule => self.lost_subsets(key),
            ObjectKind::ServiceEntry => {
                self.services_of(key).iter().filter_map(|service| self.lost_service(service)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn lost_routes(&self, route: &MeshVirtualService) -> Vec<Diagnostic> {
        let mut found = route.diagnostics.clone();
        if !route.binds(&GatewayRef::Mesh) {
            return found;
        }
        for (index, host) in route.hosts.iter().enumerate() {
            let Some(winner) = self.routes.winner_over(route, host.as_str()) else { continue };
            let message = format!(
                "{host} is routed by {}, which comes first; these routes have no effect in the mesh: join the two",
                winner.key
            );
            found.push(lost("host-taken", &route.key, format!("spec.hosts[{index}]"), message));
        }
        found
    }

    fn lost_subsets(&self, key: &ObjectKey) -> Vec<Diagnostic> {
        let host = self.object(key).and_then(|object| destination::host_of(object, self.config()));
        let rules = host.map_or(&[][..], |host| self.destinations.of_host(&key.namespace, &host));
        let dropped = rules.iter().flat_map(|rule| rule.dropped_subsets.iter().map(move |dropped| (rule, dropped)));
        let own = dropped.filter(|(_, (source, _))| source == key);
        let named: BTreeSet<(&String, Option<&ObjectKey>)> =
            own.map(|(rule, (_, name))| (name, rule.sources.first())).collect();
        let message = |(name, leader): (&String, Option<&ObjectKey>)| {
            let leader = leader.map(ToString::to_string).unwrap_or_default();
            let message =
                format!("subset {name} stands in rules merged earlier, with {leader}; this one has no effect");
            lost("duplicate-subset", key, "spec.subsets".to_owned(), message)
        };
        named.into_iter().map(message).collect()
    }

    fn lost_service(&self, service: &Arc<Service>) -> Option<Diagnostic> {
        let rivals = self.catalog.of_host(&service.host).iter();
        let better = rivals.take_while(|rival| !Arc::ptr_eq(rival, service));
        let winner = better.into_iter().find(|rival| rival.export_to.includes(&service.export_to))?;
        let (host, winner_key) = (&service.host, winner.object());
        let message = if winner.namespace == service.namespace {
            format!("{host} is declared by {winner_key}, which comes first; this one has no effect")
        } else {
            format!(
                "{host} is declared by {winner_key} too, which other namespaces reach; this one serves its own alone"
            )
        };
        Some(lost("host-taken", &service.object(), "spec.hosts".to_owned(), message))
    }
}

/// Whether everybody who sees `loser` would follow `winner` instead.
pub(super) fn shadows(winner: &MeshVirtualService, loser: &MeshVirtualService) -> bool {
    let beats = |namespace: &str| match (winner.reach(namespace), loser.reach(namespace)) {
        (Some(first), Some(second)) => (first, &winner.precedence) < (second, &loser.precedence),
        (_, second) => second.is_none(),
    };
    match &loser.export_to {
        Visibility::Everyone => winner.export_to == Visibility::Everyone && winner.precedence < loser.precedence,
        Visibility::Namespaces(named) => !named.is_empty() && named.iter().all(|namespace| beats(namespace)),
    }
}

fn lost(code: &'static str, key: &ObjectKey, field: String, message: String) -> Diagnostic {
    Diagnostic::warning(code, Location::default(), message).about(key.clone()).at_field(field)
}
