use super::ServerHost;
use crate::mesh::host::HostPattern;

fn admitted(server: &str, namespace: &str, host: &str) -> Option<String> {
    let admitted = ServerHost::parse(server, "edge").admits(namespace, &HostPattern::new(host));
    admitted.map(|pattern| pattern.to_string())
}

#[test]
fn a_server_host_takes_what_it_covers() {
    assert_eq!(admitted("*", "shop", "a.com").as_deref(), Some("a.com"));
    assert_eq!(admitted("*.com", "shop", "a.com").as_deref(), Some("a.com"));
    assert_eq!(admitted("a.com", "shop", "a.com").as_deref(), Some("a.com"));
    assert_eq!(admitted("a.com", "shop", "b.com"), None);
}

#[test]
fn of_a_wider_virtual_service_host_only_the_server_part_is_taken() {
    assert_eq!(admitted("a.com", "shop", "*.com").as_deref(), Some("a.com"));
    assert_eq!(admitted("a.com", "shop", "*").as_deref(), Some("a.com"));
}

#[test]
fn a_namespace_before_the_host_limits_who_may_bind() {
    assert!(admitted("shop/*", "shop", "a.com").is_some());
    assert!(admitted("shop/*", "bar", "a.com").is_none());
    assert!(admitted("./*", "edge", "a.com").is_some());
    assert!(admitted("./*", "shop", "a.com").is_none());
    assert!(admitted("*/a.com", "shop", "a.com").is_some());
}
