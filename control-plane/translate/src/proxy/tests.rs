use std::collections::BTreeMap;

use ferro_xds_protos::wkt::{number_value, string_value, struct_of, struct_value};

use super::{Capture, InvalidNode, Proxy, ProxyKind, Variant};
use crate::pb::core::{Locality, Node};
use crate::pb::wkt::{Struct, Value};

const ID: &str = "sidecar~10.0.0.1~product-v1.shop~shop.svc.cluster.local";

fn node(id: &str, metadata: Struct) -> Node {
    Node { id: id.to_owned(), metadata: Some(metadata), ..Node::default() }
}

fn metadata(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Struct {
    struct_of(fields)
}

#[test]
fn a_node_without_metadata_is_known_by_its_id() {
    let proxy = Proxy::from_node(&node(ID, Struct::default()), Variant::Delta).expect("a proxy");
    assert_eq!(proxy.kind, ProxyKind::Sidecar);
    assert_eq!((&*proxy.workload, &*proxy.namespace), ("product-v1", "shop"));
    assert_eq!(proxy.addresses, ["10.0.0.1".parse::<std::net::IpAddr>().expect("an address")]);
    assert_eq!(proxy.capture, Capture::Redirect);
}

#[test]
fn metadata_says_what_the_id_cannot() {
    let fields = metadata([
        ("NAMESPACE", string_value("other")),
        ("WORKLOAD_NAME", string_value("product")),
        ("SERVICE_ACCOUNT", string_value("seller")),
        ("INTERCEPTION_MODE", string_value("NONE")),
        ("INSTANCE_IPS", string_value("10.0.0.1, fd00::1")),
        ("LABELS", struct_value(struct_of([("app", string_value("product"))]))),
        ("FERRO_APP_PORTS", struct_value(struct_of([("8080", number_value(31001.0))]))),
    ]);
    let mut node = node(ID, fields);
    node.locality = Some(Locality { region: "eu".to_owned(), zone: "a".to_owned(), sub_zone: String::new() });
    let proxy = Proxy::from_node(&node, Variant::Sotw).expect("a proxy");
    assert_eq!((&*proxy.workload, &*proxy.namespace, &*proxy.service_account), ("product", "other", "seller"));
    assert_eq!(proxy.capture, Capture::None);
    assert_eq!(proxy.addresses.len(), 2);
    assert_eq!(proxy.labels, BTreeMap::from([("app".to_owned(), "product".to_owned())]));
    assert_eq!(proxy.app_ports, BTreeMap::from([(8080, 31001)]));
    assert_eq!(proxy.locality.to_string(), "eu/a");
}

#[test]
fn a_workload_may_have_dots_in_its_name() {
    let proxy = Proxy::from_node(&node("router~::1~edge-10.0.0.1.infra~x", Struct::default()), Variant::Delta);
    let proxy = proxy.expect("a proxy");
    assert_eq!((&*proxy.workload, &*proxy.namespace), ("edge-10.0.0.1", "infra"));
    assert_eq!(proxy.kind, ProxyKind::Router);
}

#[test]
fn what_cannot_be_read_is_named() {
    let refused = |id: &str, fields: Struct| Proxy::from_node(&node(id, fields), Variant::Delta).expect_err("refused");
    let nothing = Struct::default;
    assert_eq!(refused("envoy-1", nothing()), InvalidNode::Id("envoy-1".to_owned()));
    assert!(
        matches!(refused("waypoint~10.0.0.1~a.b~c", nothing()), InvalidNode::Kind { kind, .. } if kind == "waypoint")
    );
    assert!(
        matches!(refused("sidecar~here~a.b~c", nothing()), InvalidNode::Address { address, .. } if address == "here")
    );
    assert!(matches!(refused("sidecar~10.0.0.1~nodots~c", nothing()), InvalidNode::Id(_)));
    let wrong = [
        ("INTERCEPTION_MODE", string_value("MAGIC")),
        ("INSTANCE_IPS", string_value("10.0.0.1,ten")),
        ("FERRO_APP_PORTS", struct_value(struct_of([("8080", number_value(0.5))]))),
    ];
    for (key, value) in wrong {
        let found = refused(ID, metadata([(key, value)]));
        assert!(matches!(found, InvalidNode::Metadata { key: named, .. } if named == key), "{found}");
    }
}
