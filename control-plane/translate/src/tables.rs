//! Route tables: route configurations put together from virtual hosts that different units own.
//!
//! On delta streams a virtual host is a resource of its own and the route configuration an empty shell; on others the hosts are
//! spliced into the shell. Either way a domain may stand in one host of a table only: Envoy refuses the whole response
//! otherwise (reliability.md rule 48). So domains are claimed, the best claim gets them, and a host is sent with the domains
//! it got. When the winner goes, the next one takes over without being translated again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ferro_xds_protos::{Kind, Resource};
use prost::Message;

use crate::finding::{Code, Finding};
use crate::output::Owner;
use crate::pb::route::{RouteConfiguration, VirtualHost};

#[cfg(test)]
mod tests;

/// How good a claim to a domain is; the first wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// The host's own name.
    Name,
    /// A shorter form of it.
    Alias,
    /// An address of it.
    Address,
    /// Whatever nobody else claims.
    CatchAll,
}

/// One virtual host of one table, without its domains.
#[derive(Clone, Debug)]
pub(crate) struct HostPart {
    /// The route configuration it belongs to.
    pub(crate) table: Arc<str>,
    /// Name of the virtual host, unique in its table.
    pub(crate) name: Arc<str>,
    /// The domains it wants, the most important first.
    pub(crate) domains: Vec<(String, Rank)>,
    /// Whose host it is; `None` for a catch-all.
    pub(crate) owner: Option<Owner>,
    /// The encoded `VirtualHost`, name and domains left out.
    pub(crate) body: Arc<[u8]>,
}

/// A route configuration without its virtual hosts.
#[derive(Clone, Debug)]
pub(crate) struct Shell {
    pub(crate) name: Arc<str>,
    /// The encoded `RouteConfiguration`.
    pub(crate) body: Arc<[u8]>,
}

/// Where virtual hosts stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Each is a resource.
    Apart,
    /// In their route configuration.
    Inline,
}

type Claim = (Rank, Option<Owner>, Arc<str>);

/// All route tables of a view.
#[derive(Debug)]
pub(crate) struct Tables {
    layout: Layout,
    tables: BTreeMap<Arc<str>, Table>,
    touched: BTreeMap<Arc<str>, Touched>,
}

#[derive(Debug, Default)]
struct Table {
    shell: Option<Arc<[u8]>>,
    hosts: BTreeMap<Arc<str>, HostPart>,
    claims: BTreeMap<String, BTreeSet<Claim>>,
    sent: BTreeMap<(Kind, Arc<str>), Resource>,
}

#[derive(Debug, Default)]
struct Touched {
    shell: bool,
    hosts: BTreeSet<Arc<str>>,
}

// === impl Tables ===

impl Tables {
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout, tables: BTreeMap::new(), touched: BTreeMap::new() }
    }

    /// Takes a virtual host out.
    pub(crate) fn remove_host(&mut self, table: &Arc<str>, name: &Arc<str>) {
        let Some(entry) = self.tables.get_mut(table) else { return };
        let Some(part) = entry.hosts.remove(name) else { return };
        let touched = self.touched.entry(Arc::clone(table)).or_default();
        touched.hosts.insert(Arc::clone(name));
        for (domain, rank) in &part.domains {
            let Some(claims) = entry.claims.get_mut(domain) else { continue };
            claims.remove(&(*rank, part.owner.clone(), Arc::clone(name)));
            touched.hosts.extend(claims.first().map(|(.., heir)| Arc::clone(heir)));
            if claims.is_empty() {
                entry.claims.remove(domain);
            }
        }
    }

    /// Puts a virtual host in; one of the same name must have been taken out before. A domain that it wants twice it wants under
    /// the better rank, which comes first.
    pub(crate) fn insert_host(&mut self, mut part: HostPart) {
        let mut wanted = BTreeSet::new();
        part.domains.retain(|(domain, _)| wanted.insert(domain.clone()));
        let touched = self.touched.entry(Arc::clone(&part.table)).or_default();
        let entry = self.tables.entry(Arc::clone(&part.table)).or_default();
        touched.hosts.insert(Arc::clone(&part.name));
        for (domain, rank) in &part.domains {
            let claims = entry.claims.entry(domain.clone()).or_default();
            touched.hosts.extend(claims.first().map(|(.., loser)| Arc::clone(loser)));
            claims.insert((*rank, part.owner.clone(), Arc::clone(&part.name)));
        }
        entry.hosts.insert(Arc::clone(&part.name), part);
    }

    /// Puts a shell in, or takes it out.
    pub(crate) fn set_shell(&mut self, name: &Arc<str>, body: Option<Arc<[u8]>>) {
        let entry = self.tables.entry(Arc::clone(name)).or_default();
        if entry.shell == body {
            return;
        }
        let touched = self.touched.entry(Arc::clone(name)).or_default();
        touched.shell = true;
        // Hosts of a table without a shell are not sent, so its coming and going is theirs.
        if entry.shell.is_none() || body.is_none() {
            touched.hosts.extend(entry.hosts.keys().cloned());
        }
        entry.shell = body;
    }

    /// What changed since the last call: `None` is gone.
    pub(crate) fn flush(&mut self) -> Vec<(Kind, Arc<str>, Option<Resource>)> {
        let mut updates = Vec::new();
        for (name, touched) in std::mem::take(&mut self.touched) {
            let Some(table) = self.tables.get_mut(&name) else { continue };
            match self.layout {
                Layout::Apart => table.flush_apart(&name, &touched, &mut updates),
                Layout::Inline => table.flush_inline(&name, &mut updates),
            }
            if table.shell.is_none() && table.hosts.is_empty() {
                self.tables.remove(&name);
            }
        }
        updates
    }

    /// Everything that is sent now.
    pub(crate) fn resources(&self) -> impl Iterator<Item = (Kind, &Resource)> {
        self.tables.values().flat_map(|table| table.sent.iter().map(|((kind, _), resource)| (*kind, resource)))
    }

    /// Domains that more than one host wants under the same rank, seen from the losers.
    pub(crate) fn findings(&self) -> impl Iterator<Item = Finding> {
        self.tables.iter().filter(|(_, table)| table.shell.is_some()).flat_map(|(name, table)| {
            let contested = table.claims.iter().filter(|(_, claims)| claims.len() > 1);
            contested.flat_map(move |(domain, claims)| conflicts(name, domain, claims))
        })
    }
}

