use super::Protocol;

fn named(name: &str) -> Protocol {
    Protocol::of_kubernetes_port("TCP", None, name, 9080)
}

#[test]
fn the_part_of_the_port_name_before_the_first_dash_is_the_protocol() {
    let expected = [
        ("http", Protocol::Http),
        ("http-web", Protocol::Http),
        ("http2-x", Protocol::Http2),
        ("grpc-api", Protocol::Grpc),
        ("grpc-web", Protocol::GrpcWeb),
        ("grpc-web-api", Protocol::GrpcWeb),
        ("https-x", Protocol::Https),
        ("tls", Protocol::Tls),
        ("tcp-x", Protocol::Tcp),
        ("mongo", Protocol::Mongo),
        ("redis-main", Protocol::Redis),
        ("mysql", Protocol::MySql),
        ("HTTP-upper", Protocol::Http),
    ];
    for (name, protocol) in expected {
        assert_eq!(named(name), protocol, "{name}");
    }
}

#[test]
fn a_name_that_says_nothing_means_that_the_protocol_is_found_out() {
    for name in ["", "web", "httpx", "my-http"] {
        assert_eq!(named(name), Protocol::Auto, "{name}");
    }
}

#[test]
fn app_protocol_wins_over_the_port_name() {
    let of = |app| Protocol::of_kubernetes_port("TCP", Some(app), "tcp-x", 9080);
    assert_eq!(of("http"), Protocol::Http);
    assert_eq!(of("grpc"), Protocol::Grpc);
    assert_eq!(of("kubernetes.io/h2c"), Protocol::Http2);
    assert_eq!(of("kubernetes.io/ws"), Protocol::Http);
    assert_eq!(of("kubernetes.io/wss"), Protocol::Https);
    assert_eq!(of("example.com/own"), Protocol::Auto);
}

#[test]
fn ports_whose_servers_speak_first_are_tcp_unless_declared() {
    for number in [25, 53, 3306, 27017] {
        assert_eq!(Protocol::of_kubernetes_port("TCP", None, "", number), Protocol::Tcp);
        assert_eq!(Protocol::of_kubernetes_port("TCP", None, "http", number), Protocol::Http);
    }
}

#[test]
fn udp_is_udp_whatever_it_is_called_and_is_not_served() {
    let port = Protocol::of_kubernetes_port("UDP", Some("http"), "http", 80);
    assert_eq!(port, Protocol::Udp);
    assert!(!port.is_served());
}

#[test]
fn a_service_entry_port_without_protocol_is_found_out() {
    assert_eq!(Protocol::of_entry_port(""), Protocol::Auto);
    assert_eq!(Protocol::of_entry_port("GRPC-WEB"), Protocol::GrpcWeb);
    assert_eq!(Protocol::of_entry_port("TLS"), Protocol::Tls);
}

#[test]
fn names_outside_of_ascii_are_no_protocol() {
    assert_eq!(named("grpc-wéb"), Protocol::Grpc);
    assert_eq!(named("éééééééé"), Protocol::Auto);
}
