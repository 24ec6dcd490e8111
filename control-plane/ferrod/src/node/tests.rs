use ferro_xds::Refusal;
use ferro_xds_protos::envoy::envoy::config::core::v3::Node;
use ferro_xds_protos::envoy::google::protobuf::Value;
use ferro_xds_protos::{PROTOCOL_VERSION, node as keys, wkt};

use super::{admit, number};

fn saying(value: Value) -> Node {
    Node { metadata: Some(wkt::struct_of([(keys::FERRO_PROTOCOL, value)])), ..Node::default() }
}

fn speaking(version: u32) -> Node {
    saying(wkt::number_value(version.into()))
}

#[test]
fn the_protocol_of_a_neighbouring_release_is_served() {
    for version in PROTOCOL_VERSION - 1..=PROTOCOL_VERSION + 1 {
        assert_eq!(admit(&speaking(version)), Ok(()), "{version}");
    }
    assert_eq!(admit(&Node::default()), Ok(()), "a client that is no agent of ours");
}

#[test]
fn a_protocol_further_away_is_refused_with_both_versions_and_the_next_step() {
    let Err(Refusal::Incompatible(reason)) = admit(&speaking(PROTOCOL_VERSION + 2)) else { panic!() };
    assert!(reason.contains(&format!("speaks protocol version {}", PROTOCOL_VERSION + 2)), "{reason}");
    assert!(reason.contains(&format!("this ferrod speaks {PROTOCOL_VERSION}")), "{reason}");
    assert!(reason.contains("upgrade ferrod"), "{reason}");
}

#[test]
fn a_protocol_version_that_is_no_number_is_refused_by_name() {
    for (value, found) in
        [(wkt::string_value("new"), "new"), (wkt::number_value(1.5), "1.5"), (wkt::number_value(-1.0), "-1")]
    {
        let Err(Refusal::Invalid(reason)) = admit(&saying(value)) else { panic!("{found}") };
        assert!(reason.contains("FERRO_PROTOCOL") && reason.contains(found), "{reason}");
    }
}

#[test]
fn numbers_may_come_as_text() {
    assert_eq!(number(&saying(wkt::string_value("7")), keys::FERRO_PROTOCOL), Ok(Some(7)));
    assert_eq!(number(&Node::default(), keys::FERRO_PROTOCOL), Ok(None));
}
