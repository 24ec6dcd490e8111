//! DestinationRules: found by client, service and host, and merged.
//!
//! Three levels are asked, and the first that has a rule for the client wins whole; nothing is merged across levels:
//!
//! 1. the client's namespace (in the root namespace: only rules private to it, so that the mesh-wide defaults which live there
//!    do not hide the rules of services from gateways that live there too);
//! 2. the service's namespace, rules exported to the client;
//! 3. the root namespace, rules exported to the client.
//!
//! Within a level the most specific host wins. A rule with a workload selector is private and counts only for clients it selects.

use std::collections::BTreeSet;
use std::sync::Arc;

use imbl::OrdMap;

use super::host::{HostIndex, HostPattern, resolve_short_name};
use super::service::{Labels, Service, selects};
use super::visibility::Visibility;
use crate::istio::{DestinationRule, Subset, TrafficPolicy};
use crate::mesh_config::MeshConfig;
use crate::object::{Object, ObjectKey, Spec};

mod merge;
mod policy;

use merge::MergeOrder;
pub use policy::TrafficBlocks;

/// The DestinationRules of one host in one namespace, merged as far as they may be.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectiveDestinationRule {
    /// The host it speaks for.
    pub host: HostPattern,
    /// The namespace of its objects.
    pub namespace: Arc<str>,
    /// The objects it was merged from, the leading one first.
    pub sources: Vec<ObjectKey>,
    /// Subsets of all sources; of two with one name the first stays.
    pub subsets: Vec<Subset>,
    /// The first traffic policy among the sources.
    pub traffic_policy: Option<TrafficPolicy>,
    /// The clients it is for; `None` for all.
    pub workload_selector: Option<Labels>,
    /// Who may see it.
    pub export_to: Visibility,
    /// Subsets left out because an earlier source has one of the same name: the object and the name.
    pub dropped_subsets: Vec<(ObjectKey, String)>,
}

impl EffectiveDestinationRule {
    /// The subset of this name.
    pub fn subset(&self, name: &str) -> Option<&Subset> {
        self.subsets.iter().find(|subset| subset.name == name)
    }

    /// The settings for a subset (or for the whole host) at a service port, block by block: see [`TrafficBlocks`].
    pub fn policy(&self, subset: Option<&str>, port: u16) -> TrafficBlocks<'_> {
        self.policy_of(subset.and_then(|name| self.subset(name)), port)
    }

    /// The same for a subset at hand: finding one by its name looks through all.
    pub fn policy_of<'a>(&'a self, subset: Option<&'a Subset>, port: u16) -> TrafficBlocks<'a> {
        let subset = subset.and_then(|subset| subset.traffic_policy.as_ref());
        TrafficBlocks::of(self.traffic_policy.as_ref(), subset, port)
    }

    fn applies_to(&self, client: &Client<'_>) -> bool {
        let selected = self.workload_selector.as_ref().is_none_or(|selector| selects(selector, client.labels));
        selected && self.export_to.allows(client.namespace)
    }
}

/// Who calls.
struct Client<'a> {
    namespace: &'a str,
    labels: &'a Labels,
}

/// The rules of one host in one namespace: the objects in merge order, and what they merge to.
#[derive(Clone, Debug)]
struct Claims {
    objects: OrdMap<MergeOrder, Arc<Object>>,
    merged: Arc<[Arc<EffectiveDestinationRule>]>,
}

/// The namespaces and hosts whose rules are to be merged again.
pub(crate) type StaleRules = BTreeSet<(Arc<str>, Arc<str>)>;

/// The persistent index of DestinationRules.
#[derive(Clone, Debug, Default)]
pub(crate) struct Destinations {
    by_namespace: OrdMap<Arc<str>, HostIndex<Claims>>,
}

