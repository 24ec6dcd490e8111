//! Merges the DestinationRules of one host in one namespace.
//!
//! The objects come with selector first, then by age. A later rule is merged into an earlier one (its subsets are added, its
//! traffic policy fills a missing one) if everybody who sees the earlier sees the later, and if their selectors are equal or the
//! later has none. It also stands on its own unless an earlier one speaks for exactly the same clients.

use std::collections::HashMap;
use std::sync::Arc;

use super::{EffectiveDestinationRule, spec_of};
use crate::istio::DestinationRule;
use crate::mesh::host::HostPattern;
use crate::mesh::precedence::Precedence;
use crate::mesh::visibility::Visibility;
use crate::mesh_config::MeshConfig;
use crate::object::Object;

/// For whom a rule is. The order is the order of merging.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    /// For clients that its selector names.
    Selected,
    /// For all clients.
    Everyone,
}

/// Where a rule comes in the order of merging.
pub(super) type MergeOrder = (Scope, Precedence);

/// Sort key of a DestinationRule among those of its host; `None` if the object is no DestinationRule.
pub(super) fn order(object: &Object) -> Option<MergeOrder> {
    let rule = spec_of(object)?;
    let scope = if rule.workload_selector.is_some() { Scope::Selected } else { Scope::Everyone };
    Some((scope, Precedence::of(object)))
}

/// What the rules of `host` merge to. Results equal to one of `before` are that one.
pub(super) fn merge<'a>(
    host: &str,
    objects: impl Iterator<Item = &'a Arc<Object>>,
    before: &[Arc<EffectiveDestinationRule>],
    config: &MeshConfig,
) -> Arc<[Arc<EffectiveDestinationRule>]> {
    let mut merged: Vec<EffectiveDestinationRule> = Vec::new();
    for object in objects {
        let Some(declared) = spec_of(object) else { continue };
        let rule = stand_alone(host, object, declared, config);
        let mut represented = false;
        for earlier in &mut merged {
            if takes_in(earlier, &rule) {
                represented |= same_clients(earlier, &rule);
                absorb(earlier, &rule);
            }
        }
        if !represented {
            merged.push(rule);
        }
    }
    // The leading source is of one rule only.
    let known: HashMap<_, _> = before.iter().map(|rule| (rule.sources.first(), rule)).collect();
    merged
        .into_iter()
        .map(|rule| match known.get(&rule.sources.first()) {
            Some(known) if ***known == rule => Arc::clone(known),
            _ => Arc::new(rule),
        })
        .collect()
}

fn stand_alone(host: &str, object: &Object, rule: &DestinationRule, config: &MeshConfig) -> EffectiveDestinationRule {
    let namespace = &object.key.namespace;
    let export_to = match &rule.workload_selector {
        Some(_) => Visibility::private(namespace),
        None => Visibility::resolve(&rule.export_to, namespace, &config.default_destination_rule_export_to),
    };
    EffectiveDestinationRule {
        host: HostPattern::new(host),
        namespace: Arc::clone(namespace),
        sources: vec![object.key.clone()],
        subsets: rule.subsets.clone(),
        traffic_policy: rule.traffic_policy.clone(),
        workload_selector: rule.workload_selector.as_ref().map(|selector| selector.labels().clone()),
        export_to,
        dropped_subsets: Vec::new(),
    }
}

fn takes_in(earlier: &EffectiveDestinationRule, later: &EffectiveDestinationRule) -> bool {
    let compatible = later.workload_selector.is_none() || later.workload_selector == earlier.workload_selector;
    compatible && later.export_to.includes(&earlier.export_to)
}

fn same_clients(earlier: &EffectiveDestinationRule, later: &EffectiveDestinationRule) -> bool {
    later.workload_selector == earlier.workload_selector && later.export_to == earlier.export_to
}

fn absorb(earlier: &mut EffectiveDestinationRule, later: &EffectiveDestinationRule) {
    for subset in &later.subsets {
        if earlier.subset(&subset.name).is_none() {
            earlier.subsets.push(subset.clone());
        } else {
            let dropped = later.sources.iter().map(|source| (source.clone(), subset.name.clone()));
            earlier.dropped_subsets.extend(dropped);
        }
    }
    if earlier.traffic_policy.is_none() {
        earlier.traffic_policy.clone_from(&later.traffic_policy);
    }
    earlier.sources.extend(later.sources.iter().cloned());
}
