//! Which endpoints a client prefers, by where they and it run.

use ferro_model::istio::LocalityLbSetting;
use ferro_model::mesh::{Endpoint, EndpointPreference, Locality, Service, TrafficBlocks};
use ferro_xds_protos::wkt;

use crate::outbound::Outbound;
use crate::pb::endpoint::LocalityLbEndpoints;

/// The rule that is in force for one cluster.
pub(crate) struct Preference<'a> {
    client: &'a Locality,
    labels: &'a ferro_model::mesh::Labels,
    rule: Rule<'a>,
}

enum Rule<'a> {
    /// Fixed shares for localities.
    Distribute(&'a LocalityLbSetting),
    /// The nearest first; the named region before others.
    Failover(Option<&'a LocalityLbSetting>),
    /// Those with the same labels first, label by label.
    Labels(&'a [String]),
}

const REGION: &str = "topology.kubernetes.io/region";
const ZONE: &str = "topology.kubernetes.io/zone";
const SUBZONE: &str = "topology.istio.io/subzone";

impl<'a> Preference<'a> {
    /// What DestinationRule, mesh configuration and the service itself say. Without a known place of the client, nothing:
    /// only shares by label make sense then.
    pub(crate) fn of(view: &'a Outbound<'_>, service: &Service, policy: &TrafficBlocks<'a>) -> Option<Self> {
        let own = policy.load_balancer.and_then(|balancer| balancer.locality_lb_setting.as_ref());
        let setting = own.or(view.config().locality_lb_setting.as_ref());
        let wanted = service.preference != EndpointPreference::Any;
        let rule = match setting {
            Some(setting) if setting.enabled == Some(false) => return None,
            Some(setting) if !setting.distribute.is_empty() => Rule::Distribute(setting),
            // Failing over needs to know who failed (istio-coverage.md §1.2).
            _ if policy.outlier_detection.is_none() && !wanted => return None,
            Some(setting) if !setting.failover_priority.is_empty() => Rule::Labels(&setting.failover_priority),
            other => Rule::Failover(other),
        };
        let client = &view.key.locality;
        if client.region.is_empty() && !matches!(rule, Rule::Labels(_)) {
            return None;
        }
        Some(Self { client, labels: &view.key.labels, rule })
    }

    /// Whether localities have weights.
    pub(crate) fn weighs(&self) -> bool {
        matches!(self.rule, Rule::Distribute(_))
    }

    /// How late an endpoint's turn comes; 0 is first.
    pub(super) fn priority(&self, endpoint: &Endpoint) -> u32 {
        match &self.rule {
            Rule::Distribute(_) => 0,
            Rule::Failover(setting) => self.distance(&endpoint.locality, *setting),
            Rule::Labels(keys) => {
                let same = keys.iter().take_while(|key| self.shares(key, endpoint)).count();
                u32::try_from(keys.len() - same).unwrap_or(u32::MAX)
            }
        }
    }

    fn distance(&self, other: &Locality, setting: Option<&LocalityLbSetting>) -> u32 {
        const ELSEWHERE: u32 = 3;
        const NOT_TARGET: u32 = 4;
        if other.region != self.client.region {
            let failover = setting.into_iter().flat_map(|setting| &setting.failover);
            let target = failover
                .filter(|rule| rule.from.as_deref() == Some(&*self.client.region))
                .find_map(|rule| rule.to.as_deref());
            return match target {
                Some(region) if *region != *other.region => NOT_TARGET,
                _ => ELSEWHERE,
            };
        }
        match (other.zone == self.client.zone, other.subzone == self.client.subzone) {
            (true, true) => 0,
            (true, false) => 1,
            (false, _) => 2,
        }
    }

    // `key` compares with the client's own, `key=value` with the value.
    fn shares(&self, key: &str, endpoint: &Endpoint) -> bool {
        let (key, wanted) = match key.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (key, place(self.client, key).or_else(|| self.labels.get(key).map(String::as_str))),
        };
        let found = place(&endpoint.locality, key).or_else(|| endpoint.labels.get(key).map(String::as_str));
        wanted == found
    }

    /// Gives each locality its share and drops those that have none.
    pub(super) fn distribute(&self, groups: &mut Vec<LocalityLbEndpoints>) {
        let Rule::Distribute(setting) = self.rule else { return };
        let own = self.client.to_string();
        let Some(shares) =
            setting.distribute.iter().find(|rule| rule.from.as_deref().is_some_and(|from| covers(from, &own)))
        else {
            return;
        };
        for (pattern, share) in &shares.to {
            let matching = |group: &LocalityLbEndpoints| covers(pattern, &name(group));
            let members: usize =
                groups.iter().filter(|group| matching(group)).map(|group| group.lb_endpoints.len()).sum();
            for group in groups.iter_mut().filter(|group| matching(group)) {
                // Localities that share one entry split it by their size; nobody's share rounds down to nothing.
                let part = u64::from(*share) * 100 * group.lb_endpoints.len() as u64 / members.max(1) as u64;
                let weight = u32::try_from(part.max(1)).unwrap_or(u32::MAX);
                group.load_balancing_weight = Some(wkt::uint32(weight));
            }
        }
        groups.retain(|group| shares.to.keys().any(|pattern| covers(pattern, &name(group))));
    }
}

fn name(group: &LocalityLbEndpoints) -> String {
    let locality = group.locality.as_ref();
    locality.map_or_else(String::new, |place| format!("{}/{}/{}", place.region, place.zone, place.sub_zone))
}

// `*`, `region/*`, `region/zone/*`, `region/zone/subzone`; a shorter form stands for all below it.
fn covers(pattern: &str, locality: &str) -> bool {
    let mut parts = locality.split('/');
    pattern.split('/').filter(|part| !part.is_empty()).all(|wanted| match parts.next() {
        Some(part) => wanted == "*" || wanted == part,
        None => wanted == "*",
    })
}

fn place<'a>(locality: &'a Locality, key: &str) -> Option<&'a str> {
    let part = match key {
        REGION => &locality.region,
        ZONE => &locality.zone,
        SUBZONE => &locality.subzone,
        _ => return None,
    };
    Some(part)
}
