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
    objects: Arc<[Arc<Object>]>,
    merged: Arc<[Arc<EffectiveDestinationRule>]>,
}

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

    /// Puts an object in place of what it was before.
    pub(crate) fn update(&mut self, before: Option<&Arc<Object>>, after: Option<&Arc<Object>>, config: &MeshConfig) {
        let before = before.and_then(|object| Some((object, host_of(object, config)?)));
        let after = after.and_then(|object| Some((object, host_of(object, config)?)));
        let moved = match (&before, &after) {
            (Some((_, old)), Some((_, new))) => old != new,
            _ => true,
        };
        if let Some((object, host)) = before {
            self.change(object, &host, None, moved.then_some(config));
        }
        if let Some((object, host)) = after {
            self.change(object, &host, Some(object), Some(config));
        }
    }

    // Without a config the merge is left for the call that follows for the same host.
    fn change(&mut self, key: &Object, host: &str, object: Option<&Arc<Object>>, merge_by: Option<&MeshConfig>) {
        let namespace = &key.key.namespace;
        let mut hosts = self.by_namespace.get(namespace).cloned().unwrap_or_default();
        let mut claims = hosts.get(host).cloned().unwrap_or_else(Claims::empty);
        let mut objects: Vec<_> = claims.objects.iter().filter(|known| known.key != key.key).cloned().collect();
        objects.extend(object.cloned());
        objects.sort_by_cached_key(|object| merge::order(object));
        claims.objects = objects.into();
        if let Some(config) = merge_by {
            claims.merged = merge::merge(host, &claims.objects, &claims.merged, config);
        }
        let keep = !claims.objects.is_empty() || merge_by.is_none();
        hosts.set(host, keep.then_some(claims));
        if hosts.is_empty() {
            self.by_namespace.remove(namespace);
        } else {
            self.by_namespace.insert(Arc::clone(namespace), hosts);
        }
    }
}

impl Claims {
    fn empty() -> Self {
        Self { objects: Arc::new([]), merged: Arc::new([]) }
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
