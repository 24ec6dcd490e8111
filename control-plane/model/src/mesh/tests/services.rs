//! What becomes of a Service or a ServiceEntry.

use super::fixture::{Doc, hosts, mesh, service, service_entry};
use crate::mesh::{
    AddressOrigin, AddressTable, Location, Protocol, Registry, Resolution, ServiceAddress, TargetPort, address,
};

#[test]
fn a_kubernetes_service_is_known_under_its_full_name() {
    let mesh =
        mesh(&[service("shop/reviews", "{clusterIP: 10.0.0.7, ports: [{name: http, port: 9080, targetPort: 8080}]}")]);
    let reviews = mesh.service("reviews.shop.svc.cluster.local", "shop").unwrap();
    assert_eq!(reviews.registry, Registry::Kubernetes);
    assert_eq!(reviews.addresses, [ServiceAddress::Ip("10.0.0.7".parse().unwrap())]);
    assert_eq!(reviews.address_origin, AddressOrigin::Declared);
    assert_eq!((reviews.resolution, reviews.location), (Resolution::Static, Location::Internal));
    let [port] = &reviews.ports[..] else { panic!("one port") };
    assert_eq!((port.number, &port.target, port.protocol), (9080, &TargetPort::Number(8080), Protocol::Http));
}

#[test]
fn a_target_port_defaults_to_the_port_and_may_be_a_name() {
    let mesh = mesh(&[service("shop/a", "{ports: [{name: http, port: 80}, {name: tcp-x, port: 81, targetPort: db}]}")]);
    let a = mesh.service("a.shop.svc.cluster.local", "shop").unwrap();
    assert_eq!(a.port(80).unwrap().target, TargetPort::Number(80));
    assert_eq!(a.port(81).unwrap().target, TargetPort::Name("db".into()));
}

#[test]
fn a_service_without_cluster_ip_is_headless_only_when_it_says_none() {
    let mesh = mesh(&[
        service("shop/headless", "{clusterIP: None, ports: [{port: 80}]}"),
        service("shop/unset", "{ports: [{port: 80}]}"),
    ]);
    let headless = mesh.service("headless.shop.svc.cluster.local", "shop").unwrap();
    assert_eq!((headless.resolution, headless.address_origin), (Resolution::Headless, AddressOrigin::NotApplicable));
    let unset = mesh.service("unset.shop.svc.cluster.local", "shop").unwrap();
    assert_eq!((unset.resolution, unset.address_origin), (Resolution::Static, AddressOrigin::Missing));
}

#[test]
fn an_external_name_service_is_resolved_by_dns() {
    let mesh = mesh(&[service("shop/out", "{type: ExternalName, externalName: api.example.com, ports: [{port: 80}]}")]);
    let out = mesh.service("out.shop.svc.cluster.local", "shop").unwrap();
    assert_eq!(out.external_name.as_deref(), Some("api.example.com"));
    assert_eq!(out.resolution, Resolution::Dns);
    assert_eq!(mesh.endpoints(out)[0].address.to_string(), "api.example.com");
}

#[test]
fn the_export_annotation_decides_who_sees_a_kubernetes_service() {
    let mesh = mesh(&[Doc::new("Service", "shop/a")
        .annotations("{networking.istio.io/exportTo: '., bar'}")
        .spec("{ports: [{port: 80}]}")]);
    let host = "a.shop.svc.cluster.local";
    assert!(mesh.service(host, "shop").is_some() && mesh.service(host, "bar").is_some());
    assert!(mesh.service(host, "other").is_none());
}

#[test]
fn a_service_entry_gives_one_service_for_each_host() {
    let mesh = mesh(&[service_entry(
        "shop/ext",
        "{hosts: [a.com, b.com], ports: [{number: 80, name: http, protocol: HTTP}]}",
    )]);
    assert_eq!(hosts(mesh.services()), ["a.com", "b.com"]);
}

#[test]
fn the_resolution_of_a_service_entry_is_what_it_says_and_none_by_default() {
    let expected = [
        ("NONE", Resolution::None),
        ("STATIC", Resolution::Static),
        ("DNS", Resolution::Dns),
        ("DNS_ROUND_ROBIN", Resolution::DnsRoundRobin),
    ];
    for (text, resolution) in expected {
        let spec =
            format!("{{hosts: [a.com], ports: [{{number: 80, name: http, protocol: HTTP}}], resolution: {text}}}");
        let mesh = mesh(&[service_entry("shop/ext", &spec)]);
        assert_eq!(mesh.service("a.com", "shop").unwrap().resolution, resolution, "{text}");
    }
    let unset = mesh(&[service_entry("shop/ext", "{hosts: [a.com], ports: [{number: 80, name: http}]}")]);
    assert_eq!(unset.service("a.com", "shop").unwrap().resolution, Resolution::None);
}

#[test]
fn a_dynamic_dns_entry_has_a_wildcard_host() {
    let spec = "{hosts: ['*.example.com'], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DYNAMIC_DNS}";
    let mesh = mesh(&[service_entry("shop/ext", spec)]);
    let wildcard = mesh.service("*.example.com", "shop").unwrap();
    assert_eq!(wildcard.resolution, Resolution::DynamicDns);
    assert_eq!(wildcard.address_origin, AddressOrigin::NotApplicable);
}

