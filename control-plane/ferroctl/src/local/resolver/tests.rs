use super::{for_application, reachable};

#[test]
fn the_resolvers_behind_a_stub_on_loopback_are_taken() {
    let (stub, behind) = ("nameserver 127.0.0.53\noptions edns0\n", "nameserver 192.0.2.53\n");
    assert_eq!(reachable(stub, Some(behind)), behind);
    assert_eq!(reachable(stub, None), stub);
    let mixed = "nameserver 127.0.0.1\nnameserver 192.0.2.1\n";
    assert_eq!(reachable(mixed, Some(behind)), mixed);
}

#[test]
fn short_names_are_completed_as_in_a_pod() {
    let text = for_application("shop");
    assert!(text.contains("\nsearch shop.svc.cluster.local svc.cluster.local cluster.local\n"), "{text}");
}
