//! Rules that several kinds share.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::names;
use crate::context::Context;
use crate::istio::{Destination, Percent, WorkloadSelector};

const MILLISECOND: Duration = Duration::from_millis(1);

/// At least a millisecond, and whole milliseconds.
pub(crate) fn duration(context: &mut Context<'_>, value: &Duration) {
    if *value < MILLISECOND {
        context.refuse(
            "out-of-range",
            format!("found {value:?}, allowed: 1ms and more; leave the field out to turn it off"),
        );
    } else if !value.subsec_nanos().is_multiple_of(1_000_000) {
        context.refuse("out-of-range", format!("found {value:?}, allowed: whole milliseconds"));
    }
}

/// As [`duration`], but 0 turns the thing off.
pub(crate) fn duration_or_off(context: &mut Context<'_>, value: &Duration) {
    if *value != Duration::ZERO {
        duration(context, value);
    }
}

/// 0 to 100.
pub(super) fn percent(context: &mut Context<'_>, value: &i32) {
    if !(0..=100).contains(value) {
        context.refuse("out-of-range", format!("found {value}, allowed: 0 to 100"));
    }
}

/// Not negative.
pub(super) fn limit(context: &mut Context<'_>, value: &i32) {
    if *value < 0 {
        context.refuse("out-of-range", format!("found {value}, allowed: 0 and more"));
    }
}

/// The smallest share that Envoy can express is one in a million.
pub(super) fn share(context: &mut Context<'_>, percent: &Percent) {
    let Some(value) = percent.value else { return };
    if value != 0.0 && !(0.0001..=100.0).contains(&value) {
        context.within("value", |context| {
            context.refuse("out-of-range", format!("found {value}, allowed: 0, or 0.0001 to 100"));
        });
    }
}

/// A port number, 0 standing for "not given".
pub(super) fn optional_port(context: &mut Context<'_>, number: &u32) {
    if *number != 0 {
        port(context, number);
    }
}

/// A port number.
pub(super) fn port(context: &mut Context<'_>, number: &u32) {
    context.require("out-of-range", names::port(*number));
}

/// Where traffic goes.
pub(super) fn destination(context: &mut Context<'_>, destination: &Destination) {
    context.within("host", |context| match destination.host.as_str() {
        "*" => context.refuse("bad-name", "found \"*\", allowed: the name of one host"),
        host => context.require("bad-name", names::host(host)),
    });
    context.inside("subset", destination.subset.as_ref(), |context, subset| {
        context.require("bad-name", names::label(subset));
    });
    context.inside("port", destination.port.as_ref(), |context, selector| {
        context.within("number", |context| port(context, &selector.number));
    });
}

/// Keys and values of labels.
pub(super) fn labels(context: &mut Context<'_>, field: &str, labels: &BTreeMap<String, String>) {
    context.pairs(field, labels, |context, key, value| {
        context.require("bad-name", names::label_key(key));
        context.require("bad-name", names::label_value(value));
    });
}

/// Labels that choose workloads: no patterns. An empty selector chooses every workload, which its author may not expect.
pub(super) fn selector(context: &mut Context<'_>, selector: &WorkloadSelector) {
    if selector.labels().is_empty() {
        context
            .warn("no-effect", "has no labels, so it chooses every workload of the namespace; leave it out to say so");
    }
    let field = if selector.labels.is_empty() { "matchLabels" } else { "labels" };
    context.pairs(field, selector.labels(), |context, key, value| {
        if key.is_empty() || key.contains('*') || value.contains('*') {
            context.refuse("bad-name", format!("found `{key}: {value}`, allowed: labels without `*`"));
        }
    });
}

/// Who may say `~`, nobody.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nobody {
    Allowed,
    Refused,
}

/// The namespaces that see an object.
pub(crate) fn export_to(context: &mut Context<'_>, field: &str, entries: &[String], nobody: Nobody) {
    let own = context.namespace().to_owned();
    let mut seen = BTreeSet::new();
    context.each(field, entries, |context, entry| {
        let namespace = if entry == "." { own.as_str() } else { entry };
        if !seen.insert(namespace.to_owned()) {
            context.refuse("duplicate", format!("`{entry}` stands twice (`.` is {own}); keep one"));
        }
        match entry.as_str() {
            "~" if nobody == Nobody::Refused => {
                context.refuse(
                    "bad-name",
                    "found \"~\", allowed: `.`, `*` or namespaces; only a ServiceEntry may be for nobody",
                );
            }
            "*" | "~" if entries.len() > 1 => {
                context.refuse(
                    "conflict",
                    format!("`{entry}` stands beside other entries; keep it alone or leave it out"),
                );
            }
            "*" | "." | "~" => {}
            namespace => context.require("bad-name", names::label(namespace)),
        }
    });
}

/// Gateways a rule is bound to: `mesh`, a name, or `namespace/name`.
pub(super) fn gateways(context: &mut Context<'_>, gateways: &[String]) {
    context.each("gateways", gateways, |context, gateway| match gateway.split_once('/') {
        Some((namespace, name)) if names::is_label(namespace) && names::is_label(name) => {}
        Some(_) => {
            context.refuse("bad-name", format!("found \"{gateway}\", allowed: `namespace/name`, both DNS labels"));
        }
        None => {
            context.require("bad-name", if names::is_label(gateway) { Ok(()) } else { names::domain(gateway) });
            if let Some((name, rest)) = gateway.split_once('.') {
                let namespace = rest.split('.').next().unwrap_or_default();
                context.warn("deprecated", format!("the old form of a gateway's name; write `{namespace}/{name}`"));
            }
        }
    });
}
