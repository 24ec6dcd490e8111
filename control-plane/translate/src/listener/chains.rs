//! Filter chains of one listener, told apart for certain.
//!
//! Envoy takes a chain's address ranges and server names apart and refuses the listener if one pair of them leads to two chains.
//! So pairs are claimed: the first to ask has it, and of a later chain remains what nobody claimed before.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ferro_model::object::ObjectKey;

use crate::finding::Code;
use crate::limit;
use crate::output::Output;
use crate::parts::range;
use crate::pb::core::CidrRange;
use crate::pb::listener::{FilterChain, FilterChainMatch};

#[cfg(test)]
mod tests;

/// A chain that wants to be in a listener.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// The chain; one without a match takes what no other takes, and is no matter of this module.
    pub(crate) chain: FilterChain,
    /// Who asks for it.
    pub(crate) object: ObjectKey,
    /// Where in the object; empty if all of it.
    pub(crate) field: String,
    /// The VirtualService whose rules are meant to go before it.
    pub(crate) behind: Option<ObjectKey>,
}

/// The chains that are in a listener.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    chains: Vec<FilterChain>,
    taken: BTreeMap<Condition, Arc<Holder>>,
}

/// What one pair asks of a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Condition {
    range: Option<Range>,
    /// Empty for any.
    name: String,
    /// TLS or not; empty for both.
    transport: String,
}

/// First address, as far as the prefix goes, and length of the prefix.
type Range = (IpAddr, u8);

/// The pairs that nobody had, as products: ranges by the names that are left for them.
type Left = BTreeMap<Vec<String>, Vec<Option<Range>>>;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Holder {
    object: ObjectKey,
    field: String,
}

// === impl Chains ===

impl Chains {
    /// Puts a chain in, with what is left of its match.
    pub(crate) fn add(&mut self, mut candidate: Candidate, out: &mut Output) {
        let Some(found) = candidate.chain.filter_chain_match.take() else { return };
        let (ranges, names) = (ranges(&found), once(found.server_names.iter().cloned()));
        if let Some(excess) = limit::exceeded((ranges.len(), "subnets"), (names.len(), "server names"), "conditions") {
            let message = format!("{excess}; connections are not told apart by them");
            return out.find(Code::Unservable, &candidate.object, candidate.field, message);
        }
        let holder = Arc::new(Holder { object: candidate.object, field: candidate.field });
        let (left, lost) = self.claim(&holder, &ranges, &names, &found.transport_protocol);
        // One rule may speak for several services; that it meets itself is no conflict.
        for (first, condition) in lost.into_iter().filter(|(first, _)| Some(&first.object) != candidate.behind.as_ref())
        {
            let message = format!(
                "connections {condition} go where {first} says, which comes first, and not where {holder} says; \
                 give one of the two other addresses or server names"
            );
            out.find(Code::Conflict, &holder.object, holder.field.clone(), message);
        }
        let rest = FilterChainMatch { prefix_ranges: Vec::new(), server_names: Vec::new(), ..found };
        for (names, ranges) in left {
            let narrowed = FilterChainMatch {
                prefix_ranges: ranges.into_iter().flatten().map(|(first, prefix)| range(first, prefix)).collect(),
                server_names: names.into_iter().filter(|name| !name.is_empty()).collect(),
                ..rest.clone()
            };
            self.chains.push(FilterChain { filter_chain_match: Some(narrowed), ..candidate.chain.clone() });
        }
    }

    /// The chains in the order in which they came.
    pub(crate) fn into_vec(self) -> Vec<FilterChain> {
        self.chains
    }

    fn claim(
        &mut self,
        holder: &Arc<Holder>,
        ranges: &[Option<Range>],
        names: &[String],
        transport: &str,
    ) -> (Left, BTreeMap<Arc<Holder>, Condition>) {
        let (mut left, mut lost) = (Left::new(), BTreeMap::new());
        for range in ranges {
            let mut free = Vec::new();
            for name in names {
                let condition = Condition { range: *range, name: name.clone(), transport: transport.to_owned() };
                match self.taken.get(&condition) {
                    Some(first) if first == holder => {}
                    Some(first) => {
                        lost.entry(Arc::clone(first)).or_insert(condition);
                    }
                    None => {
                        self.taken.insert(condition, Arc::clone(holder));
                        free.push(name.clone());
                    }
                }
            }
            if !free.is_empty() {
                left.entry(free).or_default().push(*range);
            }
        }
        (left, lost)
    }
}

// === impl Holder ===

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.object.fmt(f)?;
        if self.field.is_empty() { Ok(()) } else { write!(f, " ({})", self.field) }
    }
}

// === impl Condition ===

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.range {
            Some((first, prefix)) => write!(f, "at {first}/{prefix}")?,
            None => f.write_str("at any address")?,
        }
        if self.name.is_empty() { Ok(()) } else { write!(f, " that ask for {}", self.name) }
    }
}

fn ranges(found: &FilterChainMatch) -> Vec<Option<Range>> {
    once(found.prefix_ranges.iter().filter_map(masked).map(Some))
}

// Each once, in the declared order; without any, the one that stands for all.
fn once<T: Ord + Clone + Default>(declared: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    let all: Vec<T> = declared.filter(|one| seen.insert(one.clone())).collect();
    if all.is_empty() { vec![T::default()] } else { all }
}

// Envoy compares what the prefix leaves of an address.
fn masked(range: &CidrRange) -> Option<Range> {
    let length = range.prefix_len.as_ref().map_or(0, |length| length.value);
    let first = match range.address_prefix.parse().ok()? {
        IpAddr::V4(first) => {
            let mask = u32::MAX.checked_shl(32u32.saturating_sub(length)).unwrap_or(0);
            IpAddr::V4((u32::from(first) & mask).into())
        }
        IpAddr::V6(first) => {
            let mask = u128::MAX.checked_shl(128u32.saturating_sub(length)).unwrap_or(0);
            IpAddr::V6((u128::from(first) & mask).into())
        }
    };
    Some((first, u8::try_from(length).ok()?))
}
