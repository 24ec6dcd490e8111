use std::sync::Arc;

use ferro_xds_protos::{
    Kind,
    envoy::{
        envoy::{
            config::core::v3::Node,
            service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse, Resource},
        },
        google::{protobuf::Any, rpc::Status},
    },
};

use super::{ClientSession, Unusable};

const CDS: Kind = Kind::Cluster;
const EDS: Kind = Kind::Endpoint;

fn session() -> ClientSession {
    ClientSession::new(Node { id: "n".to_owned(), ..Default::default() })
}

fn names(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

fn response(kind: Kind, nonce: &str, resources: &[(&str, &str)], removed: &[&str]) -> DeltaDiscoveryResponse {
    let resource = |(name, version): &(&str, &str)| Resource {
        name: (*name).to_owned(),
        version: (*version).to_owned(),
        resource: Some(Any { type_url: kind.type_url().to_owned(), value: Vec::new() }),
        ..Default::default()
    };
    DeltaDiscoveryResponse {
        type_url: kind.type_url().to_owned(),
        nonce: nonce.to_owned(),
        resources: resources.iter().map(resource).collect(),
        removed_resources: removed.iter().map(|name| (*name).to_owned()).collect(),
        ..Default::default()
    }
}

fn next(session: &mut ClientSession) -> DeltaDiscoveryRequest {
    session.next_request().expect("a request")
}

#[test]
fn the_node_goes_out_on_the_first_request_of_each_stream_only() {
    let mut session = session();
    session.subscribe_all(CDS);
    session.subscribe(EDS, names(&["a"]));
    assert!(next(&mut session).node.is_some());
    assert!(next(&mut session).node.is_none());
    assert!(session.next_request().is_none());
    session.connected();
    assert!(next(&mut session).node.is_some());
}

#[test]
fn a_plain_wildcard_goes_without_names_and_one_with_names_says_so() {
    let mut session = session();
    session.subscribe_all(CDS);
    assert!(next(&mut session).resource_names_subscribe.is_empty());
    session.subscribe(CDS, names(&["a"]));
    session.connected();
    assert_eq!(next(&mut session).resource_names_subscribe, ["a", "*"]);
}

#[test]
fn only_what_was_accepted_is_declared_on_the_next_stream() {
    let mut session = session();
    session.subscribe_all(CDS);
    next(&mut session);
    session.on_response(response(CDS, "1", &[("a", "1"), ("b", "1")], &[])).expect("usable");
    session.on_response(response(CDS, "2", &[("c", "1")], &[])).expect("usable");
    session.on_response(response(CDS, "3", &[("a", "2")], &["b"])).expect("usable");
    session.ack(CDS, "1");
    session.nack(CDS, "2", Status { code: 13, message: "no".to_owned(), details: Vec::new() });
    let replies = [next(&mut session), next(&mut session)];
    assert_eq!(replies.each_ref().map(|reply| reply.response_nonce.as_str()), ["1", "2"]);
    assert_eq!(replies.each_ref().map(|reply| reply.error_detail.is_some()), [false, true]);
    session.connected();
    let held = next(&mut session).initial_resource_versions;
    assert_eq!((held.len(), held["a"].as_str(), held["b"].as_str()), (2, "1", "1"));
    session.ack(CDS, "3");
    assert!(session.next_request().is_none(), "a nonce of the old stream means nothing");
}

#[test]
fn an_unsubscribed_name_is_forgotten() {
    let mut session = session();
    session.subscribe(EDS, names(&["a"]));
    next(&mut session);
    session.on_response(response(EDS, "1", &[("a", "1")], &[])).expect("usable");
    session.ack(EDS, "1");
    session.unsubscribe(EDS, names(&["a"]));
    let request = next(&mut session);
    assert_eq!(request.resource_names_unsubscribe, ["a"]);
    assert_eq!(request.response_nonce, "1", "one message answers and unsubscribes");
    assert!(session.held(EDS).is_empty());
}

#[test]
fn a_response_that_says_a_name_twice_is_refused() {
    let mut session = session();
    session.subscribe_all(CDS);
    next(&mut session);
    let twice = session.on_response(response(CDS, "1", &[("a", "1")], &["a"]));
    assert_eq!(twice.err(), Some(Unusable::Duplicate("a".to_owned())));
    assert!(next(&mut session).error_detail.is_some());
}

#[test]
fn health_is_said_once_a_stream() {
    let mut session = session();
    session.report_health(None);
    assert_eq!(next(&mut session).type_url, crate::HEALTH_TYPE_URL);
    session.report_health(None);
    assert!(session.next_request().is_none());
    session.connected();
    assert!(session.next_request().is_some());
}
