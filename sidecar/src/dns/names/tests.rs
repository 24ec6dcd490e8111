use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use super::{Found, Names, look_up};
use crate::dns::answer::Zone;

/// A name table for tests.
#[derive(Debug, Default)]
pub(in crate::dns) struct Table(BTreeMap<String, Vec<IpAddr>>);

impl Table {
    pub(in crate::dns) fn new<'a>(hosts: impl IntoIterator<Item = (&'a str, &'a [&'a str])>) -> Self {
        let parse = |ips: &[&str]| ips.iter().map(|ip| ip.parse().unwrap()).collect();
        Self(hosts.into_iter().map(|(host, ips)| (host.to_owned(), parse(ips))).collect())
    }
}

impl Names for Table {
    fn find(&self, host: &str) -> Option<Found<'_>> {
        self.0.get(host).map(|addresses| Found { addresses, ttl: Duration::from_secs(30) })
    }
}

fn first_address(host: &str) -> Option<String> {
    let table = Table::new([
        ("product.shop.svc.cluster.local", &["240.240.0.1"][..]),
        ("product.other.svc.cluster.local", &["240.240.0.2"][..]),
        ("api.example.com", &["240.240.0.3"][..]),
    ]);
    look_up(&table, host, &Zone::new("shop", "cluster.local")).map(|found| found.addresses[0].to_string())
}

#[test]
fn a_service_is_found_by_each_of_its_names() {
    for host in ["product", "product.shop", "product.shop.svc", "product.shop.svc.cluster.local"] {
        assert_eq!(first_address(host).as_deref(), Some("240.240.0.1"), "{host}");
    }
}

#[test]
fn a_service_of_another_namespace_needs_that_namespace() {
    assert_eq!(first_address("product.other").as_deref(), Some("240.240.0.2"));
    assert_eq!(first_address("product.other.svc.cluster.local").as_deref(), Some("240.240.0.2"));
}

#[test]
fn a_search_domain_behind_a_full_name_is_seen_through() {
    for domain in ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"] {
        let host = format!("api.example.com.{domain}");
        assert_eq!(first_address(&host).as_deref(), Some("240.240.0.3"), "{host}");
    }
}

#[test]
fn names_outside_the_mesh_are_not_found() {
    for host in ["example.com", "unknown", "unknown.shop.svc.cluster.local", "", ".", "cluster.local"] {
        assert_eq!(first_address(host), None, "{host:?}");
    }
}
