//! How an endpoint is chosen.

use std::collections::BTreeSet;

use super::common::duration;
use super::names;
use crate::context::Context;
use crate::istio::{
    ConsistentHash, Failover, HttpCookie, LoadBalancer, LocalityLbSetting, Maglev, OutlierDetection, Warmup,
    ZoneAwareLbSetting,
};

/// Envoy's largest Maglev table.
const MAGLEV: u64 = 5_000_011;

/// Envoy's largest ring.
const RING: u64 = 8_388_608;

/// Labels that say where an endpoint runs.
const TOPOLOGY: [&str; 3] =
    ["topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone"];

pub(super) fn check(context: &mut Context<'_>, balancer: &LoadBalancer, outliers: Option<&OutlierDetection>) {
    if balancer.simple.is_some() && balancer.consistent_hash.is_some() {
        context.refuse("conflict", "only one of simple, consistentHash may be given");
    }
    if balancer.locality_lb_setting.is_some() && balancer.zone_aware_lb_setting.is_some() {
        context.refuse("conflict", "only one of localityLbSetting, zoneAwareLbSetting may be given");
    }
    context.inside("consistentHash", balancer.consistent_hash.as_ref(), consistent_hash);
    context.inside("localityLbSetting", balancer.locality_lb_setting.as_ref(), |context, setting| {
        locality(context, setting);
        needs_outliers(context, !setting.failover.is_empty() || !setting.failover_priority.is_empty(), outliers);
    });
    context.inside("zoneAwareLbSetting", balancer.zone_aware_lb_setting.as_ref(), |context, setting| {
        zone_aware(context, setting);
        needs_outliers(context, !setting.failover.is_empty() || !setting.failover_priority.is_empty(), outliers);
    });
    context.inside("warmup", balancer.warmup.as_ref(), warmup);
    context.inside("warmupDurationSecs", balancer.warmup_duration_secs.as_ref(), duration);
}

fn consistent_hash(context: &mut Context<'_>, hash: &ConsistentHash) {
    let keys = [
        hash.http_header_name.is_some(),
        hash.http_cookie.is_some(),
        hash.use_source_ip.is_some(),
        hash.http_query_parameter_name.is_some(),
    ];
    if keys.iter().filter(|given| **given).count() > 1 {
        context.refuse(
            "conflict",
            "only one of httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName may be given",
        );
    }
    if hash.ring_hash.is_some() && hash.maglev.is_some() {
        context.refuse("conflict", "only one of ringHash, maglev may be given");
    }
    for (field, name) in
        [("httpHeaderName", &hash.http_header_name), ("httpQueryParameterName", &hash.http_query_parameter_name)]
    {
        context.inside(field, name.as_ref(), |context, name| match name.as_str() {
            "" => context.refuse("missing-field", "is empty; give a name, or leave it out"),
            name => context.require("bad-name", names::one_line(name)),
        });
    }
    context.inside("ringHash", hash.ring_hash.as_ref(), |context, ring| {
        context.inside("minimumRingSize", ring.minimum_ring_size.as_ref(), ring_size);
    });
    context.inside("minimumRingSize", hash.minimum_ring_size.as_ref(), |context, size| {
        ring_size(context, size);
        context.warn("deprecated", "write `ringHash: {minimumRingSize: ...}`");
        if hash.ring_hash.is_some() || hash.maglev.is_some() {
            context.refuse("conflict", "only one of minimumRingSize, ringHash, maglev may be given");
        }
    });
    context.inside("httpCookie", hash.http_cookie.as_ref(), cookie);
    context.inside("maglev", hash.maglev.as_ref(), maglev);
}

fn ring_size(context: &mut Context<'_>, size: &u64) {
    if *size > RING {
        context.refuse("out-of-range", format!("found a ring of {size}, allowed: at most {RING}"));
    }
}

fn cookie(context: &mut Context<'_>, cookie: &HttpCookie) {
    if cookie.name.as_deref().unwrap_or_default().is_empty() {
        context.refuse("missing-field", "wants the `name` of a cookie");
    }
    let mut seen = BTreeSet::new();
    context.each("attributes", &cookie.attributes, |context, attribute| {
        if attribute.name.is_empty() {
            context.refuse("missing-field", "wants a `name`");
        } else if !seen.insert(attribute.name.clone()) {
            context.refuse("duplicate", format!("the attribute `{}` stands twice; keep one", attribute.name));
        }
        for (field, text) in [("name", Some(&attribute.name)), ("value", attribute.value.as_ref())] {
            context.inside(field, text, |context, text| context.require("bad-value", names::header_text(text)));
        }
    });
}

fn maglev(context: &mut Context<'_>, maglev: &Maglev) {
    let size = maglev.table_size.unwrap_or_default();
    if size >= MAGLEV || !is_prime(size) {
        context
            .refuse("out-of-range", format!("found a table of {size}, allowed: a prime below {MAGLEV}, such as 65537"));
    }
}

/// Called for numbers below [`MAGLEV`] only, so that a thousand divisions decide.
fn is_prime(number: u64) -> bool {
    number >= 2 && (2..).take_while(|factor| factor * factor <= number).all(|factor| !number.is_multiple_of(factor))
}