#[test]
fn a_service_entry_is_external_by_default() {
    let mesh = mesh(&[
        service_entry("shop/a", "{hosts: [a.com], ports: [{number: 80, name: http}]}"),
        service_entry("shop/b", "{hosts: [b.com], ports: [{number: 80, name: http}], location: MESH_INTERNAL}"),
    ]);
    assert_eq!(mesh.service("a.com", "shop").unwrap().location, Location::External);
    assert_eq!(mesh.service("b.com", "shop").unwrap().location, Location::Internal);
}

#[test]
fn a_service_entry_keeps_addresses_ranges_and_server_names() {
    let spec = "{hosts: [a.com], addresses: [1.2.3.4, 10.0.0.0/8, 1.2.3.5/32], ports: [{number: 80, name: tcp, protocol: TCP}],
        resolution: STATIC, subjectAltNames: [spiffe://x]}";
    let mesh = mesh(&[service_entry("shop/a", spec)]);
    let a = mesh.service("a.com", "shop").unwrap();
    let ip = |text: &str| ServiceAddress::Ip(text.parse().unwrap());
    assert_eq!(a.addresses, [ip("1.2.3.4"), ServiceAddress::Range("10.0.0.0".parse().unwrap(), 8), ip("1.2.3.5")]);
    assert_eq!(a.subject_alt_names, ["spiffe://x"]);
}

#[test]
fn a_service_entry_is_seen_by_whom_it_is_exported_to() {
    let spec = |export| format!("{{hosts: [a.com], ports: [{{number: 80, name: http}}], exportTo: [{export}]}}");
    let private = mesh(&[service_entry("shop/a", &spec("'.'"))]);
    assert!(private.service("a.com", "shop").is_some() && private.service("a.com", "bar").is_none());
    let nobody = mesh(&[service_entry("shop/a", &spec("'~'"))]);
    assert!(nobody.service("a.com", "shop").is_none());
}

#[test]
fn of_two_services_with_one_host_the_own_namespace_wins_then_kubernetes_then_the_oldest() {
    let entry = "{hosts: [reviews.shop.svc.cluster.local], ports: [{number: 80, name: http}]}";
    let mesh = mesh(&[
        service_entry("old/squatter", entry),
        service_entry("young/squatter", entry),
        service("shop/reviews", "{ports: [{port: 80}]}"),
        service_entry("old/one", "{hosts: [a.com], ports: [{number: 80, name: http}]}"),
        service_entry("elder/two", "{hosts: [a.com], ports: [{number: 80, name: http}]}"),
    ]);
    let owner = |host: &str, from: &str| mesh.service(host, from).unwrap().namespace.to_string();
    assert_eq!(owner("reviews.shop.svc.cluster.local", "shop"), "shop");
    assert_eq!(owner("reviews.shop.svc.cluster.local", "elsewhere"), "shop");
    assert_eq!(owner("reviews.shop.svc.cluster.local", "young"), "young");
    assert_eq!(owner("a.com", "elsewhere"), "old");
    assert_eq!(owner("a.com", "elder"), "elder");
}

#[test]
fn a_rival_that_the_client_does_not_see_wins_nothing() {
    let mesh = mesh(&[
        service_entry("old/one", "{hosts: [a.com], ports: [{number: 80, name: http}], exportTo: ['.']}"),
        service_entry("young/two", "{hosts: [a.com], ports: [{number: 80, name: http}]}"),
    ]);
    assert_eq!(&*mesh.service("a.com", "elsewhere").unwrap().namespace, "young");
}

#[test]
fn services_without_an_address_are_listed_until_they_get_one() {
    let before = mesh(&[
        service("shop/a", "{ports: [{port: 80}]}"),
        service("shop/own", "{clusterIP: 10.0.0.1, ports: [{port: 80}]}"),
        service_entry("shop/dns", "{hosts: [b.com], ports: [{number: 80, name: http}], resolution: DNS}"),
        service_entry("shop/none", "{hosts: [c.com], ports: [{number: 80, name: http}]}"),
        service_entry("shop/wild", "{hosts: ['*.d.com'], ports: [{number: 80, name: http}], resolution: STATIC}"),
    ]);
    let wanted: Vec<String> = before.unaddressed().map(|key| key.host.to_string()).collect();
    assert_eq!(wanted, ["a.shop.svc.cluster.local", "b.com"]);

    let table = address::allocate(&AddressTable::default(), before.unaddressed().cloned()).table;
    let after = before.with_addresses(table.clone());
    assert_eq!(after.unaddressed().count(), 0);
    let b = after.service("b.com", "shop").unwrap();
    assert_eq!(b.address_origin, AddressOrigin::Allocated);
    let key = crate::mesh::AddressKey::of(b);
    assert_eq!(b.ips().collect::<Vec<_>>(), [std::net::IpAddr::V4(table.get(&key).unwrap())]);
    assert!(std::sync::Arc::ptr_eq(before.service("c.com", "shop").unwrap(), after.service("c.com", "shop").unwrap()));
}

#[test]
fn an_address_table_given_before_the_service_is_used_when_it_comes() {
    let all = mesh(&[service("shop/a", "{ports: [{port: 80}]}")]);
    let table = address::allocate(&AddressTable::default(), all.unaddressed().cloned()).table;
    let early =
        mesh(&[]).with_addresses(table).apply(&super::fixture::changes(&[service("shop/a", "{ports: [{port: 80}]}")]));
    assert_eq!(early.service("a.shop.svc.cluster.local", "shop").unwrap().address_origin, AddressOrigin::Allocated);
}
