//! DestinationRules.

use std::collections::BTreeSet;

use super::common::{self, Nobody};
use super::{names, traffic_policy};
use crate::context::Context;
use crate::istio::DestinationRule;

pub(super) fn check(context: &mut Context<'_>, rule: &DestinationRule) {
    context.within("host", |context| context.require("bad-name", names::host(&rule.host)));
    context.inside("trafficPolicy", rule.traffic_policy.as_ref(), traffic_policy::check);
    let mut seen = BTreeSet::new();
    context.each("subsets", &rule.subsets, |context, subset| {
        context.within("name", |context| {
            context.require("bad-name", names::label(&subset.name));
            if !seen.insert(subset.name.clone()) {
                context.refuse("duplicate", format!("the subset \"{}\" stands twice; keep one", subset.name));
            }
        });
        common::labels(context, "labels", &subset.labels);
        context.inside("trafficPolicy", subset.traffic_policy.as_ref(), traffic_policy::check);
    });
    context.inside("workloadSelector", rule.workload_selector.as_ref(), common::selector);
    common::export_to(context, "exportTo", &rule.export_to, Nobody::Refused);
    private_if_selective(context, rule);
}

/// A rule for chosen clients cannot be seen by clients of other namespaces: its selector knows only its own.
fn private_if_selective(context: &mut Context<'_>, rule: &DestinationRule) {
    let own = context.namespace().to_owned();
    let elsewhere = rule.export_to.iter().any(|entry| entry != "." && *entry != own);
    if rule.workload_selector.is_some() && elsewhere {
        let message = "a rule with a workloadSelector holds in its own namespace only; write `.`, or leave it out";
        context.within("exportTo", |context| context.refuse("conflict", message));
    }
}
