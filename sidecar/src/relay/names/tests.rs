use std::time::Duration;

use ferro_xds_protos::{Kind, Resource, ferromesh::v1::NameTable as Wire};

use super::{InvalidName, NameEntry, NameTable};

fn resource(name: &str, ips: &[&str], ttl_seconds: u32) -> Resource {
    let ips = ips.iter().map(ToString::to_string).collect();
    Resource::encode(Kind::NameTable, name, &Wire { name: name.into(), ips, ttl_seconds, ..Default::default() })
}

fn table(hosts: &[&str]) -> NameTable {
    let mut table = NameTable::default();
    for (index, host) in hosts.iter().enumerate() {
        let resource = resource(host, &[&format!("240.240.0.{index}")], 0);
        table.put(resource.name(), NameEntry::read(&resource).expect("a valid entry"));
    }
    table
}

fn first_ip(table: &NameTable, host: &str) -> Option<String> {
    table.get(host).map(|entry| entry.ips[0].to_string())
}

#[test]
fn a_host_answers_for_itself_and_a_wildcard_for_all_below_it() {
    let table = table(&["a.example.com", "*.example.com", "*.b.example.com"]);
    assert_eq!(first_ip(&table, "a.example.com").as_deref(), Some("240.240.0.0"));
    assert_eq!(first_ip(&table, "c.example.com").as_deref(), Some("240.240.0.1"));
    assert_eq!(first_ip(&table, "x.y.example.com").as_deref(), Some("240.240.0.1"));
    assert_eq!(first_ip(&table, "x.b.example.com").as_deref(), Some("240.240.0.2"));
    assert_eq!(first_ip(&table, "example.com"), None);
    assert_eq!(first_ip(&table, "other"), None);
}

#[test]
fn an_answer_may_be_kept_for_thirty_seconds_unless_ferrod_says_otherwise() {
    let ttl = |seconds| NameEntry::read(&resource("a", &["::1"], seconds)).expect("valid").ttl;
    assert_eq!(ttl(0), Duration::from_secs(30));
    assert_eq!(ttl(5), Duration::from_secs(5));
}

#[test]
fn a_bad_address_or_encoding_is_refused_by_name() {
    let bad = NameEntry::read(&resource("a.b", &["1.2.3.4", "1.2.3"], 0));
    assert!(matches!(&bad, Err(InvalidName::Address { ip, .. }) if ip == "1.2.3"), "{bad:?}");
    let garbage = Resource::from_parts(Kind::NameTable.type_url(), "a.b".into(), "v".into(), b"\xff\xff");
    assert!(matches!(NameEntry::read(&garbage), Err(InvalidName::Encoding { .. })));
}