/// Preferences among localities.
pub(crate) fn locality(context: &mut Context<'_>, setting: &LocalityLbSetting) {
    if !setting.distribute.is_empty() && !setting.failover.is_empty() {
        context.refuse("conflict", "only one of distribute, failover may be given");
    }
    if !setting.failover.is_empty() {
        topology_labels(
            context,
            &setting.failover_priority,
            "`failover` orders regions already; leave this label out, or `failover`",
        );
    }
    distribution(context, setting);
    failover(context, &setting.failover);
}

fn zone_aware(context: &mut Context<'_>, setting: &ZoneAwareLbSetting) {
    topology_labels(
        context,
        &setting.failover_priority,
        "zone-aware routing orders localities itself; leave this label out",
    );
    failover(context, &setting.failover);
}

fn topology_labels(context: &mut Context<'_>, priority: &[String], message: &str) {
    context.each("failoverPriority", priority, |context, label| {
        if TOPOLOGY.contains(&label.as_str()) {
            context.refuse("conflict", message);
        }
    });
}

/// Envoy moves traffic only once endpoints are found unhealthy, and without outlier detection none is.
fn needs_outliers(context: &mut Context<'_>, fails_over: bool, outliers: Option<&OutlierDetection>) {
    if fails_over && outliers.is_none() {
        context.warn("no-effect", "failover works with outlierDetection only; add it to this policy");
    }
}

fn failover(context: &mut Context<'_>, entries: &[Failover]) {
    context.each("failover", entries, |context, entry| {
        let (from, to) = (entry.from.as_deref().unwrap_or_default(), entry.to.as_deref().unwrap_or_default());
        if from == to {
            context.refuse("conflict", format!("from and to are both \"{from}\"; name two regions"));
        }
        if [from, to].iter().any(|region| region.contains(['/', '*'])) {
            context.refuse(
                "bad-name",
                format!("found \"{from}\" to \"{to}\", allowed: regions without zone and without `*`"),
            );
        }
    });
}

fn distribution(context: &mut Context<'_>, setting: &LocalityLbSetting) {
    let mut sources = Covered::default();
    context.each("distribute", &setting.distribute, |context, entry| {
        let from = entry.from.as_deref().unwrap_or_default();
        context.within("from", |context| context.require("bad-name", sources.add(from)));
        let mut targets = Covered::default();
        context.pairs("to", &entry.to, |context, locality, weight| {
            context.require("bad-name", targets.add(locality));
            if !(1..=100).contains(weight) {
                context.refuse("out-of-range", format!("found {weight}, allowed: 1 to 100"));
            }
        });
        let total: u64 = entry.to.values().map(|weight| u64::from(*weight)).sum();
        if total != 100 {
            context.within("to", |context| {
                context.refuse("out-of-range", format!("the shares add up to {total}, allowed: 100"));
            });
        }
    });
}

/// Localities that were named, to find those that overlap.
#[derive(Default)]
struct Covered<'a> {
    /// Every named locality, `/*` at its end taken off; `None` stands for everything.
    named: BTreeSet<Option<&'a str>>,
    /// Every part above a named locality.
    above: BTreeSet<&'a str>,
}

impl<'a> Covered<'a> {
    fn add(&mut self, locality: &'a str) -> Result<(), String> {
        let prefix = match locality {
            "*" => None,
            other => Some(other.strip_suffix("/*").unwrap_or(other)),
        };
        let parts = prefix.unwrap_or("all");
        if parts.contains('*') || parts.split('/').count() > 3 || parts.split('/').any(str::is_empty) {
            return Err(format!(
                "found \"{locality}\", allowed: region, region/zone or region/zone/subzone, with `*` as last part"
            ));
        }
        if self.overlaps(prefix) {
            return Err(format!("\"{locality}\" overlaps with one before; name each locality once"));
        }
        self.above.extend(prefix.into_iter().flat_map(parents));
        self.named.insert(prefix);
        Ok(())
    }

    fn overlaps(&self, prefix: Option<&str>) -> bool {
        let Some(prefix) = prefix else { return !self.named.is_empty() };
        let within = |other: &str| self.named.contains(&Some(other));
        self.named.contains(&None) || within(prefix) || self.above.contains(prefix) || parents(prefix).any(within)
    }
}

/// `a/b/c`: `a/b` and `a`.
fn parents(locality: &str) -> impl Iterator<Item = &str> {
    locality.match_indices('/').filter_map(|(end, _)| locality.get(..end))
}

fn warmup(context: &mut Context<'_>, warmup: &Warmup) {
    match &warmup.duration {
        Some(value) => context.within("duration", |context| duration(context, value)),
        None => context.refuse("missing-field", "wants a `duration`"),
    }
    context.inside("minimumPercent", warmup.minimum_percent.as_ref(), |context, value| {
        if !(0.0..=100.0).contains(value) {
            context.refuse("out-of-range", format!("found {value}, allowed: 0 to 100"));
        }
    });
    context.inside("aggression", warmup.aggression.as_ref(), |context, value| {
        if *value <= 0.0 {
            context.refuse("out-of-range", format!("found {value}, allowed: more than 0"));
        }
    });
}