// A short name or an address that stands behind a full name has simply another meaning here; only equals conflict.
fn conflicts(table: &str, domain: &str, claims: &BTreeSet<Claim>) -> Vec<Finding> {
    let mut claims = claims.iter();
    let Some((rank, owner, winner)) = claims.next() else { return Vec::new() };
    let winning = owner.as_ref().map_or_else(|| winner.to_string(), |owner| owner.object.to_string());
    let rivals = claims.filter(|(other, ..)| other == rank && *rank != Rank::CatchAll);
    rivals
        .map(|(_, owner, name)| Finding {
            code: Code::Conflict,
            object: owner.as_ref().map(|owner| owner.object.clone()),
            field: String::new(),
            message: format!(
                "route table {table}: domain {domain} of virtual host {name} is already taken by {winning} ({winner}), \
                 which is older; give one of the two another host or port"
            ),
        })
        .collect()
}

// === impl Table ===

impl Table {
    fn flush_apart(
        &mut self,
        name: &Arc<str>,
        touched: &Touched,
        updates: &mut Vec<(Kind, Arc<str>, Option<Resource>)>,
    ) {
        if touched.shell {
            let shell = self.shell.as_ref().map(|body| Resource::from_encoded(Kind::Route, Arc::clone(name), body));
            self.send(Kind::Route, name, shell, updates);
        }
        for host in &touched.hosts {
            let full: Arc<str> = format!("{name}/{host}").into();
            let body = self.shell.as_ref().and_then(|_| self.host(host, &full));
            let resource = body.map(|body| Resource::from_encoded(Kind::VirtualHost, Arc::clone(&full), &body));
            self.send(Kind::VirtualHost, &full, resource, updates);
        }
    }

    fn flush_inline(&mut self, name: &Arc<str>, updates: &mut Vec<(Kind, Arc<str>, Option<Resource>)>) {
        let resource = self.shell.as_ref().map(|shell| {
            let mut body = shell.to_vec();
            for host in self.hosts.keys().filter_map(|host| self.host(host, host)) {
                splice_host(&mut body, &host);
            }
            Resource::from_encoded(Kind::Route, Arc::clone(name), &body)
        });
        self.send(Kind::Route, name, resource, updates);
    }

    /// The encoded host with the domains it got, called `called`; `None` if there is none or it got none.
    ///
    /// As a resource a host must be called like the resource: Envoy keeps hosts by the name inside and removes them by the name
    /// of the resource, so that one with another name inside would answer for ever (measured, `xds/tests/envoy/hosts.rs`).
    fn host(&self, name: &Arc<str>, called: &str) -> Option<Vec<u8>> {
        let part = self.hosts.get(name)?;
        let won = part.domains.iter().filter(|(domain, _)| {
            let best = self.claims.get(domain).and_then(BTreeSet::first);
            best.is_some_and(|(.., winner)| winner == name)
        });
        let domains: Vec<String> = won.map(|(domain, _)| domain.clone()).collect();
        if domains.is_empty() {
            return None;
        }
        let head = VirtualHost { name: called.to_owned(), domains, ..VirtualHost::default() };
        let mut bytes = head.encode_to_vec();
        bytes.extend_from_slice(&part.body);
        Some(bytes)
    }

    fn send(
        &mut self,
        kind: Kind,
        name: &Arc<str>,
        resource: Option<Resource>,
        updates: &mut Vec<(Kind, Arc<str>, Option<Resource>)>,
    ) {
        let key = (kind, Arc::clone(name));
        let before = self.sent.get(&key).map(Resource::version);
        if before == resource.as_ref().map(Resource::version) {
            return;
        }
        match &resource {
            Some(resource) => self.sent.insert(key, resource.clone()),
            None => self.sent.remove(&key),
        };
        updates.push((kind, Arc::clone(name), resource));
    }
}

// Appending a field to an encoded message adds it to the message.
fn splice_host(table: &mut Vec<u8>, host: &[u8]) {
    const VIRTUAL_HOSTS: u32 = 2;
    prost::encoding::encode_key(VIRTUAL_HOSTS, prost::encoding::WireType::LengthDelimited, table);
    prost::encoding::encode_varint(host.len() as u64, table);
    table.extend_from_slice(host);
}

impl Shell {
    pub(crate) fn new(message: &RouteConfiguration) -> Self {
        let body = ferro_xds_protos::encode(Kind::Route, message);
        Self { name: message.name.as_str().into(), body: body.into() }
    }
}
