use super::{EndpointAddress, Locality};

#[test]
fn an_address_is_an_ip_a_name_or_a_unix_socket() {
    assert_eq!(EndpointAddress::parse("10.0.0.1"), EndpointAddress::Ip("10.0.0.1".parse().unwrap()));
    assert_eq!(EndpointAddress::parse("2001:db8::1"), EndpointAddress::Ip("2001:db8::1".parse().unwrap()));
    assert_eq!(EndpointAddress::parse("a.com"), EndpointAddress::Name("a.com".into()));
    assert_eq!(EndpointAddress::parse("unix:///run/x"), EndpointAddress::Unix("/run/x".into()));
}

#[test]
fn an_address_reads_back_as_it_was_written() {
    for text in ["10.0.0.1", "2001:db8::1", "a.com", "unix:///run/x"] {
        assert_eq!(EndpointAddress::parse(text).to_string(), text);
    }
}

#[test]
fn a_locality_has_up_to_three_parts() {
    let parts = |text: &str| {
        let locality = Locality::parse(text);
        [locality.region, locality.zone, locality.subzone].map(|part| part.to_string())
    };
    assert_eq!(parts("r/z/s"), ["r", "z", "s"]);
    assert_eq!(parts("r"), ["r", "", ""]);
    assert_eq!(parts(""), ["", "", ""]);
    for text in ["r/z/s", "r/z", "r", ""] {
        assert_eq!(Locality::parse(text).to_string(), text);
    }
}
