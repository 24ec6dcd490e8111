//! The names under which clients ask for a service.

use std::net::IpAddr;

use ferro_model::mesh::{Registry, Resolution, Service};

use crate::names;
use crate::tables::Rank;

/// The names of a service for clients in `namespace`, as they stand in a `Host` header without a port.
pub(crate) fn of_service(service: &Service, namespace: &str, cluster_domain: &str) -> Vec<(String, Rank)> {
    let host = &*service.host;
    let mut names = of_host(host, namespace, cluster_domain);
    if service.resolution == Resolution::Headless && service.registry == Registry::Kubernetes {
        // Its pods have names of their own below it.
        names.push((format!("*.{host}"), Rank::Alias));
    }
    names.extend(service.ips().map(|ip| (authority(ip), Rank::Address)));
    names
}

/// The names of a host that need not be a service.
pub(crate) fn of_host(host: &str, namespace: &str, cluster_domain: &str) -> Vec<(String, Rank)> {
    if let Ok(ip) = host.parse() {
        return vec![(authority(ip), Rank::Name)];
    }
    let mut names = vec![(host.to_owned(), Rank::Name)];
    if host.starts_with('*') {
        return names;
    }
    names.push((format!("{host}."), Rank::Alias));
    names.extend(short_forms(host, namespace, cluster_domain).into_iter().map(|name| (name, Rank::Alias)));
    names
}

/// The name of a host alone, without shorter forms.
pub(crate) fn exact(host: &str) -> (String, Rank) {
    (host.parse().map_or_else(|_| host.to_owned(), authority), Rank::Name)
}

/// The same names with a port, and without one where the port is the scheme's own: for tables that tell hosts apart by port.
pub(crate) fn with_port(names: Vec<(String, Rank)>, port: u16) -> Vec<(String, Rank)> {
    const HTTP: u16 = 80;
    let mut all = Vec::with_capacity(names.len() * 2);
    for (name, rank) in names {
        if port == HTTP {
            all.push((name.clone(), rank));
        }
        // Envoy knows wildcards at one end of a domain only, and `*.x:80` is one.
        all.push((names::host_port(&name, port), rank));
    }
    all
}

// What a pod's resolver would complete: `name` in its own namespace, `name.ns` and `name.ns.svc` in all.
fn short_forms(host: &str, namespace: &str, cluster_domain: &str) -> Vec<String> {
    let Some(service) = host.strip_suffix(cluster_domain).and_then(|rest| rest.strip_suffix(".svc.")) else {
        return Vec::new();
    };
    let Some((name, owner)) = service.split_once('.') else { return Vec::new() };
    let mut forms = Vec::with_capacity(3);
    if owner == namespace {
        forms.push(name.to_owned());
    }
    forms.extend([service.to_owned(), format!("{service}.svc")]);
    forms
}

// As it stands in a `Host` header.
fn authority(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}