impl Destinations {
    /// The rule in force for a client's calls to a service.
    pub(crate) fn rule_for(
        &self,
        namespace: &str,
        labels: &Labels,
        service: &Service,
        config: &MeshConfig,
    ) -> Option<&Arc<EffectiveDestinationRule>> {
        let client = Client { namespace, labels };
        let root = config.root_namespace.as_str();
        let local = |rule: &EffectiveDestinationRule| namespace != root || rule.export_to.is_private_to(root);
        self.in_namespace(namespace, &service.host, &client, local)
            .or_else(|| self.in_namespace(&service.namespace, &service.host, &client, |_| true))
            .or_else(|| self.in_namespace(root, &service.host, &client, |_| true))
    }

    fn in_namespace<'a>(
        &'a self,
        namespace: &str,
        host: &str,
        client: &Client<'_>,
        accept: impl Fn(&EffectiveDestinationRule) -> bool,
    ) -> Option<&'a Arc<EffectiveDestinationRule>> {
        let claims = self.by_namespace.get(namespace)?;
        claims
            .most_specific(host)
            .find_map(|claims| claims.merged.iter().find(|rule| accept(rule) && rule.applies_to(client)))
    }

    /// The merged rules of one host in one namespace, those with a selector first.
    pub(crate) fn of_host(&self, namespace: &str, host: &str) -> &[Arc<EffectiveDestinationRule>] {
        let claims = self.by_namespace.get(namespace).and_then(|hosts| hosts.get(host));
        claims.map_or(&[], |claims| &claims.merged)
    }

    /// Puts an object in place of what it was before. Nothing is merged before [`refresh`](Self::refresh): a batch may bring a
    /// thousand rules of one host, and each merge looks at all of them.
    pub(crate) fn update(
        &mut self,
        before: Option<&Arc<Object>>,
        after: Option<&Arc<Object>>,
        config: &MeshConfig,
        stale: &mut StaleRules,
    ) {
        if let Some(object) = before {
            self.change(object, config, stale, |objects, order| objects.remove(&order));
        }
        if let Some(object) = after {
            self.change(object, config, stale, |objects, order| objects.insert(order, Arc::clone(object)));
        }
    }

    fn change(
        &mut self,
        object: &Object,
        config: &MeshConfig,
        stale: &mut StaleRules,
        change: impl FnOnce(&mut OrdMap<MergeOrder, Arc<Object>>, MergeOrder) -> Option<Arc<Object>>,
    ) {
        let (Some(order), Some(host)) = (merge::order(object), host_of(object, config)) else { return };
        let namespace = &object.key.namespace;
        let mut hosts = self.by_namespace.get(namespace).cloned().unwrap_or_default();
        let mut claims = hosts.get(&host).cloned().unwrap_or_else(Claims::empty);
        change(&mut claims.objects, order);
        hosts.set(&host, Some(claims));
        self.by_namespace.insert(Arc::clone(namespace), hosts);
        stale.insert((Arc::clone(namespace), host));
    }

    /// Merges the rules of every host that changed.
    pub(crate) fn refresh(&mut self, stale: &StaleRules, config: &MeshConfig) {
        for (namespace, host) in stale {
            let Some(mut hosts) = self.by_namespace.get(namespace).cloned() else { continue };
            let Some(claims) = hosts.get(host) else { continue };
            let merged = merge::merge(host, claims.objects.values(), &claims.merged, config);
            let claims = Claims { objects: claims.objects.clone(), merged };
            hosts.set(host, (!claims.objects.is_empty()).then_some(claims));
            if hosts.is_empty() {
                self.by_namespace.remove(namespace);
            } else {
                self.by_namespace.insert(Arc::clone(namespace), hosts);
            }
        }
    }
}

impl Claims {
    fn empty() -> Self {
        Self { objects: OrdMap::new(), merged: Arc::new([]) }
    }
}

/// The completed host of a DestinationRule object.
pub(crate) fn host_of(object: &Object, config: &MeshConfig) -> Option<Arc<str>> {
    let rule = spec_of(object)?;
    Some(resolve_short_name(&rule.host, &object.key.namespace, &config.cluster_domain))
}

fn spec_of(object: &Object) -> Option<&DestinationRule> {
    match &object.spec {
        Spec::DestinationRule(rule) => Some(rule),
        _ => None,
    }
}
